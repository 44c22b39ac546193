/**
 * Names of ours as names of Key Vault, and back. Key Vault takes 1 to 127 of `0-9 a-z A-Z -` and does not tell A from a
 * (https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates).
 *
 * Lower-case letters and digits stand for themselves. Between two of them `-` stays and `/` is `--`. Anything else is
 * `---` and the two hexadecimal digits of the character. So `jamf-mcp-server/production` is
 * `jamf-mcp-server--production`, and runs of hyphens tell which is meant.
 */

const PLAIN = /[a-z0-9]/;
const SHORT: Readonly<Record<string, string>> = { '-': '-', '/': '--' };

/** Longest name of a Key Vault secret. */
export const LONGEST_AZURE_NAME = 127;

/** Ends the name of an index; no encoded name ends so, for `la` is no number. */
export const INDEX_SUFFIX = '---labels';

/**
 * Encode a name.
 * @param name - of ASCII characters, as `checkName` leaves them
 */
export function azureName(name: string): string {
  const plainAt = (at: number) => PLAIN.test(name.charAt(at));
  return Array.from(name)
    .map((character, at) => {
      if (plainAt(at)) return character;
      const short = plainAt(at - 1) && plainAt(at + 1) ? SHORT[character] : undefined;
      return short ?? `---${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
    })
    .join('');
}

/**
 * Decode a name.
 * @returns null for a name that {@link azureName} never makes: it is somebody else's
 */
export function nameFromAzure(encoded: string): string | null {
  const name = encoded.replace(/---([0-9a-f]{2})|--/g, (_run, hex: string | undefined) =>
    hex === undefined ? '/' : String.fromCharCode(parseInt(hex, 16)),
  );
  return azureName(name) === encoded ? name : null;
}
