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
  eventIds: string[];
  /** MITRE ATT&CK technique: https://attack.mitre.org/techniques/ */
  technique: string;
}

/** A detector at work on one audit. */
export interface Watch {
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
  accesses: readonly AuditedAccess[];
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
  tell: (deeds: Deeds, facts: Facts) => Omit<Finding, 'id' | 'eventIds'>,
): Detector {
  return {
    id,
    start(facts) {
      const gathered = new Map<string, { principal: Principal; accesses: AuditedAccess[] }>();
      return {
        see(access) {
          if (!concerns(access, facts)) return;
          const identity = identityOf(access.principal);
          const deeds = gathered.get(identity);
          if (deeds) deeds.accesses.push(access);
          else gathered.set(identity, { principal: access.principal, accesses: [access] });
        },
        findings: () =>
          [...gathered].map(([identity, deeds]) => ({
            id: `${id}:${identity}`,
            ...tell({ identity, ...deeds }, facts),
            eventIds: deeds.accesses.map(({ eventId }) => eventId),
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
