/**
 * The store on the KV engine, version 2, of HashiCorp Vault and OpenBao. Facts: hardening.md §2.
 *
 * Each version of ours is a version of Vault's: `vault kv get -version=N` shows its fields. The index is a key of its
 * own, `<name>~labels`, written with `cas`, because only the data of a key can be compared and swapped on every
 * server; no value is in it. The labels are shown in the custom metadata of the secret too, label to version number.
 */
import type { AwsSettings } from '../../aws.ts';
import type { VaultSettings } from '../../config/settings.ts';
import { JamfMcpError } from '../../errors.ts';
import type { Context } from '../../host.ts';
import type { Secret } from '../../redact.ts';
import { checkName, decodeFields } from '../rules.ts';
import type { SchemaChoice } from '../schema.ts';
import type { SecretStore } from '../store.ts';
import type { Backend, Held, Index, NativeVersion } from './backend.ts';
import { indexedStore } from './indexed.ts';
import { tokenSource } from './vault-auth.ts';
import { vaultClient, type VaultAnswer, type VaultRequest, type VaultServer } from './vault-client.ts';

/** Where KV is mounted unless somebody chose otherwise: Vault's own choice. */
const MOUNT = 'secret';

/** Ends the name of an index. No name of a secret has a tilde in it. */
const INDEX = '~labels';

/** Versions that Vault is told to keep of a secret, instead of its 10: each has a line of about 150 bytes in one entry. */
const MOST_VERSIONS = 1000;

/** Custom metadata takes 64 entries with names of up to 128 bytes; some are left to others. */
const MOST_SHOWN = 48;
const SHOWABLE = /^[\x21-\x7e]{1,128}$/;

/** Names of folders below each other that a list goes down: far more than any real tree has. */
const DEEPEST = 64;

interface Metadata {
  current_version?: string;
  versions?: Record<string, { created_time: string; deletion_time: string; destroyed: boolean }>;
}

/**
 * KV version 2 as a store.
 * @param options - `vault`: what is known of the server and the login; `aws`: what the login aws signs with; `schema`:
 *   which fields are secret
 * @param context - host, clock and signal of every request
 * @throws JamfMcpError INPUT_MISSING where no address is known
 */
export function vaultStore(
  options: { vault: VaultSettings; aws: AwsSettings } & SchemaChoice,
  context: Context,
): SecretStore {
  const { address } = options.vault;
  if (address !== undefined) {
    return indexedStore(vaultBackend({ ...options.vault, address }, options.aws, context), options, context);
  }
  throw new JamfMcpError(
    'INPUT_MISSING',
    'the address of Vault is not known',
    'set VAULT_ADDR or BAO_ADDR, or vault.address in jamf-mcp.yaml',
  );
}

