/** Which KMS keys guard secrets, as the records tell: keys are named by ARN, id or alias, and those by one another. */
import type { AuditedAccess } from '../access.ts';
import type { Facts } from '../explain.ts';
import { textOf } from './words.ts';

/** Keys that are remembered. */
const MOST = 20_000;

/** The keys that were seen at work for a secret. */
export interface GuardingKeys {
  /** Learn from an access; the same one may be shown again. */
  see(access: AuditedAccess): void;
  /** Whether a key of a KMS call guards a secret, by what was learnt so far. */
  isGuarding(names: readonly string[]): boolean;
}

const known = new WeakMap<Facts, GuardingKeys>();

/** Those of one audit; every detector gets the same. */
export function guardingKeys(facts: Facts): GuardingKeys {
  const made = known.get(facts) ?? make();
  known.set(facts, made);
  return made;
}

/** How a call of KMS names its key. */
export const keyNames = (access: AuditedAccess): string[] =>
  [textOf(access, 'key'), textOf(access, 'keyId')].filter((name) => name !== null).map(plainName);

/** The id or the alias, without what stands before it in an ARN. */
const plainName = (key: string): string => /(?:key\/([^/]+)|(alias\/.+))$/.exec(key)?.slice(1).find(Boolean) ?? key;

function make(): GuardingKeys {
  const keys = new Set<string>();
  let last: AuditedAccess | null = null;
  const learn = (names: readonly string[]) => {
    for (const name of names) if (keys.size < MOST) keys.add(name);
  };
  return {
    see(access) {
      if (access === last || access.outcome !== 'success') return;
      last = access;
      if (access.secret === null) return;
      if (access.service === 'kms') learn(keyNames(access));
      else {
        const key = textOf(access, 'kmsKeyId');
        if (key !== null) learn([plainName(key)]);
      }
    },
    isGuarding: (names) => names.some((name) => keys.has(name)),
  };
}
