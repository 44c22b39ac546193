/** Counts distinct texts in bounded space: right up to a number, and from there on "at least". */

/** What may be kept in all, counted in texts. */
export interface Budget {
  /** @returns whether there was room for so many more */
  take(texts: number): boolean;
}

/** Some 50 MB of names, addresses and event ids. */
const TEXTS = 300_000;

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

/** Texts shown, and texts in a list before it becomes a set. */
const SHOWN = 3;
const LISTED = 8;

/**
 * A counter.
 * @param budget - shared with the others
 * @param most - texts that are kept; more of them are counted no further
 */
export const distinct = (budget: Budget, most: number = MOST): Distinct => new Counter(budget, most);

/** A class, because there are some hundred thousand of them, and closures would be most of what they weigh. */
class Counter implements Distinct {
  readonly #budget: Budget;
  readonly #most: number;
  /** Nearly all counters hold a text or two: a list is smaller than a set, and found through as fast. */
  #texts: string[] | Set<string> | null = null;
  exact = true;

  constructor(budget: Budget, most: number) {
    this.#budget = budget;
    this.#most = most;
  }

  get size(): number {
    const texts = this.#texts;
    return texts === null ? 0 : Array.isArray(texts) ? texts.length : texts.size;
  }

  has(text: string): boolean {
    const texts = this.#texts;
    return texts !== null && (Array.isArray(texts) ? texts.includes(text) : texts.has(text));
  }

  add(text: string | null): boolean {
    if (text === null || this.has(text)) return false;
    if (this.size >= this.#most || !this.#budget.take(1)) {
      this.exact = false;
      return false;
    }
    const texts = this.#texts;
    if (texts === null) this.#texts = [text];
    else if (!Array.isArray(texts)) texts.add(text);
    else if (texts.length < LISTED) texts.push(text);
    else this.#texts = new Set(texts).add(text);
    return true;
  }

  all(): readonly string[] {
    return this.#texts === null ? [] : [...this.#texts];
  }

  few(): string {
    const shown = this.all().slice(0, SHOWN).join(', ');
    const more = this.size - SHOWN;
    if (more <= 0) return this.exact ? shown : `${shown} and more`;
    return `${shown} and ${this.exact ? '' : 'at least '}${String(more)} more`;
  }
}

/** `20`, `at least 1000` */
export const countText = ({ size, exact }: Distinct): string => `${exact ? '' : 'at least '}${String(size)}`;
