import { schemaOf } from '../../../src/lib/secrets/schema.ts';
import { azureStore } from '../../../src/lib/secrets/stores/azure.ts';
import { testContext } from '../../support/context.ts';
import { keyVault, VAULT_URL } from '../../support/keyvault.ts';
import { storeContract } from '../contract.ts';

describe('store contract: azure, on an emulated Key Vault', () => {
  storeContract(() => {
    const context = testContext();
    const { httpClient, credential } = keyVault(() => context.clock.now());
    return Promise.resolve({
      store: azureStore(
        { azure: { vault: VAULT_URL }, schema: schemaOf('jamf'), credential, client: { httpClient } },
        context,
      ),
      advance: (ms) => {
        context.clock.advance(ms);
      },
    });
  });
});
