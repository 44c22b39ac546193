/** Recognises a credential by its name, its shape, or how random it is. */

/** Why something is taken for a credential. */
export interface Suspicion {
  kind: 'private-key' | 'aws-key' | 'token' | 'url' | 'name' | 'random';
  /** Completes the sentence "FIELD …"; never carries the value. */
  why: string;
}

/** Forms that issuers chose so that they can be found; the first that fits. */
const SHAPES: readonly [Suspicion['kind'], RegExp, string][] = [
  ['private-key', /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----|\bAGE-SECRET-KEY-1/, 'is a private key'],
  ['aws-key', /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/, 'is the id of an AWS access key'],
  ['token', /\b(?:gh[oprsu]_[A-Za-z0-9]{20,}|github_pat_\w{20,})/, 'is a GitHub token'],
  ['token', /\bglpat-[\w-]{16,}/, 'is a GitLab token'],
  ['token', /\bxox[abeoprs]-[\w-]{8,}/, 'is a Slack token'],
  ['token', /\b(?:[rs]k_(?:live|test)_|whsec_)\w{8,}/, 'is a Stripe key'],
  ['token', /\bsk-(?:ant-|proj-)?[\w-]{16,}/, 'is an API key'],
  ['token', /\bAIza[\w-]{30,}/, 'is a Google API key'],
  ['token', /\bnpm_[A-Za-z0-9]{30,}/, 'is an npm token'],
  ['token', /\bSG\.[\w-]{16,}\.[\w-]{16,}/, 'is a SendGrid key'],
  ['token', /\bhv[bs]\.[\w-]{20,}/, 'is a Vault token'],
  ['token', /\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/, 'is a JSON web token'],
  ['url', /\b[a-z][a-z\d+.-]*:\/\/[^\s/:@]*:[^\s/@]+@/i, 'is a URL with a password in it'],
];

/** The last words of a name that holds a credential. */
const NAMED =
  /(?:^|[_.-])(?:pass(?:word|wd|phrase)?|pwd|secret|token|credentials?|api[_.-]?key|(?:access|secret|private|signing|encryption|master|account)[_.-]?key(?:[_.-]?id)?)s?$/i;

/** The last words of a name whose random-looking value is none. */
const HARMLESS =
  /(?:^|[_.-])(?:id|ur[il]|host|domain|path|dir|file|arn|sha\d*|commit|revision|version|hash|digest|checksum|image|fingerprint)$/i;

/** Shortest value that is judged by its randomness, and the bits a character that random text of that length has. */
const SHORTEST_RANDOM = 20;
const RANDOM_BITS = 3.7;
/** Hexadecimal digits carry 4 bits at most. */
const SHORTEST_HEX = 32;
const RANDOM_HEX_BITS = 3.2;

/** What in any text, such as a comment, has the form of a credential; null where nothing has. */
export function credentialShape(text: string): Suspicion | null {
  const shape = SHAPES.find(([, pattern]) => pattern.test(text));
  return shape ? { kind: shape[0], why: shape[2] } : null;
}

/**
 * Whether a value has to be kept secret.
 * @param name - of the field
 * @param value - of the field
 * @returns why it is taken for a credential; null where it is not, or where it only refers to one (`${NAME}`, `<…>`)
 */
export function suspect(name: string, value: string): Suspicion | null {
  const text = value.trim();
  const shape = credentialShape(text);
  if (shape) return shape;
  if (text === '' || /^(?:\$\{?\w+\}?|<[^<>]*>|true|false|yes|no|on|off|null|none)$/i.test(text)) return null;
  const spaced = name.replace(/([a-z\d])([A-Z])/g, '$1_$2');
  if (NAMED.test(spaced)) return { kind: 'name', why: 'has the name of a credential' };
  return !HARMLESS.test(spaced) && isRandom(text) ? { kind: 'random', why: 'looks random, as keys do' } : null;
}

function isRandom(text: string): boolean {
  if (/^[\da-f]+$/i.test(text)) return text.length >= SHORTEST_HEX && bitsPerCharacter(text) >= RANDOM_HEX_BITS;
  // Neither a path nor a host name nor a number of words joined by hyphens.
  if (text.length < SHORTEST_RANDOM || !/^[\w+/=~-]+$/.test(text) || text.startsWith('/')) return false;
  if (!/\d/.test(text) || !/[a-z]/i.test(text) || /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text))
    return false;
  return bitsPerCharacter(text) >= RANDOM_BITS;
}

/** Shannon entropy. */
function bitsPerCharacter(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  return [...counts.values()].reduce((sum, count) => sum - (count / text.length) * Math.log2(count / text.length), 0);
}