function vaultBackend(settings: VaultSettings & VaultServer, aws: AwsSettings, context: Context): Backend {
  const { address, namespace } = settings;
  const client = vaultClient(settings, context);
  const token = tokenSource(settings, aws, client, context);
  const mount = (settings.mount ?? MOUNT).replace(/^\/+|\/+$/g, '');
  const where = `vault at ${address}, mount ${mount}${namespace === undefined ? '' : `, namespace ${namespace}`}`;
  const path = (kind: 'data' | 'metadata' | 'delete' | 'undelete' | 'destroy', name: string) =>
    [...mount.split('/'), kind, ...name.split('/')].map(encodeURIComponent).join('/');

  const lookUpSelf = (held: Secret) =>
    client.send({ method: 'GET', path: 'auth/token/lookup-self', capability: 'read', token: held });

  const send = async (request: Omit<VaultRequest, 'token'>): Promise<VaultAnswer | null> => {
    const held = await token();
    try {
      return await client.send({ ...request, token: held });
    } catch (error) {
      if (!isDenied(error)) throw error;
      // Vault has one answer for a token that it does not know and for one that may not.
      const known = await lookUpSelf(held).then(
        () => true,
        (cause: unknown) => !isDenied(cause),
      );
      if (known) throw error;
      throw new JamfMcpError(
        'CREDENTIALS_REFUSED',
        `vault at ${address} does not know the token, or it has expired`,
        'sign in again: `vault login`, or set VAULT_TOKEN or BAO_TOKEN',
        { cause: error },
      );
    }
  };

  const get = (where_: string, capability = 'read') => send({ method: 'GET', path: where_, capability });
  const post = (where_: string, body: unknown, capability = 'update') =>
    send({ method: 'POST', path: where_, body, capability });
  const numbers = (refs: readonly string[]) => ({ versions: refs.map(Number) });

  const metadataOf = async (name: string): Promise<Metadata | null> =>
    ((await get(path('metadata', name)))?.data as Metadata | undefined) ?? null;

  /** A KV version 1 engine would take `data/x` for a name and store the value where nobody looks for it. */
  let engine: Promise<void> | undefined;
  const checkEngine = async (): Promise<void> => {
    const answer = await get(`sys/internal/ui/mounts/${mount.split('/').map(encodeURIComponent).join('/')}`).catch(
      (error: unknown) => {
        // The paths below the mount may be allowed all the same: then the write itself tells.
        if (isDenied(error)) return null;
        throw error;
      },
    );
    const about = answer?.data as { type?: string; options?: { version?: string } | null } | null | undefined;
    if (!about || (about.type === 'kv' && about.options?.version === '2')) return;
    throw new JamfMcpError(
      'NOT_FOUND',
      `the engine at ${mount} of vault at ${address} is not KV version 2`,
      'name another with vault.mount in jamf-mcp.yaml, or upgrade it: vault kv enable-versioning',
    );
  };

  const write = async (name: string, fields: Record<string, unknown>, cas?: number): Promise<string> => {
    const answer = await post(
      path('data', name),
      { data: fields, ...(cas === undefined ? {} : { options: { cas } }) },
      'create, update',
    );
    const version = (answer?.data as { version?: string } | undefined)?.version;
    if (version !== undefined) return version;
    throw new JamfMcpError('REMOTE_FAILED', `${where}: a value was stored, and no version was given for it`);
  };

  const loadIndex = async (name: string): Promise<Held | null> => {
    const answer = await get(path('data', name + INDEX));
    const data = answer?.data as { data?: { index?: string } | null; metadata?: { version?: string } } | undefined;
    if (data?.data?.index === undefined || data.metadata?.version === undefined) return null;
    return { index: JSON.parse(data.data.index) as Index, mark: data.metadata.version };
  };

  const deleteKey = (name: string) => send({ method: 'DELETE', path: path('metadata', name), capability: 'delete' });

  return {
    kind: 'vault',
    where,

    async whereabouts() {
      const self = await lookUpSelf(await token()).catch((error: unknown) => {
        if (isDenied(error)) return null;
        throw error;
      });
      const name = self?.data?.display_name;
      return {
        account: address,
        region: namespace ?? null,
        principal: typeof name === 'string' ? name : null,
      };
    },

    arnOf: (name) => `vault:${mount}:${name}`,

    nameOf(id) {
      const ours = `vault:${mount}:`;
      const name = id.startsWith(ours) ? id.slice(ours.length) : id;
      checkName(name);
      // A URL with .. in it is another URL, and Vault has no names with empty parts.
      if (!name.split('/').some((part) => ['', '.', '..'].includes(part))) return name;
      throw new JamfMcpError(
        'INPUT_INVALID',
        'the parts of a name between / must not be empty, . or .. in Vault',
        'choose another name with --secret',
      );
    },

    async names(prefix) {
      const found = new Set<string>();
      const walk = async (folder: string, depth: number): Promise<void> => {
        const answer = await get(`${path('metadata', folder.replace(/\/$/, ''))}?list=true`, 'list');
        const keys = (answer?.data as { keys?: string[] } | undefined)?.keys ?? [];
        for (const key of keys) {
          const name = folder + key;
          if (!name.startsWith(prefix) && !prefix.startsWith(name)) continue;
          if (!key.endsWith('/')) found.add(key.endsWith(INDEX) ? name.slice(0, -INDEX.length) : name);
          else if (depth < DEEPEST) await walk(name, depth + 1);
        }
      };
      await walk(prefix.slice(0, prefix.lastIndexOf('/') + 1), 0);
      return [...found].filter((name) => name.startsWith(prefix));
    },

    load: loadIndex,

    async save(name, index, mark) {
      try {
        await write(name + INDEX, { index: JSON.stringify(index) }, Number(mark ?? 0));
        return true;
      } catch (error) {
        // After a lost answer the request was repeated, and then the index is ours after all: the next look tells.
        if (error instanceof JamfMcpError && error.code === 'CONFLICT') return false;
        throw error;
      }
    },

    async mirror(name, before, after) {
      // Two that change labels at once may get here in the other order: the later index has the last word.
      for (let shown = shownLabels(before), wanted = after; ;) {
        const next = shownLabels(wanted);
        const gone = Object.keys(shown).filter((label) => !Object.hasOwn(next, label));
        const custom_metadata = { ...Object.fromEntries(gone.map((label) => [label, null])), ...next };
        const body = { max_versions: MOST_VERSIONS, custom_metadata };
        await send({ method: 'PATCH', path: path('metadata', name), body, capability: 'patch' });
        const now = await loadIndex(name);
        if (!now || JSON.stringify(now.index) === JSON.stringify(wanted)) return;
        shown = { ...shown, ...next };
        wanted = now.index;
      }
    },

    async natives(name) {
      const versions = Object.entries((await metadataOf(name))?.versions ?? {});
      return versions
        .filter(
          ([, { destroyed, deletion_time: at }]) => !destroyed && (at === '' || Date.parse(at) > context.clock.now()),
        )
        .map(([ref, { created_time }]): NativeVersion => ({ ref, createdAt: new Date(created_time).toISOString() }))
        .sort((a, b) => Number(a.ref) - Number(b.ref));
    },

    async write(name, fields) {
      await (engine ??= checkEngine());
      const data = Object.fromEntries(
        fields.map(([field, value, literal]) => [field, literal && survives(value) ? raw(value) : value] as const),
      );
      try {
        return await write(name, data);
      } catch (error) {
        if (!(error instanceof JamfMcpError && error.code === 'CONFLICT')) throw error;
      }
      // The engine is set to cas_required: then whoever is faster makes the others look again.
      for (;;) {
        try {
          return await write(name, data, Number((await metadataOf(name))?.current_version ?? 0));
        } catch (error) {
          if (!(error instanceof JamfMcpError && error.code === 'CONFLICT')) throw error;
          await context.clock.sleep(50 * Math.random(), context.signal);
        }
      }
    },

    async read(name, ref) {
      const answer = await get(`${path('data', name)}?version=${encodeURIComponent(ref)}`);
      if (!(answer?.data as { data?: unknown } | undefined)?.data) return null;
      const { data } = JSON.parse(answer?.text ?? '', rawNumbers) as { data: { data: unknown } };
      return decodeFields(JSON.stringify(data.data), `secret ${name}`);
    },

    async forget(name, refs) {
      await post(path('destroy', name), numbers(refs));
    },

    async hide(name, refs) {
      await post(path('delete', name), numbers(refs));
      return null;
    },

    async unhide(name, refs) {
      await post(path('undelete', name), numbers(refs));
    },

    async erase(name) {
      await deleteKey(name);
      await deleteKey(name + INDEX);
    },
  };
}

/** A number, true or false that JSON writes with the very digits it has here; Node 22 has it, TypeScript 6 does not. */
const raw = (digits: string): unknown => (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(digits);

/** Vault reads a number as a double: what would lose digits is kept as a text. */
const survives = (literal: string) => /^(true|false)$/.test(literal) || String(Number(literal)) === literal;

/** Numbers that are written again as they were read. */
const rawNumbers = (_name: string, value: unknown, context?: { source?: string }): unknown =>
  typeof value === 'number' ? raw(context?.source ?? String(value)) : value;

const isDenied = (error: unknown) => error instanceof JamfMcpError && error.code === 'ACCESS_DENIED';

/** Label to version number, as far as custom metadata can hold it. */
function shownLabels(index: Index | null): Record<string, string> {
  const labels = (index?.versions ?? []).flatMap(({ ref, stages }) => stages.map((label) => [label, ref] as const));
  return Object.fromEntries(labels.filter(([label]) => SHOWABLE.test(label)).slice(-MOST_SHOWN));
}
