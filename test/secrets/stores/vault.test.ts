import { Secret } from '../../../src/lib/redact.ts';
import { schemaOf } from '../../../src/lib/secrets/schema.ts';
import { vaultStore } from '../../../src/lib/secrets/stores/vault.ts';
import { testContext } from '../../support/context.ts';
import { hasOpenBao, NEEDS_OPENBAO, startOpenBao } from '../../support/openbao.ts';
import { storeContract } from '../contract.ts';

describe('store contract: vault, on OpenBao', () => {
  if (!hasOpenBao()) {
    it(NEEDS_OPENBAO);
    return;
  }
  storeContract(async () => {
    const server = await startOpenBao();
    const context = testContext();
    const vault = { address: server.address, token: new Secret(server.token) };
    return {
      store: vaultStore({ vault, aws: {}, schema: schemaOf('jamf') }, context),
      advance: (ms) => {
        context.clock.advance(ms);
      },
      close: () => server.close(),
    };
  });
});
