/** Patterns with `*`. */

const MOST = 1_000;
const compiled = new Map<string, RegExp>();

/**
 * A pattern as an expression.
 * @param pattern - `*` stands for any characters, none included; everything else for itself
 */
export function globOf(pattern: string): RegExp {
  const known = compiled.get(pattern);
  if (known) return known;
  const made = new RegExp(`^${pattern.split('*').map(literal).join('.*')}$`, 's');
  if (compiled.size >= MOST) compiled.clear();
  compiled.set(pattern, made);
  return made;
}

const literal = (text: string) => text.replace(/[\\^$.|?+()[\]{}]/g, '\\$&');
