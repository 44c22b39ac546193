/**
 * What a secret is called in a record, and whether that is the secret asked for. A caller may type a friendly name, a
 * full ARN or a partial ARN; the records keep what was typed (facts of CloudTrail, awscloudtrail user guide).
 */

/** A secret's identity: two mentions are one secret when what both know of it is equal. */
export interface SecretId {
  /** `aws`, `aws-cn` …; null where only a name is known, as with account and region. */
  partition: string | null;
  /** Never checked for twelve digits: anonymised records hold anything. */
  account: string | null;
  region: string | null;
  /** Friendly name, without the six random characters that an ARN adds. */
  name: string;
  /** The six characters; null where unknown. They tell a secret from a later one of the same name. */
  suffix: string | null;
}

/** A mention of a secret in a record. */
export interface Mention extends SecretId {
  /**
   * The other way to read it: an ARN that a caller typed may be partial, and then `…:secret:app-backup` is the whole
   * name `app-backup` and not `app` with the suffix `backup`. Null where there is only one way.
   */
  otherName: string | null;
}

/** Who wrote an id: AWS writes full ARNs; what a caller typed may be a partial one. */
export type WrittenBy = 'aws' | 'caller';

/** https://docs.aws.amazon.com/secretsmanager/latest/userguide/getting-started.html#term_secret: a hyphen and six characters. */
const SUFFIXED = /^(.+)-([A-Za-z0-9]{6})$/s;

const ARN = /^arn:([^:]*):secretsmanager:([^:]*):([^:]*):secret:(.+)$/s;

/**
 * Read an id.
 * @param text - friendly name, ARN or partial ARN
 * @param writtenBy - whether an ARN is surely complete
 * @returns the identity, or null for an empty text and for the ARN of something else
 */
export function parseSecretId(text: string, writtenBy: WrittenBy): Mention | null {
  const arn = ARN.exec(text);
  if (!arn) {
    if (text === '' || text === '*' || text.startsWith('arn:')) return null;
    return { partition: null, account: null, region: null, name: text, suffix: null, otherName: null };
  }
  const [, partition = '', region = '', account = '', resource = ''] = arn;
  const place = { partition, account: account || null, region: region || null };
  const suffixed = SUFFIXED.exec(resource);
  if (!suffixed) return { ...place, name: resource, suffix: null, otherName: null };
  const [, name = '', suffix = ''] = suffixed;
  return { ...place, name, suffix, otherName: writtenBy === 'caller' ? resource : null };
}

/** What a batch of records has taught about the secrets in it. */
export interface KnownSecrets {
  /** Learn from an id that AWS wrote in full. */
  learn(id: SecretId): void;
  /** Read a mention the right way where what was learnt settles it; else as it came. */
  settle(mention: Mention): Mention;
  /** The one full identity of a secret known by name; the id as it came where none or several are known. */
  complete(id: SecretId): SecretId;
}

/** An empty {@link KnownSecrets}. */
export function knownSecrets(): KnownSecrets {
  const byName = new Map<string, Map<string, SecretId>>();
  const named = (name: string, like: SecretId) =>
    [...(byName.get(name)?.values() ?? [])].filter((known) => samePlace(known, like));
  return {
    learn(id) {
      if (id.suffix === null) return;
      const ids = byName.get(id.name) ?? new Map<string, SecretId>();
      byName.set(id.name, ids.set(arnOf(id) ?? '', id));
    },
    settle(mention) {
      if (mention.otherName === null) return mention;
      const whole = named(mention.name, mention);
      if (whole.some(({ suffix }) => suffix === mention.suffix)) return { ...mention, otherName: null };
      // A secret that somebody named after the ARN of another must not take that one's reads away: both have to be known.
      if (whole.length === 0 || named(mention.otherName, mention).length === 0) return mention;
      return { ...mention, name: mention.otherName, suffix: null, otherName: null };
    },
    complete(id) {
      if (id.suffix !== null) return id;
      const [only, ...more] = named(id.name, id);
      return only && more.length === 0 ? only : id;
    },
  };
}

/**
 * Whether a mention is the secret asked for. What one side does not know is no difference, and a mention that can be
 * read in two ways counts in either: an access too many is seen by a person, one too few by nobody.
 */
export function sameSecret(mention: Mention, asked: SecretId | Mention): boolean {
  if (!samePlace(mention, asked)) return false;
  const readings = waysToRead(mention);
  return waysToRead(asked).some((a) => readings.some((b) => a.name === b.name && agree(a.suffix, b.suffix)));
}

const waysToRead = (id: SecretId | Mention): { name: string; suffix: string | null }[] => [
  { name: id.name, suffix: id.suffix },
  ...('otherName' in id && id.otherName !== null ? [{ name: id.otherName, suffix: null }] : []),
];

const samePlace = (a: SecretId, b: SecretId) =>
  agree(a.partition, b.partition) && agree(a.account, b.account) && agree(a.region, b.region);

const agree = (a: string | null, b: string | null) => a === null || b === null || a === b;

/** The full ARN, or null where a part of it is unknown. */
export function arnOf({ partition, account, region, name, suffix }: SecretId): string | null {
  if (partition === null || account === null || region === null || suffix === null) return null;
  return `arn:${partition}:secretsmanager:${region}:${account}:secret:${name}-${suffix}`;
}

/** The ARN, or the name where the ARN is unknown. */
export const writtenId = (id: SecretId): string => arnOf(id) ?? id.name;
