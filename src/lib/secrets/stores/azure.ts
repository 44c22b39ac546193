/**
 * The store on Azure Key Vault. Facts: hardening.md §2.
 *
 * Each version of ours is a version of Key Vault's, its labels shown in its tags. The index is a secret of its own,
 * `<name>---labels`; no value is in it.
 *
 * Key Vault has no compare-and-swap, but it never changes a version, and it dates each. So the versions of the index
 * are taken as a log: each says which one it was built upon, and of several built upon the same one the first counts
 * (by date, then by id). A writer waits until nobody can come before it any more and then looks whether it counts.
 * What remains: servers of Key Vault whose clocks are further apart than {@link SETTLE_MS}, or a list that lacks a
 * version written that long ago, could let two writers both believe that they were first; the labels are then those of
 * one of them, whole.
 */
import type { TokenCredential } from '@azure/identity';
import type { SecretClientOptions, SecretProperties } from '@azure/keyvault-secrets';
import { JamfMcpError } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { checkName, decodeFields, jsonOf } from '../rules.ts';
import type { SchemaChoice } from '../schema.ts';
import type { SecretStore } from '../store.ts';
import { azureVault, type AzureVault } from './azure-client.ts';
import { azureName, INDEX_SUFFIX, LONGEST_AZURE_NAME, nameFromAzure } from './azure-names.ts';
import type { Backend, Index } from './backend.ts';
import { indexedStore } from './indexed.ts';

/** Dates of Key Vault are whole seconds; within this time, in ms, every version of that second is there. */
const SETTLE_MS = 2_000;

/** Key Vault takes 25,000 bytes a value; a longer text goes on in versions of its own, which the last one names. */
const LARGEST_PART = 24_000;

/** Deleting, recovering and purging take a while: the pause between two looks, in ms, and how many there are. */
const LOOK_EVERY_MS = 1_000;
const LOOKS = 60;

/** Our tags. Key Vault takes 15 of up to 256 characters. */
const TAG = {
  /** On a value: its version id. */
  id: 'jamf-mcp-id',
  labels: 'jamf-mcp-labels',
  /** On the index: what it was built upon. */
  base: 'jamf-mcp-base',
  /** On a text of several parts: the versions that come before, in order. */
  parts: 'jamf-mcp-parts',
  /** On such a part. */
  part: 'jamf-mcp-part',
} as const;
const LONGEST_TAG = 256;
const NO_BASE = 'none';

/**
 * Key Vault as a store.
 * @param options - `azure.vault`: its URL; `schema`: which fields are secret; `credential` and `client`: what the SDK's
 *   client is made with instead of DefaultAzureCredential and its own options
 * @param context - host, clock and signal of every call
 * @throws JamfMcpError INPUT_MISSING without a URL, INPUT_INVALID unless it is https
 */
export function azureStore(
  options: {
    azure: { vault?: string | undefined };
    credential?: TokenCredential;
    client?: SecretClientOptions;
  } & SchemaChoice,
  context: Context,
): SecretStore {
  const { vault } = options.azure;
  if (vault === undefined) {
    throw new JamfMcpError(
      'INPUT_MISSING',
      'which Key Vault to use is not known',
      'set AZURE_KEYVAULT_URL, or azure.vault in jamf-mcp.yaml, such as https://example.vault.azure.net',
    );
  }
  if (URL.canParse(vault) && new URL(vault).protocol === 'https:') {
    return indexedStore(azureBackend(new URL(vault), options, context), options, context);
  }
  throw new JamfMcpError(
    'INPUT_INVALID',
    'the address of the Key Vault is not an https URL',
    'correct AZURE_KEYVAULT_URL or azure.vault in jamf-mcp.yaml, such as https://example.vault.azure.net',
  );
}

