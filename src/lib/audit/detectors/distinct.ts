/** Counts distinct texts in bounded space: right up to a number, and from there on "at least". */

/** What may be kept in all, counted in texts. */
export interface Budget {
  /** @returns whether there was room for so many more */
  take(texts: number): boolean;
}

/** Some 60 MB of names, addresses and event ids. */
const TEXTS = 400_000;

/** A budget. */
export function budgetOf(texts: number = TEXTS): Budget {
  let left = texts;
  return {
    take(wanted) {
      if (left < wanted) return false;
      left -= wanted;
      return true;
    },
  };
}

/** What each detector has for itself, so that a flood in one of them leaves the others theirs. */
const OWN = 5_000;

/** A budget that draws on a common one when its own is used up. */
export function shareOf(common: Budget, texts: number = OWN): Budget {
  const own = budgetOf(texts);
  return { take: (wanted) => own.take(wanted) || common.take(wanted) };
}

/** Distinct texts. */
export interface Distinct {
  /** Null is none. @returns whether it was not there before, as far as is known */
  add(text: string | null): boolean;
  has(text: string): boolean;
  /** How many; at least so many where it is not {@link exact}. */
  readonly size: number;
  readonly exact: boolean;
  /** Those that are kept, in the order in which they came. */
  all(): readonly string[];
  /** At most three of them: `a, b, c and 5 more`, `… and at least 997 more`; empty where there is none. */
  few(): string;
}

/** Texts that one counter keeps at most. */
const MOST = 1_000;

/** Texts shown. */
const SHOWN = 3;

/**
 * A counter.
 * @param budget - shared with the others
 * @param most - texts that are kept; more of them are counted no further
 */
export function distinct(budget: Budget, most: number = MOST): Distinct {
  // Nearly all counters hold one text or two: a list is smaller than a set, and found through as fast.
  let list: string[] = [];
  let set: Set<string> | null = null;
  let exact = true;
  const size = () => set?.size ?? list.length;
  const has = (text: string) => (set ? set.has(text) : list.includes(text));
  const all = () => (set ? [...set] : list);
  return {
    add(text) {
      if (text === null || has(text)) return false;
      if (size() >= most || !budget.take(1)) {
        exact = false;
        return false;
      }
      if (set) set.add(text);
      else if (list.length < 8) list.push(text);
      else {
        set = new Set(list).add(text);
        list = [];
      }
      return true;
    },
    has,
    get size() {
      return size();
    },
    get exact() {
      return exact;
    },
    all,
    few() {
      const shown = all().slice(0, SHOWN).join(', ');
      const more = size() - SHOWN;
      if (more <= 0) return exact ? shown : `${shown} and more`;
      return `${shown} and ${exact ? '' : 'at least '}${String(more)} more`;
    },
  };
}

/** `20`, `at least 1000` */
export const countText = ({ size, exact }: Distinct): string => `${exact ? '' : 'at least '}${String(size)}`;
