/** The AWS store on a loopback endpoint, as the contract suite needs it. */
import { schemaOf } from '../../src/lib/secrets/schema.ts';
import { awsStore } from '../../src/lib/secrets/stores/aws.ts';
import type { SecretStore } from '../../src/lib/secrets/store.ts';
import { testContext } from './context.ts';
import { setEnvironment } from './env.ts';

/** Point the AWS SDK of this process at a server until `close`. */
export function awsStoreAt(server: { environment: Record<string, string>; close(): Promise<void> }): {
  store: SecretStore;
  close(): Promise<void>;
} {
  const restore = setEnvironment({ AWS_PROFILE: undefined, AWS_SESSION_TOKEN: undefined, ...server.environment });
  return {
    store: awsStore({ aws: {}, schema: schemaOf('jamf') }, testContext()),
    close: async () => {
      restore();
      await server.close();
    },
  };
}