function azureBackend(
  url: URL,
  options: { credential?: TokenCredential; client?: SecretClientOptions },
  context: Context,
): Backend {
  const { call, principal }: AzureVault = azureVault(url, options, context);
  const arnOf = (name: string) => `azure:${url.hostname}:${name}`;

  /** Wait until a look succeeds. */
  const until = async (what: string, look: () => Promise<boolean>): Promise<void> => {
    for (let looks = 0; !(await look()); looks += 1) {
      if (looks === LOOKS) {
        throw new JamfMcpError(
          'TIMED_OUT',
          `waited ${String((LOOKS * LOOK_EVERY_MS) / 1000)} s until Key Vault had ${what}`,
          'repeat the command later',
        );
      }
      if (looks === 0) context.host.notify({ kind: 'progress', text: `waiting until Key Vault has ${what}` });
      await context.clock.sleep(LOOK_EVERY_MS, context.signal);
    }
  };

  /** Every version but those that are parts of others, in no order. */
  const versionsOf = async (secret: string): Promise<(SecretProperties & { version: string })[]> => {
    const found = await call('listVersions', secret, async (client, send) => {
      const all: SecretProperties[] = [];
      for await (const properties of client.listPropertiesOfSecretVersions(secret, send)) all.push(properties);
      return all;
    });
    return (found ?? []).flatMap((properties) =>
      properties.version === undefined || properties.tags?.[TAG.part] !== undefined || properties.enabled === false
        ? []
        : [{ ...properties, version: properties.version }],
    );
  };

  const writeText = async (secret: string, text: string, tags: Record<string, string>): Promise<string> => {
    const parts = partsOf(text);
    const before: string[] = [];
    const set = async (value: string, tagsOfPart: Record<string, string>) => {
      const stored = await call('setSecret', secret, (client, send) =>
        client.setSecret(secret, value, { ...send, tags: tagsOfPart, contentType: 'application/json' }),
      );
      if (stored?.properties.version !== undefined) return stored.properties.version;
      throw new JamfMcpError('REMOTE_FAILED', `${url.hostname} stored ${secret} without a version`);
    };
    for (const part of parts.slice(0, -1)) before.push(await set(part, { [TAG.part]: 'true' }));
    const whole = before.length === 0 ? tags : { ...tags, [TAG.parts]: before.join(',') };
    return await set(parts.at(-1) ?? '', whole);
  };

  const readText = async (secret: string, version: string): Promise<string | null> => {
    const get = (id: string) =>
      call('getSecret', secret, (client, send) => client.getSecret(secret, { ...send, version: id }));
    const last = await get(version);
    if (last?.value === undefined) return null;
    const before = (last.properties.tags?.[TAG.parts] ?? '').split(',').filter(Boolean);
    const parts = await Promise.all(before.map(get));
    return [...parts.map((part) => part?.value ?? ''), last.value].join('');
  };

  const deleted = (secret: string) =>
    call('getDeletedSecret', secret, (client, send) => client.getDeletedSecret(secret, send));

  /** Delete a secret so that it can be recovered. @returns when Key Vault purges it, or null where there is none */
  const softDelete = async (secret: string): Promise<Date | null> => {
    const begun = await call('deleteSecret', secret, (client, send) => client.beginDeleteSecret(secret, send));
    if (begun) await until(`deleted ${secret}`, async () => (await deleted(secret)) !== null);
    return (await deleted(secret))?.scheduledPurgeDate ?? null;
  };

  const purge = async (secret: string): Promise<void> => {
    await softDelete(secret);
    if (!(await deleted(secret))) return;
    await call('purgeDeletedSecret', secret, (client, send) => client.purgeDeletedSecret(secret, send));
    await until(`purged ${secret}`, async () => (await deleted(secret)) === null);
  };

  const backend: Backend = {
    kind: 'azure',
    where: url.hostname,
    arnOf,

    whereabouts: async () => ({ account: url.hostname, region: null, principal: await principal() }),

    nameOf(id) {
      const name = id.startsWith(arnOf('')) ? id.slice(arnOf('').length) : id;
      checkName(name);
      if (azureName(name).length + INDEX_SUFFIX.length <= LONGEST_AZURE_NAME) return name;
      throw new JamfMcpError(
        'INPUT_INVALID',
        'the name of the secret is too long for Key Vault',
        'choose a shorter one with --secret; capitals and special characters take five places each',
      );
    },

    async names(prefix) {
      const all = await call('listSecrets', url.hostname, async (client, send) => {
        const names: string[] = [];
        for await (const { name } of client.listPropertiesOfSecrets(send)) names.push(name);
        return names;
      });
      const names = (all ?? []).map((name) =>
        nameFromAzure(name.endsWith(INDEX_SUFFIX) ? name.slice(0, -INDEX_SUFFIX.length) : name),
      );
      return [...new Set(names.filter((name) => name?.startsWith(prefix)))].filter((name) => name !== null);
    },

    async load(name) {
      const secret = azureName(name) + INDEX_SUFFIX;
      const mark = chainOf(await versionsOf(secret)).at(-1);
      if (mark === undefined) return null;
      const text = await readText(secret, mark);
      return text === null ? null : { index: JSON.parse(text) as Index, mark };
    },

    async save(name, index, mark) {
      const secret = azureName(name) + INDEX_SUFFIX;
      const mine = await writeText(secret, JSON.stringify(index), { [TAG.base]: mark ?? NO_BASE });
      await context.clock.sleep(SETTLE_MS, context.signal);
      return chainOf(await versionsOf(secret)).includes(mine);
    },

    async mirror(name, before, after) {
      const secret = azureName(name);
      const shown = new Map(before?.versions.map(({ ref, stages }) => [ref, stages.join(',')]));
      const changed = after.versions.filter(({ ref, stages }) => stages.join(',') !== (shown.get(ref) ?? ''));
      if (changed.length === 0) return;
      const versions = await versionsOf(secret);
      for (const { id, ref, stages } of changed) {
        const labels = stages.join(',').slice(0, LONGEST_TAG);
        const tags = { ...versions.find(({ version }) => version === ref)?.tags, [TAG.id]: id, [TAG.labels]: labels };
        await call('updateSecretProperties', secret, (client, send) =>
          client.updateSecretProperties(secret, ref, { ...send, tags }),
        );
      }
    },

    async natives(name) {
      const versions = await versionsOf(azureName(name));
      return versions
        .map(({ version, createdOn }) => ({ ref: version, createdAt: (createdOn ?? new Date(0)).toISOString() }))
        .sort((a, b) => a.createdAt.localeCompare(b.createdAt));
    },

    write: (name, fields, id) => writeText(azureName(name), jsonOf(fields), { [TAG.id]: id }),

    async read(name, ref) {
      const text = await readText(azureName(name), ref);
      return text === null ? null : decodeFields(text, `secret ${name}`);
    },

    /** One version cannot be destroyed: it is switched off. */
    async forget(name, refs) {
      const secret = azureName(name);
      for (const ref of refs) {
        await call('updateSecretProperties', secret, (client, send) =>
          client.updateSecretProperties(secret, ref, { ...send, enabled: false }),
        );
      }
    },

    async hide(name) {
      return (await softDelete(azureName(name)))?.toISOString() ?? null;
    },

    async unhide(name) {
      const secret = azureName(name);
      if (!(await deleted(secret))) return;
      await call('recoverDeletedSecret', secret, (client, send) => client.beginRecoverDeletedSecret(secret, send));
      await until(`recovered ${secret}`, async () => (await versionsOf(secret)).length > 0);
    },

    async erase(name) {
      try {
        await purge(azureName(name));
      } catch (cause) {
        if (!(cause instanceof JamfMcpError && cause.code === 'ACCESS_DENIED')) throw cause;
        const at = (await deleted(azureName(name)))?.scheduledPurgeDate?.toISOString();
        if (at === undefined) throw cause;
        const held = await backend.load(name);
        if (held) await backend.save(name, { ...held.index, deletionAt: at }, held.mark);
        throw new JamfMcpError(
          'PARTIAL',
          `secret ${name} is deleted, but Key Vault keeps it until ${at.slice(0, 10)}: purging it is not allowed`,
          'the role Key Vault Purge Operator allows it, unless the vault has purge protection; then delete it at once again',
          { cause },
        );
      }
      await purge(azureName(name) + INDEX_SUFFIX);
    },
  };
  return backend;
}

/**
 * The versions of an index that count, oldest first: of all that were built upon the same one, the first.
 * @param versions - in any order
 */
function chainOf(versions: readonly (SecretProperties & { version: string })[]): string[] {
  const time = ({ createdOn }: SecretProperties) => createdOn?.getTime() ?? 0;
  const sorted = versions.toSorted((a, b) => time(a) - time(b) || (a.version < b.version ? -1 : 1));
  const firstUpon = new Map<string, string>();
  for (const { version, tags } of sorted) {
    const base = tags?.[TAG.base];
    if (base !== undefined && !firstUpon.has(base)) firstUpon.set(base, version);
  }
  const chain: string[] = [];
  for (let next = firstUpon.get(NO_BASE); next !== undefined; next = firstUpon.get(next)) chain.push(next);
  return chain;
}

/** A text cut between characters into parts that Key Vault takes. */
function partsOf(text: string): string[] {
  const parts: string[] = [];
  let part = '';
  let size = 0;
  for (const character of text) {
    const length = Buffer.byteLength(character);
    if (size + length > LARGEST_PART) {
      parts.push(part);
      [part, size] = ['', 0];
    }
    part += character;
    size += length;
  }
  return [...parts, part];
}
