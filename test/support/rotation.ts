/** What tests of rotations and deployments need of a sandbox: its secret, a client of its ECS. */
import { ECSClient } from '@aws-sdk/client-ecs';
import type { Sandbox } from '../../src/lib/sandbox/index.ts';
import { fieldsFrom, schemaOf } from '../../src/lib/secrets/schema.ts';
import { awsStore } from '../../src/lib/secrets/stores/aws.ts';
import type { SecretStore } from '../../src/lib/secrets/store.ts';
import type { Context } from '../../src/lib/host.ts';
import { repeatOf } from '../../src/lib/cli/rotate-flags.ts';
import { abort } from '../../src/lib/rotation/abort.ts';
import { jamfIssuer, type Rotator } from '../../src/lib/rotation/issuers/jamf.ts';
import type { Recorder, RotationRecord } from '../../src/lib/rotation/record.ts';
import { resumeRotation } from '../../src/lib/rotation/resume.ts';
import { rotate } from '../../src/lib/rotation/rotate.ts';
import { undo } from '../../src/lib/rotation/undo.ts';
import type { RotateInput, RotateResult } from '../../src/lib/rotation/work.ts';
import type { TestContext } from './context.ts';
import { sdkConfig } from './sandbox.ts';

/** The secret's name in the sandbox. */
export const SECRET = 'jamf-mcp-server/production';

/** Version id of what {@link seedSecret} stores. */
export const SEEDED_VERSION = '00000000-0000-4000-8000-00000000aaaa';

/** The store of the sandbox; AWS variables have to lead there. */
export const storeOf = (context: Context): SecretStore => awsStore({ aws: {}, schema: schemaOf('jamf') }, context);

/** Create the secret with the fields that the sandbox accepts. */
export async function seedSecret(sandbox: Sandbox, context: Context): Promise<void> {
  await storeOf(context).create({
    name: SECRET,
    description: '',
    tags: {},
    fields: fieldsFrom(schemaOf('jamf'), sandbox.fields),
    token: SEEDED_VERSION,
  });
}

/** Keeps records in memory. */
export function memoryRecorder(): { records: RotationRecord[]; recorder: () => Recorder } {
  const records: RotationRecord[] = [];
  return {
    records,
    recorder: () => ({
      prepare: () => Promise.resolve(),
      write: (record) => {
        records.push(record);
        return Promise.resolve(`/records/${record.rotationId}.json`);
      },
    }),
  };
}

/** A process that rotates, and is gone as soon as it has stopped. */
export const RUNNER = { user: 'tester', host: 'bench', pid: 4711 };

/** The command lines of hints. */
export const command = repeatOf('jamf-mcp', {});

/** A plain client of the sandbox's ECS. */
export const ecsClient = (sandbox: Sandbox) => new ECSClient(sdkConfig(sandbox));

/** Every command on a rotation of the sandbox's secret. */
export function runsIn(
  context: TestContext,
  { rotator, memory }: { rotator: Rotator | null; memory: ReturnType<typeof memoryRecorder> },
) {
  const through =
    (work: (input: RotateInput, context: Context) => Promise<RotateResult>) =>
    (options: Partial<RotateInput> = {}): Promise<RotateResult> => {
      context.answer(true);
      return work(
        {
          secret: SECRET,
          environment: 'production',
          openStore: (held) => Promise.resolve(storeOf(held)),
          issuers: ({ strategy }) =>
            Promise.resolve((held) => jamfIssuer(rotator, held, { strategy, dryRun: options.dryRun ?? false })),
          choice: { issuer: 'jamf', fields: ['JAMF_CLIENT_SECRET'], strategy: null },
          ecs: work === rotate ? { cluster: 'jamf-mcp-cluster', service: 'jamf-mcp-service' } : null,
          aws: {},
          noDeploy: false,
          limitMs: 60_000,
          dryRun: false,
          reason: null,
          runner: RUNNER,
          isRunning: () => false,
          recorder: memory.recorder,
          command,
          ...options,
        },
        context,
      );
    };
  return { rotate: through(rotate), resume: through(resumeRotation), undo: through(undo), abort: through(abort) };
}
