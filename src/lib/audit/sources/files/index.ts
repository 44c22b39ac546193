/** Files of CloudTrail records as a source: what a trail has delivered to a bucket, once it is on the disk, or on stdin. */
import type { Context } from '../../../host.ts';
import type { RecordedAccess } from '../../event.ts';
import type { Window } from '../../window.ts';
import type { Sink, Skipped, Source, SourceResult } from '../source.ts';
import { findFiles } from './find.ts';
import { scanAll } from './pool.ts';
import type { Batch } from './pick.ts';
import { scan, type ScanReport, type ScanTask } from './scan.ts';

/** What to read. */
export interface FilesQuery {
  /** Files, folders, or patterns with `*`. */
  paths: readonly string[];
  /** Content that comes by another way, such as stdin. */
  streams?: readonly { name: string; stream: AsyncIterable<Uint8Array> }[];
  /** Null for whatever time. */
  window: Window | null;
}

/**
 * Files, read on all cores, in whatever order; the same record in two files comes twice. The report is not `complete`
 * where a file, or a part of one, could not be looked at, each of which is in `skipped`.
 */
export const filesSource = (query: FilesQuery): Source => ({
  newestFirst: false,
  read: (sink, context) => readFiles(query, sink, context),
});

const readFiles = ({ paths, streams = [], window }: FilesQuery, sink: Sink, context: Context) =>
  readTasks(
    {
      kind: 'files',
      streams: streams.map(({ name, stream }) => ({ name, path: EMPTY, stream, window })),
      async *tasks(skip) {
        for await (const { path, name } of findFiles(paths, window, skip)) yield { name, path, window };
      },
    },
    sink,
    context,
  );

/** What to scan. */
export interface Tasks {
  /** For the report. */
  kind: string;
  /** What cannot be handed to another thread, and is read first. */
  streams?: readonly ScanTask[];
  /** Found, or fetched, while others are scanned; tells `skip` of what cannot be. */
  tasks: (skip: (one: Skipped) => void) => AsyncIterable<ScanTask>;
}

/** Scan all, on all cores. */
export async function readTasks(
  { kind, streams = [], tasks }: Tasks,
  sink: Sink,
  context: Context,
): Promise<SourceResult> {
  const skipped: Skipped[] = [];
  const report = {
    kind,
    region: null,
    account: null,
    events: 0,
    complete: true,
    files: 0,
    records: 0,
    bytes: 0,
    unpacked: 0,
  };
  const skip = (one: Skipped) => {
    skipped.push(one);
    report.complete = false;
  };

  let told = context.clock.now();
  const take = ({ accesses }: Batch) => {
    context.signal.throwIfAborted();
    report.events += accesses.length;
    for (const access of accesses) {
      if (sink.packed) sink.packed(access);
      else sink(JSON.parse(access.line) as RecordedAccess);
    }
  };
  const done = ({ name }: ScanTask, { records, bytes, unpacked, problems }: ScanReport) => {
    report.files += 1;
    report.records += records;
    report.bytes += bytes;
    report.unpacked += unpacked;
    for (const why of problems) skip({ where: name, why });
    if (context.clock.now() - told < TELL_EVERY_MS) return;
    told = context.clock.now();
    context.host.notify({ kind: 'progress', text: progressText(report) });
  };
  for (const task of streams)
    done(
      task,
      await scan(task, async (batch) => {
        take(batch);
      }),
    );
  await scanAll(tasks(skip), take, done, context);
  return { report, skipped };
}

const EMPTY = new Uint8Array();

const TELL_EVERY_MS = 1_000;

const progressText = ({ files, records, events }: Record<'files' | 'records' | 'events', number>) =>
  `${String(files)} files read, ${String(records)} records, ${String(events)} of secrets`;
