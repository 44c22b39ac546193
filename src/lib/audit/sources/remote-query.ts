/** A query that runs elsewhere and is charged: asked for before, waited for, and stopped where nobody waits any more. */
import { isInterruption, JamfMcpError, messageOf } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { accessFrom } from '../event.ts';
import type { Sink, Skipped } from './source.ts';

/** How long is waited between two questions, in ms: longer each time. */
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 5_000;
const GROWTH = 1.5;

/** Athena ends a query after 30 minutes unless its quota was raised, CloudTrail Lake after an hour. */
const LIMIT_MS = 65 * 60_000;

/** What is done where a query is not to go on; it has little time. */
const STOP_MS = 5_000;

/** How long the call that starts a query may take. */
const START_MS = 60_000;

/** A query that was started. */
export interface RunningQuery<State> {
  /** `Athena query 1fb0…`. */
  name: string;
  /** Ask how it is: null while it goes on. Throws where it failed at the service, which then needs no stopping. */
  poll: (context: Context) => Promise<State | null>;
  stop: (context: Context) => Promise<unknown>;
  /** How a person stops it. */
  byHand: string;
}

/** Thrown by {@link RunningQuery.poll} where the service has ended the query itself. */
export class QueryEnded extends Error {
  /** What is told. */
  readonly told: JamfMcpError;

  constructor(told: JamfMcpError) {
    super(told.message);
    this.name = 'QueryEnded';
    this.told = told;
  }
}

/**
 * Wait until a query has ended. Where waiting ends before, by Ctrl-C or because it cannot be asked any more, the query is
 * stopped, so that nothing is scanned and charged that nobody will read.
 * @returns what the last question told
 * @throws JamfMcpError what the query failed with; TIMED_OUT; INTERRUPTED
 */
export async function untilEnded<State>(query: RunningQuery<State>, context: Context): Promise<State> {
  const { clock, signal } = context;
  const begun = clock.now();
  try {
    for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * GROWTH, LONGEST_WAIT_MS)) {
      const state = await query.poll(context);
      if (state !== null) return state;
      if (clock.now() - begun > LIMIT_MS) {
        throw new JamfMcpError(
          'TIMED_OUT',
          `${query.name} has not ended in 65 minutes`,
          'name a shorter time: --since',
        );
      }
      await clock.sleep(Math.round(wait), signal);
    }
  } catch (error) {
    if (error instanceof QueryEnded) throw error.told;
    const left = await stopped(query, context);
    if (!isInterruption(error)) throw error;
    throw new JamfMcpError('INTERRUPTED', `interrupted; ${left ?? `${query.name} was stopped`}`, null, {
      cause: error,
    });
  }
}

/**
 * The context in which a query is started: one that has begun to start is not cut off, because nobody would know its id
 * then, and it could not be stopped.
 */
export function starting(context: Context): Context {
  context.signal.throwIfAborted();
  return { ...context, signal: AbortSignal.timeout(START_MS) };
}

/** @returns null where it was stopped; else what is left, which has been told */
async function stopped<State>({ name, stop, byHand }: RunningQuery<State>, context: Context): Promise<string | null> {
  try {
    // The signal of the run may have been what ended the wait.
    await stop({ ...context, signal: AbortSignal.timeout(STOP_MS) });
    return null;
  } catch (error) {
    const left = `${name} goes on, and could not be stopped: ${messageOf(error)}; stop it with \`${byHand}\``;
    context.host.notify({ kind: 'warning', text: left });
    return left;
  }
}

/**
 * Tell what a query will cost, and ask whether it may.
 * @throws JamfMcpError DECLINED; CONFIRMATION_REQUIRED where nobody can be asked
 */
export async function permitted(text: string, { host }: Context): Promise<void> {
  if (await host.ask({ kind: 'confirm', text })) return;
  throw new JamfMcpError('DECLINED', 'declined; nothing was scanned, and nothing is charged');
}

/** `812 bytes`, `48 kB`, `3.1 MB`, `1.2 GB`, `4.0 TB`; decimal, as AWS charges. */
export function bytesText(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  const step = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const size = bytes / 1_000 ** step;
  return `${step < 2 ? String(Math.round(size)) : size.toFixed(1)} ${units[step] ?? 'bytes'}`;
}

/** One page of an answer. */
export interface Page {
  /** CloudTrail records; what is none is left out. */
  records: Iterable<unknown>;
  /** Of the next page; undefined at the end. */
  next: string | undefined;
}

/**
 * Read an answer to its end, each record into its normal form. What breaks off after the first page is told.
 * @param where - name of the query, for texts
 * @param fetch - gets the page of a token, the first one without
 * @throws JamfMcpError as `fetch`, of the first page; INTERRUPTED
 */
export async function readPages(
  where: string,
  fetch: (token: string | undefined) => Promise<Page>,
  sink: Sink,
  context: Context,
): Promise<{ events: number; complete: boolean; skipped: Skipped[] }> {
  let [events, pages] = [0, 0];
  let token: string | undefined;
  do {
    try {
      const { records, next } = await fetch(token);
      for (const record of records) {
        const access = accessFrom(record);
        if (!access) continue;
        events += 1;
        sink(access);
      }
      pages += 1;
      token = next;
      context.host.notify({ kind: 'progress', text: `${where}: ${String(events)} accesses read` });
    } catch (error) {
      if (pages === 0 || isInterruption(error)) throw error;
      const why = `broke off after ${String(pages)} pages, the newer accesses are missing: ${messageOf(error)}`;
      return { events, complete: false, skipped: [{ where, why }] };
    }
  } while (token !== undefined);
  return { events, complete: true, skipped: [] };
}
