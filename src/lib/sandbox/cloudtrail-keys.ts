/** CloudTrail's public keys: the sandbox signs no digests of its own, so it has those that a test gives it. */
import { AwsFault, type AwsHandlers, type SandboxClock } from './service.ts';
import { text } from './input.ts';

/** A public key whose private half has signed digests. */
export interface PublishedKey {
  region: string;
  fingerprint: string;
  /** DER of PKCS#1. */
  value: Uint8Array;
  /** When it was in use, milliseconds since 1970. */
  since: number;
  until: number;
}

/** Keys a page; AWS names no number. */
const PAGE_SIZE = 10;

/** `ListPublicKeys`, which tells the keys of the caller's Region that were in use in the time asked for; a day back by default. */
export function publicKeys(clock: SandboxClock): { handlers: AwsHandlers; publish: (key: PublishedKey) => void } {
  const keys: PublishedKey[] = [];
  const list: AwsHandlers[string] = (input, { region }) => {
    const until = timeOf(input, 'EndTime') ?? clock.now();
    const since = timeOf(input, 'StartTime') ?? until - 86_400_000;
    if (since > until) throw new AwsFault('InvalidTimeRangeException', 'StartTime has to be before EndTime.');
    const from = Number(text(input, 'NextToken') ?? 0);
    if (!Number.isInteger(from)) throw new AwsFault('InvalidTokenException', 'The token is not valid.');
    const found = keys.filter((key) => key.region === region && key.since <= until && key.until >= since);
    return {
      PublicKeyList: found.slice(from, from + PAGE_SIZE).map(({ fingerprint, value, ...key }) => ({
        Value: Buffer.from(value).toString('base64'),
        ValidityStartTime: new Date(key.since),
        ValidityEndTime: new Date(key.until),
        Fingerprint: fingerprint,
      })),
      NextToken: found.length > from + PAGE_SIZE ? String(from + PAGE_SIZE) : undefined,
    };
  };
  return { handlers: { ListPublicKeys: list }, publish: (key) => void keys.push(key) };
}

function timeOf(input: Record<string, unknown>, name: string): number | null {
  const value = input[name];
  if (value === undefined || value === null) return null;
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value * 1000;
  throw new AwsFault('InvalidTimeRangeException', `${name} is not a valid time.`);
}
