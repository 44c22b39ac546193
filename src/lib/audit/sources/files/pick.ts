/** Picks the records that are wanted out of all: most are told apart by a search for bytes and never parsed. */
import { accessFrom, isContextCall, isContextSource, type RecordedAccess } from '../../event.ts';
import type { Window } from '../../window.ts';
import { packed, type PackedAccess } from '../source.ts';

/** What was found in a part of a file, in the order of the file. */
export interface Batch {
  accesses: PackedAccess[];
  /** Records as they are written there. */
  texts: string[];
}

/** Puts into the batch what is wanted of a record, which most likely lies in the chunk. */
export type PickRecord = (record: Buffer, chunk: Buffer, batch: Batch) => void;

/**
 * Picks accesses.
 * @param window - null for whatever time
 * @param problem - told of records that are none
 */
export function pickAccesses(window: Window | null, problem: (why: string) => void): PickRecord {
  const [secrets, source] = [finder(SECRETS), finder(SOURCE)];
  return (record, chunk, { accesses }) => {
    if (secrets(record, chunk, 0) < 0 && !mayBeContext(record, (from) => source(record, chunk, from))) return;
    const access = accessIn(record, problem);
    if (access && isWithin(access.time, window)) accesses.push(packed(access));
  };
}

/**
 * Picks records as they are.
 * @param needles - texts of which a record has one at least
 */
export function pickTexts(needles: readonly string[]): PickRecord {
  const finders = needles.map((needle) => finder(Buffer.from(needle)));
  return (record, chunk, { texts }) => {
    if (finders.some((find) => find(record, chunk, 0) >= 0)) texts.push(record.toString('utf8'));
  };
}

/**
 * Finds a text in one record after the other: a search goes on through the chunk to where the text is, and answers for
 * all records before that.
 * @returns where it is in the record at or after a place, or -1
 */
function finder(text: Buffer): (record: Buffer, chunk: Buffer, from: number) => number {
  let last: Buffer | null = null;
  /** The first place at or after `looked`. */
  let [found, looked] = [0, 0];
  return (record, chunk, from) => {
    const start = record.byteOffset - chunk.byteOffset;
    if (record.buffer !== chunk.buffer || start < 0 || start + record.length > chunk.length) {
      return record.indexOf(text, from);
    }
    if (chunk !== last || start + from < looked || start + from > found) {
      last = chunk;
      looked = start + from;
      found = chunk.indexOf(text, looked);
      if (found < 0) found = Number.POSITIVE_INFINITY;
    }
    return found + text.length <= start + record.length ? found - start : -1;
  };
}

/** All that a record says of a secret has this in it: the service's own records, and the key's, which name the secret's ARN. */
const SECRETS = Buffer.from('secretsmanager');
/** End the names of the members that tell the service and the call, in a record and in an event of LookupEvents. */
const SOURCE = Buffer.from('ventSource"');
const CALL = Buffer.from('ventName"');
/** Space, colon, quote and a name. */
const NAME_LENGTH = 48;

/** Whether a record may be of a call that concerns what guards a secret; never says no to one that does. */
function mayBeContext(record: Buffer, sourceFrom: (from: number) => number): boolean {
  for (let at = sourceFrom(0); at >= 0; at = sourceFrom(at + SOURCE.length)) {
    if (isContextSource(nameAfter(record, at + SOURCE.length))) return namesContextCall(record);
  }
  return false;
}

function namesContextCall(record: Buffer): boolean {
  for (let at = record.indexOf(CALL); at >= 0; at = record.indexOf(CALL, at + CALL.length)) {
    if (isContextCall(nameAfter(record, at + CALL.length))) return true;
  }
  return false;
}

const nameAfter = (record: Buffer, at: number) => record.toString('latin1', at, at + NAME_LENGTH);

/** The access that a record tells. */
function accessIn(bytes: Buffer, problem: (why: string) => void): RecordedAccess | null {
  const record = parseRecord(bytes.toString('utf8'));
  if (record !== undefined) return accessFrom(record);
  problem(NO_JSON);
  return null;
}

/** What is told of a file with a record that is none. */
export const NO_JSON = 'a record is not JSON';

/**
 * The record in a text, in CloudTrail's own form or as the text in an event of LookupEvents.
 * @returns undefined where it is not JSON
 */
export function parseRecord(text: string): unknown {
  try {
    const record = JSON.parse(text) as { CloudTrailEvent?: unknown };
    const inner = record.CloudTrailEvent;
    return typeof inner === 'string' ? JSON.parse(inner) : record;
  } catch {
    return undefined;
  }
}

/** What has no time is never left out: rather one too many than one that nobody sees. */
export function isWithin(time: string | null, window: Window | null): boolean {
  if (window === null || time === null) return true;
  const at = Date.parse(time);
  return at >= window.since && at <= window.until;
}
