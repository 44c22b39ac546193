/**
 * A command line to paste, with the flags that were given.
 * @param names - the flags to repeat, in this order; those not given are left out
 * @returns `jamf-mcp rotate --force-deploy --env staging`, quoted for a POSIX shell where needed
 */
export function shellWords(
  bin: string,
  command: string,
  flags: Readonly<Record<string, unknown>>,
  names: readonly string[],
): string {
  const words = names.flatMap((name) => {
    const value = flags[name];
    if (value === true) return [`--${name}`];
    const given: unknown[] = Array.isArray(value) ? value : [value];
    return given.flatMap((one) => (typeof one === 'string' ? [`--${name}`, quoted(one)] : []));
  });
  return [bin, command, ...words].join(' ');
}

/** A word as a POSIX shell takes it. */
export const quoted = (word: string) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
