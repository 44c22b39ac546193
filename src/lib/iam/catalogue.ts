/**
 * What AWS's services offer: actions, the resources they take, condition keys. A picture of one day: the newest actions
 * are not in it, so what it does not know may exist all the same.
 */
import { existsSync, readFileSync } from 'node:fs';
import { globMatches, isGlob } from './glob.ts';

/** What an action does. Tagging and permissions management are writes as well. */
export type AccessLevel = 'List' | 'Read' | 'Write' | 'Tagging' | 'Permissions management';

/** An action. */
export interface Action {
  /** With the service, in AWS's spelling: `secretsmanager:GetSecretValue`. */
  name: string;
  /** Of the service. */
  prefix: string;
  level: AccessLevel;
  /** Types of resource that it takes; none: only `*` allows it. */
  resources: readonly { type: ResourceType; required: boolean; keys: readonly string[] }[];
  /** Condition keys that come with it, the global ones aside. */
  keys: readonly string[];
  /** Actions that it needs as well. */
  dependent: readonly string[];
}

/** A type of resource. */
export interface ResourceType {
  name: string;
  /** Such as `arn:${Partition}:secretsmanager:${Region}:${Account}:secret:${SecretId}`. */
  arn: string;
  /** The same with `*` for each variable. */
  pattern: string;
  keys: readonly string[];
}

/** Type of a condition key's values. */
export type KeyType = 'String' | 'ARN' | 'Bool' | 'Numeric' | 'Date' | 'IPAddress' | 'Binary';

/** A condition key. */
export interface ConditionKey {
  /** As AWS writes it, such as `aws:ResourceTag/${TagKey}`. */
  name: string;
  type: KeyType;
  /** Whether a request can carry several values of it. */
  multivalued: boolean;
}

/** A service. Names are looked up without regard to case. */
export interface Service {
  prefix: string;
  name: string;
  actions: readonly Action[];
  /** @param name - without the service */
  action(name: string): Action | null;
  /** Actions whose names (without the service) a pattern matches, such as `Get*`. */
  matching(pattern: string): readonly Action[];
  resourceTypes: readonly ResourceType[];
  keys: readonly ConditionKey[];
}

/** All that is known of AWS. */
export interface Catalogue {
  /** The day of the data, such as `2026-09-26`. */
  date: string;
  /** Prefixes, sorted. */
  services: readonly string[];
  service(prefix: string): Service | null;
  /** Every action that a pattern matches, `*` and `s?:Get*` included. */
  actions(pattern: string): readonly Action[];
  globalKeys: readonly ConditionKey[];
  /** A condition key by the name in a policy, whatever follows the `/` of a tag key: of all services, or a global one. */
  key(name: string): ConditionKey | null;
}

/** A service as it is packed: see scripts/build.ts. Numbers are indices into `keys` and `resources`. */
export interface PackedService {
  name: string;
  keys: [name: string, type: string][];
  resources: [name: string, arn: string, keys: number[]][];
  actions: [
    name: string,
    level: string,
    resources: [type: number, required: 0 | 1, keys: number[]][],
    keys: number[],
    dependent: string[],
  ][];
}

/** The packed catalogue; each service is JSON in JSON, so that only those that are named are read. */
export interface PackedCatalogue {
  date: string;
  globalKeys: [name: string, type: string][];
  services: Record<string, string>;
}

/** What the build writes beside the program. */
export const PACKED_FILE = 'iam-catalogue.json';

let loaded: Promise<Catalogue> | undefined;

/** The catalogue, read once. */
export function loadCatalogue(): Promise<Catalogue> {
  return (loaded ??= load());
}

async function load(): Promise<Catalogue> {
  const file = packedFile();
  if (file !== null) return catalogueFrom(JSON.parse(readFileSync(file, 'utf8')) as PackedCatalogue);
  const { packCatalogue } = await import('./catalogue-pack.ts');
  return catalogueFrom(await packCatalogue());
}

/** The built program has the file in a folder above this module; the sources have the package itself. */
function packedFile(): URL | null {
  for (const up of ['./', '../', '../../']) {
    const file = new URL(up + PACKED_FILE, import.meta.url);
    if (existsSync(file)) return file;
  }
  return null;
}

