/**
 * What a detector is: it sees every access once, in the order they are read, and tells at the end what it found.
 * One file each; `index.ts` is the table. It keeps what it needs and no more, so that an archive can stream past.
 */
import type { AuditedAccess } from '../access.ts';
import type { Principal } from '../event.ts';
import type { Facts } from '../explain.ts';
import { identityOf } from '../principal.ts';

/** Severities, worst first. */
export const SEVERITIES = ['critical', 'high', 'medium', 'low', 'info'] as const;

/** One of {@link SEVERITIES}. */
export type Severity = (typeof SEVERITIES)[number];

/** What a detector found. */
export interface Finding {
  /** `<detector>:<identity>`: the same in every run over the same events. */
  id: string;
  severity: Severity;
  /** One line: who did what. */
  title: string;
  why: string;
  /** What to do about it. */
  fix: string;
  /** At most {@link MOST_EVENTS}: of every kind of deed some. */
  eventIds: string[];
  /** How many accesses there were in all. */
  count: number;
  /** MITRE ATT&CK technique: https://attack.mitre.org/techniques/ */
  technique: string;
}

/** Events that one finding names. */
export const MOST_EVENTS = 100;

/** A detector at work on one audit. */
export interface Watch {
  /** Called for every access, oldest first, and for what guards the secrets ({@link Access.context}) in between. */
  see(access: AuditedAccess): void;
  findings(): Finding[];
}

/** A detector. */
export interface Detector {
  /** Stable, kebab-case. */
  id: string;
  start(facts: Facts): Watch;
}

/** What one identity did that concerns a detector. */
export interface Deeds {
  /** As `identityOf` gives it. */
  identity: string;
  /** The principal of the first of them. */
  principal: Principal;
  /** How many there were. */
  count: number;
  /** The first few of every kind ({@link kindOf}): enough to tell what was done, however much it was. */
  accesses: readonly AuditedAccess[];
}

/** Accesses of one kind that are kept as evidence, and kinds. */
const OF_A_KIND = 20;
const KINDS = 500;

/** What sets one deed apart from another in every sentence that a detector writes. */
const kindOf = ({ action, outcome, explanation, secretName, sourceIp, principal, region }: AuditedAccess) =>
  [action, outcome, explanation?.kind, secretName, sourceIp, principal.session, principal.accessKeyId, region].join(
    '\n',
  );

/** Gathers deeds in bounded space. */
export interface Gatherer {
  add(access: AuditedAccess): void;
  deeds(): Deeds[];
}

interface Gathered {
  principal: Principal;
  count: number;
  accesses: AuditedAccess[];
  /** How many of each kind are kept. */
  kinds: Map<string, number>;
}

/** A gatherer by identity. */
export function gatherer(): Gatherer {
  const all = new Map<string, Gathered>();
  return {
    add(access) {
      const identity = identityOf(access.principal);
      const deeds: Gathered = all.get(identity) ?? {
        principal: access.principal,
        count: 0,
        accesses: [],
        kinds: new Map(),
      };
      if (deeds.count === 0) all.set(identity, deeds);
      deeds.count += 1;
      const kind = kindOf(access);
      const alike = deeds.kinds.get(kind) ?? 0;
      if (alike >= OF_A_KIND || (alike === 0 && deeds.kinds.size >= KINDS)) return;
      deeds.kinds.set(kind, alike + 1);
      deeds.accesses.push(access);
    },
    deeds: () =>
      [...all].map(([identity, { principal, count, accesses }]) => ({ identity, principal, count, accesses })),
  };
}

/**
 * A detector that gathers the accesses that concern it by identity, and tells one finding each.
 * @param id - of the detector
 * @param concerns - whether an access does
 * @param tell - the finding, but for what follows from the gathering
 */
export function perIdentity(
  id: string,
  concerns: (access: AuditedAccess, facts: Facts) => boolean,
  tell: (deeds: Deeds, facts: Facts) => Omit<Finding, 'id' | 'eventIds' | 'count'>,
): Detector {
  return {
    id,
    start(facts) {
      const gathered = gatherer();
      return {
        see(access) {
          if (!access.context && concerns(access, facts)) gathered.add(access);
        },
        findings: () =>
          gathered.deeds().map((deeds) => ({
            id: `${id}:${deeds.identity}`,
            ...tell(deeds, facts),
            eventIds: deeds.accesses.slice(0, MOST_EVENTS).map(({ eventId }) => eventId),
            count: deeds.count,
          })),
      };
    },
  };
}

/** `7 times`, `once`. */
export const times = (count: number): string => (count === 1 ? 'once' : `${String(count)} times`);

/** The distinct texts, at most three of them: `a, b and 5 more`. */
export function fewOf(texts: readonly (string | null)[]): string {
  const distinct = [...new Set(texts.filter((text) => text !== null))];
  const shown = distinct.slice(0, 3).join(', ');
  return distinct.length > 3 ? `${shown} and ${String(distinct.length - 3)} more` : shown;
}

/** `GetSecretValue and 2 more on jamf-mcp-server/production from 192.0.2.7`: what was done, on what, from where. */
export function circumstances(accesses: readonly AuditedAccess[]): string {
  const secrets = fewOf(accesses.map(({ secretName }) => secretName));
  const from = fewOf(accesses.map(({ sourceIp }) => sourceIp));
  return `${fewOf(accesses.map(({ action }) => action))}${secrets && ` on ${secrets}`}${from && ` from ${from}`}`;
}
