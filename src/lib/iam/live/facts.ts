/** Looks up what a task definition refers to: its secrets, their keys, the policies of both. */
import type { TaskDefinition } from '@aws-sdk/client-ecs';
import { parseValueFrom } from '../../ecs/value-from.ts';
import type { KeyFact, SecretFact, TaskFacts } from '../join-facts.ts';
import type { Source } from '../source.ts';
import { orDenied, type Clients } from './clients.ts';
import { accountOf, regionOf } from './form.ts';
import { keyOf } from './keys.ts';
import { describedSecret, secretPolicyFrom } from './read.ts';

/**
 * Collect the facts of a task definition. What may not be read is told in `unread`, and judged at its word.
 * @throws JamfMcpError anything but a refusal
 */
export async function readFacts(clients: Clients, definition: TaskDefinition): Promise<TaskFacts> {
  const arn = definition.taskDefinitionArn ?? '';
  const unread = new Set<string>();
  const partition = arn.split(':')[1] ?? 'aws';
  const secrets: Record<string, SecretFact | null> = {};
  await Promise.all(
    [...secretsOf(definition)].map(async (named) => {
      const found = await readSecret(clients, named, unread);
      if (found !== undefined) secrets[named] = found;
    }),
  );
  const keys: Record<string, KeyFact | null> = {};
  const named = Object.values(secrets).flatMap((secret) => (secret?.key ? [{ ...secret, key: secret.key }] : []));
  await Promise.all(
    [...new Map(named.map((secret) => [secret.key, secret])).values()].map(async ({ key, arn: secret }) => {
      const found = await keyOf(clients, key, secret, unread);
      if (found !== undefined) keys[key] = found;
    }),
  );
  return { partition, region: regionOf(arn) ?? '', account: accountOf(arn), secrets, keys, unread: [...unread] };
}

/** Every secret of Secrets Manager that a task definition names, each once. */
function secretsOf({ containerDefinitions = [] }: TaskDefinition): Set<string> {
  const texts = containerDefinitions.flatMap((container) => [
    ...(container.secrets ?? []).map(({ valueFrom }) => valueFrom),
    ...(container.logConfiguration?.secretOptions ?? []).map(({ valueFrom }) => valueFrom),
    ...(container.environment ?? []).map(({ value }) => value),
    container.repositoryCredentials?.credentialsParameter,
  ]);
  return new Set(texts.flatMap((text) => parseValueFrom(text ?? '')?.secretArn ?? []));
}

/** Null: there is no such secret; undefined: it may not be read. */
async function readSecret(
  clients: Clients,
  named: string,
  unread: Set<string>,
): Promise<SecretFact | null | undefined> {
  const denials = new Set<string>();
  const answer = await orDenied(describedSecret(clients, named), ({ message }) => {
    denials.add(`whether the secret is there and which key it has: ${message}`);
  });
  for (const denial of denials) unread.add(denial);
  if (!answer) return denials.size > 0 ? undefined : null;
  const deleted = answer.DeletedDate !== undefined;
  // A secret that is going has no policy that could be read.
  const policy = deleted ? undefined : await secretPolicy(clients, named, unread);
  return {
    arn: answer.ARN ?? named,
    name: answer.Name ?? named,
    key: answer.KmsKeyId ?? null,
    stages: answer.VersionIdsToStages ?? {},
    tags: Object.fromEntries((answer.Tags ?? []).map(({ Key = '', Value = '' }) => [Key, Value])),
    deleted,
    ...(policy === undefined ? {} : { policy }),
  };
}

/** Null: it has none; undefined: it may not be read. */
async function secretPolicy(clients: Clients, named: string, unread: Set<string>): Promise<Source | null | undefined> {
  const answer = await orDenied(
    secretPolicyFrom(clients, named).then((policy) => ({ policy })),
    ({ message }) => unread.add(`the resource policy of a secret, which may allow or deny more: ${message}`),
  );
  return answer?.policy;
}
