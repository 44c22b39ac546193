/** From settings to a store. */
import type { Settings } from '../config/settings.ts';
import type { Context } from '../host.ts';
import { allSchemas, schemaFor, type SchemaChoice } from './schema.ts';
import type { SecretStore, StoreKind } from './store.ts';
import type { LocalOptions } from './stores/local-access.ts';

/** One line a store; its module is loaded on first use. */
const STORES: Record<StoreKind, (settings: Settings, choice: SchemaChoice, context: Context) => Promise<SecretStore>> =
  {
    aws: async (settings, choice, context) => {
      const { awsStore } = await import('./stores/aws.ts');
      return awsStore({ aws: { ...settings.aws, reason: settings.reason }, ...choice }, context);
    },
    local: async (settings, choice, context) => {
      const { localStore } = await import('./stores/local.ts');
      return localStore({ ...localOptions(settings), ...choice }, context);
    },
    vault: async (settings, choice, context) => {
      const { vaultStore } = await import('./stores/vault.ts');
      return vaultStore({ vault: settings.vault, aws: settings.aws, ...choice }, context);
    },
    azure: async (settings, choice, context) => {
      const { azureStore } = await import('./stores/azure.ts');
      return azureStore({ azure: settings.azure, ...choice }, context);
    },
  };

/**
 * Open the store that the settings name, for a secret of their schema. Nothing is contacted or created yet.
 * @throws JamfMcpError CONFIG_INVALID for an unknown schema
 */
export async function openStore(settings: Settings, context: Context): Promise<SecretStore> {
  return await STORES[settings.store](settings, { schema: schemaFor(settings) }, context);
}

/**
 * Open the store that the settings name, for any secret in it. Which schema a secret is of is decided here and nowhere
 * else: the one that was named for this run, else the one of the secret's tag, else the one that the settings have.
 * @throws JamfMcpError CONFIG_INVALID for an unknown schema
 */
export async function openTagged(settings: Settings, context: Context): Promise<SecretStore> {
  const schema = schemaFor(settings);
  const tagged = (name: string) => allSchemas(settings.schemas).find((known) => known.name === name) ?? null;
  const choice = settings.schemaNamed ? { schema } : { schema, tagged };
  return await STORES[settings.store](settings, choice, context);
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
