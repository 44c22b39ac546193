/** Sorted runs of accesses on the disk, and their merge: an external sort, a line of JSON each. */
import { closeSync, createReadStream, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RecordedAccess } from './event.ts';

/** An access with its place in time. */
export interface Entry {
  /** Milliseconds since 1970; -1 for one without a time. */
  at: number;
  /** Settles what shares a moment: smaller comes first. */
  order: number;
  access: RecordedAccess;
}

const byTime = (a: Entry, b: Entry) => a.at - b.at || a.order - b.order;

/** Sort a run, in place. */
export const sortRun = (entries: Entry[]): Entry[] => entries.sort(byTime);

/** Bytes written, and read, at once. */
const CHUNK = 1 << 18;
/** Entries handed on at once. */
const BATCH = 1_000;

/**
 * Write a run out.
 * @param entries - sorted
 * @returns path of the file, for its owner only
 * @throws what the disk fails with
 */
export function spillRun(entries: readonly Entry[], folder: string, number: number): string {
  const path = join(folder, `run-${String(number)}.jsonl`);
  const file = openSync(path, 'wx', 0o600);
  try {
    let text = '';
    for (const entry of entries) {
      text += `${JSON.stringify(entry)}\n`;
      if (text.length < CHUNK) continue;
      writeFileSync(file, text);
      text = '';
    }
    writeFileSync(file, text);
  } finally {
    closeSync(file);
  }
  return path;
}

/**
 * Merge runs.
 * @param paths - of runs written by {@link spillRun}
 * @returns the entries in order, in batches
 */
export async function* mergeRuns(paths: readonly string[]): AsyncGenerator<Entry[]> {
  const heads = (await Promise.all(paths.map((path) => head(readRun(path))))).filter((one) => one !== null);
  const heap = heapOf(heads);
  let batch: Entry[] = [];
  try {
    for (let first = heap.first(); first; first = heap.first()) {
      batch.push(first.entry);
      if (batch.length === BATCH) {
        yield batch;
        batch = [];
      }
      const next = first.waiting.pop() ?? (await refill(first));
      if (next) first.entry = next;
      else heap.drop();
      heap.sink();
    }
    yield batch;
  } finally {
    await Promise.all(heads.map(({ source }) => source.return()));
  }
}

/** The foremost entry of a run, those read with it (the next one last), and where more come from. */
interface Head {
  entry: Entry;
  waiting: Entry[];
  source: AsyncGenerator<Entry[], void>;
}

async function head(source: AsyncGenerator<Entry[], void>): Promise<Head | null> {
  const run = { waiting: [], source };
  const entry = await refill(run);
  return entry ? { ...run, entry } : null;
}

async function refill(run: { waiting: Entry[]; source: AsyncGenerator<Entry[], void> }): Promise<Entry | undefined> {
  const { value } = await run.source.next();
  if (!value) return undefined;
  const [first, ...others] = value;
  run.waiting.push(...others.reverse());
  return first;
}

async function* readRun(path: string): AsyncGenerator<Entry[], void> {
  let broken = '';
  for await (const chunk of createReadStream(path, { encoding: 'utf8', highWaterMark: CHUNK })) {
    const lines = `${broken}${String(chunk)}`.split('\n');
    broken = lines.pop() ?? '';
    if (lines.length > 0) yield lines.map((line) => JSON.parse(line) as Entry);
  }
}

/** A binary heap by time, foremost first. */
function heapOf(heads: readonly Head[]) {
  const heap = heads.toSorted((a, b) => byTime(a.entry, b.entry));
  return {
    first: () => heap[0],
    /** Take the first away: the last takes its place, to be sunk. */
    drop() {
      const last = heap.pop();
      if (last && heap.length > 0) heap[0] = last;
    },
    /** Let the first go down to where it belongs. */
    sink() {
      let at = 0;
      for (;;) {
        const [left, right] = [2 * at + 1, 2 * at + 2];
        let least = at;
        for (const child of [left, right]) {
          const [a, b] = [heap[child], heap[least]];
          if (a && b && byTime(a.entry, b.entry) < 0) least = child;
        }
        const [here, there] = [heap[at], heap[least]];
        if (least === at || !here || !there) return;
        heap[at] = there;
        heap[least] = here;
        at = least;
      }
    },
  };
}
