/**
 * Patterns with `*` (any run of characters, none included) and `?` (any one character), as sets of strings: membership,
 * containment and intersection. Nothing here backtracks over more than one star, and nothing recurses.
 */

/** Whether a text holds a wildcard. */
export function isGlob(text: string): boolean {
  return text.includes('*') || text.includes('?');
}

/**
 * Whether a text is in the pattern's set. Case counts: lower both where it must not.
 * The time is that of finding the parts between the stars one after the other.
 */
export function globMatches(pattern: string, text: string): boolean {
  if (pattern === '*') return true;
  const firstStar = pattern.indexOf('*');
  if (firstStar === -1) return pattern.length === text.length && partAt(pattern, 0, pattern.length, text, 0);
  const lastStar = pattern.lastIndexOf('*');
  const tail = pattern.length - lastStar - 1;
  if (firstStar + tail > text.length) return false;
  if (!partAt(pattern, 0, firstStar, text, 0)) return false;
  if (!partAt(pattern, lastStar + 1, pattern.length, text, text.length - tail)) return false;
  // What is between the first and the last star: each part at the first place where it fits.
  let at = firstStar;
  const end = text.length - tail;
  for (let from = firstStar + 1; from < lastStar;) {
    const to = pattern.indexOf('*', from);
    if (to > from) {
      at = findPart(pattern, from, to, text, at, end);
      if (at === -1) return false;
      at += to - from;
    }
    from = to + 1;
  }
  return true;
}

/** Whether `text` at `at` reads as `pattern[from, to)`, where `?` is any character and there is no star. */
function partAt(pattern: string, from: number, to: number, text: string, at: number): boolean {
  for (let index = from; index < to; index += 1) {
    const code = pattern.charCodeAt(index);
    if (code !== ANY && code !== text.charCodeAt(at + index - from)) return false;
  }
  return true;
}

function findPart(pattern: string, from: number, to: number, text: string, start: number, end: number): number {
  const part = pattern.slice(from, to);
  const size = to - from;
  if (!part.includes('?')) {
    const at = text.indexOf(part, start);
    return at === -1 || at + size > end ? -1 : at;
  }
  for (let at = start; at + size <= end; at += 1) if (partAt(pattern, from, to, text, at)) return at;
  return -1;
}

const STAR = 42;
const ANY = 63;

/** Largest products of two lengths that containment and intersection are worked out for: ARNs have a hundred characters. */
const MOST_STEPS = { containment: 65_536, intersection: 1_048_576 };

/**
 * Whether every string of `inner` is one of `outer`.
 *
 * A character that `outer` never names is the hardest one for it, so `?` of `inner` stands for that one, and `*` for
 * any number of it. The states of `outer` that can be reached form a set; for each star of `inner` there are a few such
 * sets, of which only the smallest matter.
 * @returns false as well where the patterns are too long to tell
 */
export function globContains(outer: string, inner: string): boolean {
  if (outer === '*' || outer === inner) return true;
  if (!isGlob(inner)) return globMatches(outer, inner);
  if (!isGlob(outer)) return false;
  if (!prefixesAgree(outer, inner)) return false;
  // `Get*`: nothing but what stands before the star counts.
  if (outer.indexOf('*') === outer.length - 1 && !outer.includes('?')) return true;
  if (outer.length * inner.length > MOST_STEPS.containment) return false;
  const states = closure([0], outer);
  let sets: number[][] = [states];
  for (let index = 0; index < inner.length; index += 1) {
    const code = inner.charCodeAt(index);
    if (code !== STAR) {
      sets = smallest(sets.map((set) => step(set, outer, code === ANY ? FRESH : code)));
    } else if (inner.charCodeAt(index + 1) !== STAR) {
      const grown: number[][] = [];
      for (const set of sets) {
        let current = set;
        for (let count = 0; count <= outer.length; count += 1) {
          grown.push(current);
          const next = step(current, outer, FRESH);
          if (sameSet(next, current)) break;
          current = next;
        }
      }
      sets = smallest(grown);
    }
    if (sets.length > 64 || sets.some((set) => set.length === 0)) return false;
  }
  return sets.every((set) => set.includes(outer.length));
}

/** Stands for a character that no pattern names. */
const FRESH = -1;

/** What stands before the first wildcard of `outer` must be in `inner`, character by character. */
function prefixesAgree(outer: string, inner: string): boolean {
  for (let index = 0; index < outer.length; index += 1) {
    const code = outer.charCodeAt(index);
    if (code === STAR || code === ANY) return true;
    if (code !== inner.charCodeAt(index)) return false;
  }
  return true;
}

/** States (positions in the pattern) after one character, sorted. */
function step(set: readonly number[], pattern: string, code: number): number[] {
  const next: number[] = [];
  for (const state of set) {
    const token = pattern.charCodeAt(state);
    if (token === STAR) next.push(state);
    else if (state < pattern.length && (token === ANY || token === code)) next.push(state + 1);
  }
  return closure(next, pattern);
}

/** Add what is reached without a character: the place behind a star. */
function closure(set: readonly number[], pattern: string): number[] {
  const all = new Set<number>();
  for (let state of set) {
    all.add(state);
    while (pattern.charCodeAt(state) === STAR) all.add((state += 1));
  }
  return [...all].sort((a, b) => a - b);
}

function sameSet(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((state, index) => state === b[index]);
}

/** Leave out the sets that hold another one: what the smaller accepts, they accept. */
function smallest(sets: readonly number[][]): number[][] {
  if (sets.length < 2) return [...sets];
  const kept: number[][] = [];
  for (const set of [...sets].sort((a, b) => a.length - b.length)) {
    if (!kept.some((small) => small.every((state) => set.includes(state)))) kept.push(set);
  }
  return kept;
}

/**
 * Whether some string is in both sets: a walk over pairs of positions.
 * @returns true as well where the patterns are too long to tell
 */
export function globsIntersect(a: string, b: string): boolean {
  if (a === '*' || b === '*') return true;
  if (!isGlob(a)) return globMatches(b, a);
  if (!isGlob(b)) return globMatches(a, b);
  if (a.length * b.length > MOST_STEPS.intersection) return true;
  let row = new Uint8Array(b.length + 1);
  row[0] = 1;
  for (let i = 0; ; i += 1) {
    const token = i < a.length ? a.charCodeAt(i) : 0;
    const next = new Uint8Array(b.length + 1);
    let alive = false;
    for (let j = 0; j <= b.length; j += 1) {
      if (row[j] === 0) continue;
      alive = true;
      const other = j < b.length ? b.charCodeAt(j) : 0;
      // A star may take nothing, or what the other one has next.
      if (token === STAR) {
        next[j] = 1;
        if (j < b.length) row[j + 1] = 1;
      }
      if (other === STAR) {
        row[j + 1] = 1;
        if (i < a.length) next[j] = 1;
      }
      if (i < a.length && j < b.length && (token === other || token === ANY || other === ANY)) {
        if (token !== STAR && other !== STAR) next[j + 1] = 1;
      }
    }
    if (i === a.length) return row[b.length] === 1;
    if (!alive) return false;
    row = next;
  }
}