/** Make a catalogue of what was packed. */
export function catalogueFrom(packed: PackedCatalogue): Catalogue {
  const services = new Map<string, Service>();
  const globalKeys = packed.globalKeys.map(keyFrom);
  const globals = keyIndex(globalKeys);
  const keyIndexes = new Map<string, (name: string) => ConditionKey | null>();
  const byPattern = new Map<string, readonly Action[]>();
  const prefixes = Object.keys(packed.services);

  const service = (given: string): Service | null => {
    const prefix = given.toLowerCase();
    const known = services.get(prefix);
    if (known) return known;
    const text = Object.hasOwn(packed.services, prefix) ? packed.services[prefix] : undefined;
    if (text === undefined) return null;
    const made = serviceFrom(prefix, JSON.parse(text) as PackedService);
    services.set(prefix, made);
    return made;
  };
  const actions = (pattern: string): readonly Action[] => {
    const lower = pattern.toLowerCase();
    const known = byPattern.get(lower);
    if (known) return known;
    const found = find(lower);
    // Real policies repeat a few thousand patterns; invented ones must not fill the memory.
    if (byPattern.size < 50_000) byPattern.set(lower, found);
    return found;
  };
  const find = (pattern: string): readonly Action[] => {
    const colon = pattern.indexOf(':');
    if (colon === -1) return pattern.includes('*') ? find(`${pattern}:${pattern}`) : [];
    const prefix = pattern.slice(0, colon);
    const name = pattern.slice(colon + 1);
    if (!isGlob(prefix)) return service(prefix)?.matching(name) ?? [];
    return prefixes
      .filter((candidate) => globMatches(prefix, candidate))
      .flatMap((candidate) => service(candidate)?.matching(name) ?? []);
  };
  const key = (name: string): ConditionKey | null => {
    const lower = name.toLowerCase();
    const global = globals(lower);
    if (global) return global;
    const prefix = lower.slice(0, Math.max(0, lower.indexOf(':')));
    let index = keyIndexes.get(prefix);
    if (!index) {
      const found = service(prefix);
      if (!found) return null;
      index = keyIndex(found.keys);
      keyIndexes.set(prefix, index);
    }
    return index(lower);
  };
  return { date: packed.date, services: prefixes, service, actions, globalKeys, key };
}

function serviceFrom(prefix: string, packed: PackedService): Service {
  const names = packed.keys.map(([name]) => name);
  const keysOf = (indices: readonly number[]) => indices.map((index) => names[index] ?? '');
  const resourceTypes = packed.resources.map(([name, arn, keys]) => ({
    name,
    arn,
    pattern: arn.replaceAll(/\$\{[^}]{0,512}\}/g, '*'),
    keys: keysOf(keys),
  }));
  const byName = new Map<string, Action>();
  for (const [name, level, resources, keys, dependent] of packed.actions) {
    byName.set(name.toLowerCase(), {
      name: `${prefix}:${name}`,
      prefix,
      level: LEVELS[level] ?? 'Write',
      resources: resources.flatMap(([index, required, own]) => {
        const type = resourceTypes[index];
        return type ? [{ type, required: required === 1, keys: keysOf(own) }] : [];
      }),
      keys: keysOf(keys),
      dependent,
    });
  }
  const all = [...byName.values()];
  return {
    prefix,
    name: packed.name,
    actions: all,
    action: (name) => byName.get(name.toLowerCase()) ?? null,
    matching: (pattern) => {
      if (!isGlob(pattern)) {
        const one = byName.get(pattern.toLowerCase());
        return one ? [one] : [];
      }
      const lower = pattern.toLowerCase();
      if (lower === '*') return all;
      const found: Action[] = [];
      for (const [name, action] of byName) if (globMatches(lower, name)) found.push(action);
      return found;
    },
    resourceTypes,
    keys: packed.keys.map(keyFrom),
  };
}

const LEVELS: Readonly<Record<string, AccessLevel>> = {
  L: 'List',
  R: 'Read',
  W: 'Write',
  T: 'Tagging',
  P: 'Permissions management',
};

function keyFrom([name, type]: readonly [string, string]): ConditionKey {
  const multivalued = type.startsWith('ArrayOf');
  return { name, type: (multivalued ? type.slice('ArrayOf'.length) : type) as KeyType, multivalued };
}

/** A variable part of a key's name, however the service's authors wrote it. */
const VARIABLE = /\$\{[^}]{0,512}\}|<[^>]*>|(?<=\/)tag-?key$/gi;

/** Look up a lower-case name: exactly, or as the instance of a name with a variable part. */
function keyIndex(keys: readonly ConditionKey[]): (name: string) => ConditionKey | null {
  const exact = new Map<string, ConditionKey>();
  const patterns: [pattern: string, key: ConditionKey][] = [];
  for (const key of keys) {
    const lower = key.name.toLowerCase();
    exact.set(lower, key);
    const pattern = lower.replaceAll(VARIABLE, '?*');
    if (pattern !== lower) patterns.push([pattern, key]);
  }
  return (name) => exact.get(name) ?? patterns.find(([pattern]) => globMatches(pattern, name))?.[1] ?? null;
}
