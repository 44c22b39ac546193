/** From settings to a store. */
import type { Settings } from '../config/settings.ts';
import type { Context } from '../host.ts';
import { schemaFor } from './schema.ts';
import type { SecretStore, StoreKind } from './store.ts';
import type { LocalOptions } from './stores/local-access.ts';

/** One line a store; its module is loaded on first use. */
const STORES: Record<StoreKind, (settings: Settings, context: Context) => Promise<SecretStore>> = {
  aws: async (settings, context) => {
    const { awsStore } = await import('./stores/aws.ts');
    return awsStore({ aws: { ...settings.aws, reason: settings.reason }, schema: schemaFor(settings) }, context);
  },
  local: async (settings, context) => {
    const { localStore } = await import('./stores/local.ts');
    return localStore({ ...localOptions(settings), schema: schemaFor(settings) }, context);
  },
  vault: async (settings, context) => {
    const { vaultStore } = await import('./stores/vault.ts');
    return vaultStore({ vault: settings.vault, aws: settings.aws, schema: schemaFor(settings) }, context);
  },
  azure: async (settings, context) => {
    const { azureStore } = await import('./stores/azure.ts');
    return azureStore({ azure: settings.azure, schema: schemaFor(settings) }, context);
  },
};

/**
 * Open the store that the settings name. Nothing is contacted or created yet.
 * @throws JamfMcpError CONFIG_INVALID for an unknown schema
 */
export async function openStore(settings: Settings, context: Context): Promise<SecretStore> {
  return await STORES[settings.store](settings, context);
}

/** What the local store goes by, of the settings. */
export function localOptions(settings: Settings): LocalOptions {
  return {
    folder: settings.localStore,
    user: settings.user ?? null,
    localKey: settings.localKey ?? null,
    passphrase: settings.passphrase ?? null,
    reason: settings.reason ?? null,
  };
}
