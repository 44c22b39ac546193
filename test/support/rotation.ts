/** What tests of rotations and deployments need of a sandbox: its secret, a client of its ECS. */
import { ECSClient } from '@aws-sdk/client-ecs';
import type { Sandbox } from '../../src/lib/sandbox/index.ts';
import { fieldsFrom, schemaOf } from '../../src/lib/secrets/schema.ts';
import { awsStore } from '../../src/lib/secrets/stores/aws.ts';
import type { SecretStore } from '../../src/lib/secrets/store.ts';
import type { Context } from '../../src/lib/host.ts';
import type { Recorder, RotationRecord } from '../../src/lib/rotation/record.ts';
import type { Verb } from '../../src/lib/rotation/work.ts';
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
export const command = (verb: Verb) => (verb === 'rotate' ? 'jamf-mcp rotate' : `jamf-mcp rotate ${verb}`);

/** A plain client of the sandbox's ECS. */
export const ecsClient = (sandbox: Sandbox) => new ECSClient(sdkConfig(sandbox));
