/** What Secrets Manager tells EventBridge when a staging label moves. */
import type { BusEvent } from './events.ts';
import { ACCOUNT, type AwsHandlers, type World } from './service.ts';
import type { Vault } from './secretsmanager-versions.ts';

/** The operations that can move a label. */
const MOVING = ['PutSecretValue', 'UpdateSecret', 'UpdateSecretVersionStage'];

/** Labels of which nothing is told. */
const SILENT = ['AWSPENDING', 'AWSPREVIOUS'];

/**
 * The same handlers, telling of each label that is on another version afterwards.
 * @param publish - takes an event in the shape of AWS's guide, "Secret Label Updated"
 */
export function withLabelEvents(
  handlers: AwsHandlers,
  vault: Vault,
  world: World,
  publish: (event: BusEvent) => void,
): AwsHandlers {
  const labelsOf = (region: string, id: unknown) => {
    const versions = typeof id === 'string' ? vault.find(region, id)?.versions : undefined;
    return new Map(
      [...(versions?.values() ?? [])].flatMap((version) => [...version.stages].map((label) => [label, version.id])),
    );
  };
  const watched = MOVING.map((operation): [string, AwsHandlers[string]] => [
    operation,
    (input, call) => {
      const before = labelsOf(call.region, input.SecretId);
      const output = handlers[operation]?.(input, call);
      const secret = typeof input.SecretId === 'string' ? vault.find(call.region, input.SecretId) : null;
      for (const [label, versionId] of labelsOf(call.region, input.SecretId)) {
        if (!secret || SILENT.includes(label) || before.get(label) === versionId) continue;
        const event: BusEvent = {
          version: '0',
          id: world.random.uuid(),
          'detail-type': 'Secret Label Updated',
          source: 'aws.secretsmanager',
          account: ACCOUNT,
          time: new Date(world.clock.now()).toISOString().replace(/\.\d+Z$/, 'Z'),
          region: call.region,
          resources: [secret.arn],
          detail: { name: secret.name, labelUpdated: label, versionId },
        };
        world.clock.after(0, () => {
          publish(event);
        });
      }
      return output;
    },
  ]);
  return { ...handlers, ...Object.fromEntries(watched) };
}
