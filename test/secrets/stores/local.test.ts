import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { schemaOf } from '../../../src/lib/secrets/schema.ts';
import { localStore } from '../../../src/lib/secrets/stores/local.ts';
import { testContext } from '../../support/context.ts';
import { storeContract } from '../contract.ts';

describe('store contract: local', () => {
  storeContract(async () => {
    const parent = await mkdtemp(join(tmpdir(), 'jamf-mcp-store-'));
    const context = testContext();
    return {
      store: localStore(
        { folder: join(parent, 'store'), schema: schemaOf('jamf'), user: 'tester', localKey: 'file' },
        context,
      ),
      advance: (ms) => {
        context.clock.advance(ms);
      },
      close: () => rm(parent, { recursive: true }),
    };
  });
});
