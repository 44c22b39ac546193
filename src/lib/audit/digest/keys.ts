/**
 * The public keys of CloudTrail: asked for in the Region of the digest, or read from a file, so that an archive can be
 * verified when there is no account any more.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { call, clientConfig, type AwsSettings } from '../../aws.ts';
import { JamfMcpError, messageOf } from '../../errors.ts';
import { errorCode, orTell } from '../../file-errors.ts';
import type { Context } from '../../host.ts';
import type { Skipped } from '../sources/source.ts';

/** A key as `aws cloudtrail list-public-keys` prints it; we add the Region. */
export interface SavedKey {
  Fingerprint: string;
  /** DER of PKCS#1, in base64. */
  Value: string;
  /** ISO 8601, or seconds since 1970. */
  ValidityStartTime?: string | number;
  ValidityEndTime?: string | number;
  Region?: string;
}

/** A stretch of time, in milliseconds since 1970. */
export interface Stretch {
  since: number;
  until: number;
}

/** The keys there are. */
export interface KeyRing {
  /**
   * The key with that fingerprint.
   * @param around - when it was in use: what CloudTrail is asked for
   * @returns null where there is none; `unknown` where the Region cannot be asked
   * @throws JamfMcpError INTERRUPTED, and CREDENTIALS_… where nothing can be asked at all
   */
  find(region: string, fingerprint: string, around: Stretch): Promise<KeyObject | 'unknown' | null>;
  /** All that were given or fetched, in the order of their fingerprints. */
  all(): SavedKey[];
}

/**
 * A ring of keys.
 * @param given - keys that were saved; with any, CloudTrail is not asked
 * @param skip - told of each Region that cannot be asked
 */
export function keyRing(
  given: readonly SavedKey[] | null,
  aws: AwsSettings,
  skip: (skipped: Skipped) => void,
  context: Context,
): KeyRing {
  const keys = new Map((given ?? []).map((key) => [key.Fingerprint, { key, object: keyObject(key) }]));
  const asked = new Map<string, boolean>();

  const ask = async (region: string, around: Stretch): Promise<boolean> => {
    const question = `${region} ${String(around.since)} ${String(around.until)}`;
    const answered = asked.get(question) ?? asked.get(region);
    if (answered !== undefined) return answered;
    try {
      for (const key of await listPublicKeys(region, around, aws, context)) {
        if (!keys.has(key.Fingerprint)) keys.set(key.Fingerprint, { key, object: keyObject(key) });
      }
      asked.set(question, true);
      return true;
    } catch (error) {
      if (!(error instanceof JamfMcpError) || error.code === 'INTERRUPTED') throw error;
      if (error.code.startsWith('CREDENTIALS_')) throw needsAccount(error);
      skip({
        where: `public keys of CloudTrail in ${region}`,
        why: `${error.message}: its digests are not proved`,
      });
      asked.set(region, false);
      return false;
    }
  };

  return {
    async find(region, fingerprint, around) {
      const there = () => keys.get(fingerprint)?.object;
      const known = there();
      if (known !== undefined || given !== null) return known ?? null;
      return (await ask(region, around)) ? (there() ?? null) : 'unknown';
    },
    all: () => [...keys.values()].map(({ key }) => key).sort((a, b) => (a.Fingerprint < b.Fingerprint ? -1 : 1)),
  };
}

/** No fault of one Region. */
const needsAccount = (error: JamfMcpError) =>
  new JamfMcpError(
    error.code,
    error.message,
    'sign in (aws sso login, --profile), or pass --keys FILE with the public keys that --save-keys has kept',
    { cause: error },
  );

/** Null for what is no RSA key: a digest signed with it cannot be proved. */
function keyObject({ Value }: SavedKey): KeyObject | null {
  try {
    return createPublicKey({ key: Buffer.from(Value, 'base64'), format: 'der', type: 'pkcs1' });
  } catch {
    return null;
  }
}

async function listPublicKeys(
  region: string,
  { since, until }: Stretch,
  aws: AwsSettings,
  context: Context,
): Promise<SavedKey[]> {
  const { CloudTrailClient, ListPublicKeysCommand } = await import('@aws-sdk/client-cloudtrail');
  const client = new CloudTrailClient(clientConfig({ ...aws, region }));
  const found: SavedKey[] = [];
  try {
    let token: string | undefined;
    do {
      const input = { StartTime: new Date(since), EndTime: new Date(until), NextToken: token };
      const page = await call(context, 'ListPublicKeys', `CloudTrail in ${region}`, (options) =>
        client.send(new ListPublicKeysCommand(input), options),
      );
      for (const { Fingerprint, Value, ValidityStartTime, ValidityEndTime } of page.PublicKeyList ?? []) {
        if (Fingerprint === undefined || Value === undefined) continue;
        found.push({
          Fingerprint,
          Value: Buffer.from(Value).toString('base64'),
          ...(ValidityStartTime && { ValidityStartTime: ValidityStartTime.toISOString() }),
          ...(ValidityEndTime && { ValidityEndTime: ValidityEndTime.toISOString() }),
          Region: region,
        });
      }
      token = page.NextToken;
    } while (token !== undefined);
    return found;
  } finally {
    client.destroy();
  }
}

/**
 * Read a file of keys: what `aws cloudtrail list-public-keys` prints, or what {@link saveKeys} has written.
 * @throws JamfMcpError NOT_FOUND where it is not there, INPUT_INVALID where it holds no keys
 */
export async function readKeys(path: string): Promise<SavedKey[]> {
  const what = `the public keys in ${path} cannot be read`;
  const content = await orTell({ what, hint: 'name a file that --save-keys has written' }, async () => {
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
      throw new JamfMcpError('NOT_FOUND', `there is no file ${path}`, 'name a file that --save-keys has written');
    }
  });
  try {
    const { PublicKeyList } = JSON.parse(content) as { PublicKeyList: unknown };
    if (!Array.isArray(PublicKeyList) || !PublicKeyList.every(isKey)) throw new Error('PublicKeyList is missing');
    return PublicKeyList;
  } catch (error) {
    throw new JamfMcpError(
      'INPUT_INVALID',
      `${what}: ${messageOf(error)}`,
      'it has the form that aws cloudtrail list-public-keys prints: {"PublicKeyList": [{"Fingerprint", "Value"}]}',
      { cause: error },
    );
  }
}

const isKey = (value: unknown): value is SavedKey =>
  value !== null &&
  typeof value === 'object' &&
  typeof (value as Partial<SavedKey>).Fingerprint === 'string' &&
  typeof (value as Partial<SavedKey>).Value === 'string' &&
  keyObject(value as SavedKey) !== null;

/**
 * Write the keys of a ring, beside those that the file has.
 * @returns how many are in it now
 * @throws JamfMcpError INPUT_INVALID where the file is there and holds something else
 */
export async function saveKeys(path: string, keys: readonly SavedKey[], context: Context): Promise<number> {
  const { replaceFile } = await import('../../secrets/stores/files.ts');
  const before = await readKeys(path).catch((error: unknown) => {
    if (error instanceof JamfMcpError && error.code === 'NOT_FOUND') return [];
    throw error;
  });
  const all = new Map([...before, ...keys].map((key) => [key.Fingerprint, key]));
  const content = `${JSON.stringify({ PublicKeyList: [...all.values()] }, null, 2)}\n`;
  await orTell({ what: `the public keys cannot be saved in ${path}` }, () =>
    replaceFile(path, Buffer.from(content), context, () => Promise.resolve()),
  );
  return all.size;
}
