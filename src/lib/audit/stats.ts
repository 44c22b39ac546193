/**
 * Counts accesses as they pass, in bounded space: over time, by hour and weekday, by reader and day, by principal and
 * secret. What there is no room for is counted with the others, and nothing is left out of a sum.
 */
import { LOOKS, VALUE_READS, type AuditedAccess } from './access.ts';
import type { CauseKind } from './explain.ts';
import { identityOf } from './principal.ts';

/** What an access was: a value handed out, a change, a look at what is not secret, a key used, or none of it. */
export type Deed = 'read' | 'change' | 'look' | 'key' | 'refused';

/** Counts of one place. */
export interface Tally {
  count: number;
  /** How many of them nothing explains. */
  unexplained: number;
  /** How many of them were refused, or failed otherwise. */
  refused: number;
}

/** Counts along time, for one or several rows. */
export interface Spans {
  /** Length of a step in milliseconds; step n begins at n times that, since 1970. */
  stepMs: number;
  /** Steps that have a count, by row. */
  rows: ReadonlyMap<string, ReadonlyMap<number, Tally>>;
}

/** What the accesses came to. */
export interface Figures {
  all: Tally;
  deeds: Readonly<Record<Deed, Tally>>;
  explanations: ReadonlyMap<CauseKind, number>;
  /** Accesses whose record tells no time: they are in no count over time. */
  timeless: number;
  /** One row, named by {@link OTHERS}. */
  timeline: Spans;
  /** By weekday (Monday first), then by hour; UTC. */
  hours: readonly (readonly Tally[])[];
  /** Reads of values, tried ones included, by principal. */
  readers: Spans;
  /** By principal, then by the secret's ARN or name; {@link OTHERS} for what has no row or column of its own. */
  matrix: ReadonlyMap<string, ReadonlyMap<string, Tally>>;
  /** How many principals and secrets were told apart; at least so many where more are among the others. */
  principals: number;
  secrets: number;
}

/** Counts accesses. */
export interface Stats {
  see(access: AuditedAccess): void;
  figures(): Figures;
}

/** Row and column of what has none of its own, and of accesses that name no secret. */
export const OTHERS = '';

/** Most that is kept. */
export interface Room {
  /** Principals, and secrets, told apart. */
  names: number;
  /** Pairs of them. */
  pairs: number;
  /** Steps of a {@link Spans}, over all rows. */
  steps: number;
}

/** Some 20 MB when all of it is used. */
const ROOM: Room = { names: 2_000, pairs: 40_000, steps: 20_000 };

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Steps, each a multiple of the one before. */
export const STEPS_MS: readonly number[] = [
  ...[1, 3, 6, 12].map((hours) => hours * HOUR),
  ...[1, 7, 28, 364, 3_640].map((days) => days * DAY),
];

/** Counts of nothing. */
export const nothing = (): Tally => ({ count: 0, unexplained: 0, refused: 0 });

/** Add what one place counts to another. */
export function addTo(tally: Tally, { count, unexplained, refused }: Tally): void {
  tally.count += count;
  tally.unexplained += unexplained;
  tally.refused += refused;
}

/** What an access was. */
export function deedOf({ outcome, action, service }: AuditedAccess): Deed {
  if (outcome !== 'success') return 'refused';
  if (VALUE_READS.has(action)) return 'read';
  if (LOOKS.has(action)) return 'look';
  return service === 'kms' ? 'key' : 'change';
}

/** A counter that has seen nothing. */
export function statistics(room: Room = ROOM): Stats {
  const all = nothing();
  const deeds = { read: nothing(), change: nothing(), look: nothing(), key: nothing(), refused: nothing() };
  const explanations = new Map<CauseKind, number>();
  const hours = Array.from({ length: 7 }, () => Array.from({ length: 24 }, nothing));
  const timeline = spans(room.steps, HOUR);
  const readers = spans(room.steps, DAY);
  const matrix = new Map<string, Map<string, Tally>>();
  const secrets = new Set<string>();
  let timeless = 0;
  let pairs = 0;

  /** The row of a principal; one that finds no room has none. */
  const rowOf = (identity: string) => (matrix.has(identity) || matrix.size < room.names ? identity : OTHERS);

  const columnOf = (secret: string | null) => {
    if (secret === null) return OTHERS;
    if (!secrets.has(secret) && secrets.size >= room.names) return OTHERS;
    secrets.add(secret);
    return secret;
  };

  const pairOf = (row: string, column: string): Tally => {
    const columns = matrix.get(row) ?? new Map<string, Tally>();
    matrix.set(row, columns);
    const known = columns.get(column) ?? (pairs < room.pairs ? undefined : columns.get(OTHERS));
    if (known) return known;
    const tally = nothing();
    // Each row has a place for its others, whatever the room.
    columns.set(pairs < room.pairs ? column : OTHERS, tally);
    pairs += 1;
    return tally;
  };

  return {
    see(access) {
      const one: Tally = {
        count: 1,
        unexplained: access.explanation === null ? 1 : 0,
        refused: access.outcome === 'success' ? 0 : 1,
      };
      addTo(all, one);
      addTo(deeds[deedOf(access)], one);
      if (access.explanation) {
        const { kind } = access.explanation;
        explanations.set(kind, (explanations.get(kind) ?? 0) + 1);
      }
      const row = rowOf(identityOf(access.principal));
      addTo(pairOf(row, columnOf(access.secret)), one);
      const at = access.time === null ? Number.NaN : Date.parse(access.time);
      if (Number.isNaN(at)) {
        timeless += 1;
        return;
      }
      timeline.add(OTHERS, at, one);
      if (VALUE_READS.has(access.action)) readers.add(row, at, one);
      const date = new Date(at);
      const place = hours[(date.getUTCDay() + 6) % 7]?.[date.getUTCHours()];
      if (place) addTo(place, one);
    },
    figures: () => ({
      all,
      deeds,
      explanations,
      timeless,
      timeline: timeline.spans(),
      hours,
      readers: readers.spans(),
      matrix,
      principals: matrix.size - (matrix.has(OTHERS) ? 1 : 0),
      secrets: secrets.size,
    }),
  };
}

/** Counts along time; when there are more steps than there is room for, the steps become longer. */
function spans(room: number, first: number): { add(row: string, at: number, one: Tally): void; spans(): Spans } {
  const rows = new Map<string, Map<number, Tally>>();
  let stepMs = first;
  let steps = 0;
  const grow = () => {
    const next = STEPS_MS.find((step) => step > stepMs);
    if (next === undefined) return false;
    steps = 0;
    for (const [name, row] of rows) {
      const grown = coarser(row, next / stepMs);
      rows.set(name, grown);
      steps += grown.size;
    }
    stepMs = next;
    return true;
  };
  return {
    add(name, at, one) {
      const row = rows.get(name) ?? new Map<number, Tally>();
      rows.set(name, row);
      const known = row.get(Math.floor(at / stepMs));
      if (known) {
        addTo(known, one);
        return;
      }
      row.set(Math.floor(at / stepMs), { ...one });
      steps += 1;
      while (steps > room && grow());
    },
    spans: () => ({ stepMs, rows }),
  };
}

/** The same counts in longer steps. */
export function coarser(row: ReadonlyMap<number, Tally>, times: number): Map<number, Tally> {
  const grown = new Map<number, Tally>();
  for (const [step, tally] of row) {
    const place = Math.floor(step / times);
    const known = grown.get(place);
    if (known) addTo(known, tally);
    else grown.set(place, { ...tally });
  }
  return grown;
}
