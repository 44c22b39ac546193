/**
 * What LookupEvents has told, kept on the disk, so that the next run asks for what is new only. A file holds the events of
 * whole hours that had closed, and were beyond the delivery delay, when they were read: nothing is added to them later.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { appendFile, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createGunzip, gzipSync } from 'node:zlib';
import { DAY, type Window } from '../window.ts';

const HOUR = 3_600_000;

/** The event history goes back 90 days; what is older is not kept here either. */
const KEPT_MS = 91 * DAY;

/** Members of a record that may hold a value, although CloudTrail should have left them out: never written down. */
const VALUES = /^(?:secretString|secretBinary|rotationToken|plaintext|password|clientSecret)$/i;

/** Name of a file: begin and end in hours since 1970, number of events, beginning of the digest of its bytes. */
const NAME = /^(\d{1,8})-(\d{1,8})_(\d{1,12})_([0-9a-f]{32})\.jsonl\.gz$/;

/** Name of a file that is being written; when that began. */
const PARTIAL = /^\.(\d+)-[0-9a-f-]{36}\.partial$/;

/** A stretch of time: `since` is within, `until` is not. Milliseconds since 1970. */
export type Span = Window;

/** Events that were kept. */
export interface CachedSpan extends Span {
  /** The records, as JSON text. */
  records(): AsyncIterable<string>;
}

/** Takes down one stretch of events as they come, newest first. */
export interface Writer {
  /** Keep a page of events. */
  page(events: readonly { at: number; record: string }[]): Promise<void>;
  /** Nothing more comes. `complete`: the stretch was read to its beginning. */
  end(complete: boolean): Promise<void>;
}

/** The cache of one attribute in one Region of one account. */
export interface Cache {
  /** What is there of a window, oldest first, nothing twice; damaged files are dropped. */
  spans(window: Window): Promise<CachedSpan[]>;
  /** A writer for the whole, closed hours of a stretch; `now` tells which are. */
  writer(span: Span, now: number): Writer;
}

/**
 * Open a cache; what cannot be written is not kept, and read again another time.
 * @param folder - made where it is not there
 * @param settledMs - how long after its end an hour is complete: the delivery delay
 */
export function lookupCache(folder: string, settledMs: number): Cache {
  return {
    spans: (window) => spansIn(folder, window),
    writer: (span, now) => writerIn(folder, span, now - settledMs),
  };
}

async function spansIn(folder: string, window: Window): Promise<CachedSpan[]> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const begun = Number(PARTIAL.exec(name)?.[1] ?? Infinity);
    // Whoever was writing it was killed long ago.
    if (begun < Date.now() - DAY) await rm(join(folder, name), { force: true });
  }
  const found = names
    .flatMap((name) => {
      const [, since, until, count, digest] = NAME.exec(name) ?? [];
      const path = join(folder, name);
      return since === undefined || until === undefined || count === undefined || digest === undefined
        ? []
        : [{ path, since: Number(since) * HOUR, until: Number(until) * HOUR, count: Number(count), digest }];
    })
    // Of two that begin together the longer one.
    .sort((a, b) => a.since - b.since || b.until - a.until);
  const spans: CachedSpan[] = [];
  let covered = -Infinity;
  for (const { path, since, until, count, digest } of found) {
    if (until < window.until - KEPT_MS) await rm(path, { force: true });
    if (since < covered || until <= window.since || since > window.until || until <= since) continue;
    if (!(await isIntact(path, digest))) {
      await rm(path, { force: true });
      continue;
    }
    covered = until;
    spans.push({ since, until, records: () => (count === 0 ? none() : linesOf(path)) });
  }
  return spans;
}

async function isIntact(path: string, digest: string): Promise<boolean> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  } catch {
    return false;
  }
  return short(hash.digest('hex')) === digest;
}

const short = (digest: string) => digest.slice(0, 32);

async function* none(): AsyncGenerator<string> {
  // No event happened in those hours.
}

async function* linesOf(path: string): AsyncGenerator<string> {
  yield* createInterface({ input: createReadStream(path).pipe(createGunzip()), crlfDelay: Infinity });
}

/** A file that is being written: it gets its name when it is whole. */
interface Draft {
  path: string;
  until: number;
  count: number;
  hash: ReturnType<typeof createHash>;
}

/** One file a day, so that a run that breaks off keeps the days that it has read. */
function writerIn(folder: string, span: Span, settled: number): Writer {
  const first = Math.ceil(span.since / HOUR) * HOUR;
  const last = Math.floor(Math.min(span.until, settled) / HOUR) * HOUR;
  let draft: Draft | null = null;
  /** Everything from here to `last` has been kept; what comes next is older. */
  let edge = last;
  let broken = last <= first;

  const open = (until: number): Draft => ({
    path: join(folder, `.${String(Date.now())}-${randomUUID()}.partial`),
    until,
    count: 0,
    hash: createHash('sha256'),
  });

  const write = async (target: Draft, records: readonly string[]) => {
    // Members of one gzip file may follow each other: https://www.rfc-editor.org/rfc/rfc1952#section-2.2
    const packed = gzipSync(records.map((record) => `${record}\n`).join(''));
    target.hash.update(packed);
    target.count += records.length;
    await appendFile(target.path, packed, { mode: 0o600 });
  };

  const finish = async (since: number) => {
    if (edge <= since) return;
    const done = draft ?? open(edge);
    if (done.count === 0) await write(done, []);
    const name = `${String(since / HOUR)}-${String(done.until / HOUR)}_${String(done.count)}_${short(done.hash.digest('hex'))}.jsonl.gz`;
    await rename(done.path, join(folder, name));
    edge = since;
    draft = null;
  };

  /** A disk that is full or not ours must not fail the audit: it only reads the same again next time. */
  const quietly = async (work: () => Promise<void>) => {
    if (broken) return;
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await work();
    } catch {
      broken = true;
      if (draft) await rm(draft.path, { force: true }).catch(() => undefined);
    }
  };

  return {
    page: (events) =>
      quietly(async () => {
        const within = events.filter(({ at }) => at >= first && at < last);
        for (const [day, list] of Map.groupBy(within, ({ at }) => Math.floor(at / DAY) * DAY)) {
          // The days between hold nothing, which is worth knowing, too.
          if (edge > day + DAY) await finish(Math.max(day + DAY, first));
          draft ??= open(edge);
          await write(
            draft,
            list.map(({ record }) => withoutValues(record)),
          );
        }
      }),
    end: (complete) =>
      quietly(async () => {
        if (complete) await finish(first);
        else if (draft) await rm(draft.path, { force: true });
      }),
  };
}

/** What is no JSON is kept as it is no longer: an empty text, which is told as such each time. */
function withoutValues(record: string): string {
  try {
    return JSON.stringify(
      JSON.parse(record, (name, value: unknown) => (VALUES.test(name) ? undefined : value)) as unknown,
    );
  } catch {
    return '';
  }
}

/**
 * What a window lacks.
 * @param spans - what is there of it, oldest first
 * @returns the gaps, newest first
 */
export function gapsOf(window: Window, spans: readonly Span[]): Span[] {
  const gaps: Span[] = [];
  let from = window.since;
  for (const { since, until } of spans) {
    if (since > from) gaps.push({ since: from, until: since });
    from = Math.max(from, until);
  }
  if (from <= window.until) gaps.push({ since: from, until: window.until });
  return gaps.reverse();
}
