/** Records of CloudTrail files as they are, whatever they concern: for what is learnt from calls to other services. */
import type { Context } from '../../../host.ts';
import type { Window } from '../../window.ts';
import type { Skipped } from '../source.ts';
import { findFiles } from './find.ts';
import { scanAll } from './pool.ts';
import { isWithin, NO_JSON, parseRecord } from './pick.ts';
import type { ScanTask } from './scan.ts';

/** Which records are wanted. */
export interface RecordsQuery {
  /** Texts of which a record has one at least, as JSON writes them; most records are told apart by them and never parsed. */
  needles: readonly string[];
  /** Null for whatever time; what has no time is in every window. */
  window: Window | null;
}

/** What was read. */
export interface RecordsRead {
  /** Records seen, wanted or not. */
  records: number;
  /** What was not looked at. */
  problems: Skipped[];
}

/**
 * Read records, on all cores, in bounded memory.
 * @param paths - files, folders, or patterns with `*`
 * @param onRecord - gets each record that is wanted, decoded, in no order across files; the same record in two files
 *   comes twice. It is awaited before the next one comes.
 * @throws JamfMcpError INTERRUPTED; what `onRecord` throws
 */
export async function readRecords(
  paths: readonly string[],
  { needles, window }: RecordsQuery,
  onRecord: (record: unknown) => void | Promise<void>,
  context: Pick<Context, 'signal'>,
): Promise<RecordsRead> {
  const read: RecordsRead = { records: 0, problems: [] };
  const skip = (one: Skipped) => {
    read.problems.push(one);
  };
  async function* tasks(): AsyncGenerator<ScanTask> {
    for await (const { path, name } of findFiles(paths, window, skip)) yield { name, path, window, needles };
  }
  let turn = Promise.resolve();
  await scanAll(
    tasks(),
    ({ texts }, { name }) => {
      // Two workers may hand over at once: the caller gets one record at a time.
      turn = turn.then(async () => {
        for (const text of texts) {
          context.signal.throwIfAborted();
          const record = parseRecord(text);
          if (record === undefined) skip({ where: name, why: NO_JSON });
          else if (isWithin(timeOf(record), window)) await onRecord(record);
        }
      });
      return turn;
    },
    ({ name }, { records, problems }) => {
      read.records += records;
      for (const why of problems) skip({ where: name, why });
    },
    context,
  );
  return read;
}

function timeOf(record: unknown): string | null {
  const time = typeof record === 'object' && record !== null && 'eventTime' in record ? record.eventTime : null;
  return typeof time === 'string' && !Number.isNaN(Date.parse(time)) ? time : null;
}
