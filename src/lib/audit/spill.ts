/** Sorted runs of accesses on the disk, and their merge: an external sort, a line each, which only its reader parses. */
import { closeSync, createReadStream, openSync, writeSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

/** An access with its place in time. */
export interface Entry {
  /** Milliseconds since 1970; -1 for one without a time. */
  at: number;
  /** Settles what shares a moment: smaller comes first. */
  order: number;
  /** The access as JSON. */
  line: string;
}

const byTime = (a: Entry, b: Entry) => a.at - b.at || a.order - b.order;

/** Sort a run, in place. */
export const sortRun = (entries: Entry[]): Entry[] => entries.sort(byTime);

/** Bytes written, and read of each run, at once. */
const CHUNK = 1 << 16;
/** Entries handed on at once. */
const BATCH = 250;
/** Runs merged at once: each has its chunk in memory. */
const MOST_RUNS = 64;

/** Runs in a folder. */
export interface Runs {
  /**
   * Write a run out, for its owner only.
   * @param entries - sorted
   * @throws what the disk fails with
   */
  add(entries: readonly Entry[]): void;
  /** How many there are. */
  readonly size: number;
  /** All entries in order, in batches; as often as one likes. */
  merged(): AsyncGenerator<Entry[], void>;
}

/**
 * No runs yet.
 * @param folder - has nothing else in it; the runs stay there
 * @param most - runs merged at once
 */
export function runsIn(folder: string, most: number = MOST_RUNS): Runs {
  let paths: string[] = [];
  let made = 0;
  const file = () => {
    made += 1;
    const path = join(folder, `run-${String(made)}`);
    return { path, ...writer(path) };
  };
  return {
    add(entries) {
      const { path, write, end } = file();
      try {
        write(entries);
      } finally {
        end();
      }
      paths.push(path);
    },
    get size() {
      return paths.length;
    },
    async *merged() {
      // More of them than can be merged at once become fewer first.
      while (paths.length > most) {
        const some = paths.slice(0, most);
        const { path, write, end } = file();
        try {
          for await (const entries of mergeRuns(some)) write(entries);
        } finally {
          end();
        }
        paths = [...paths.slice(most), path];
        await Promise.all(some.map((one) => rm(one)));
      }
      yield* mergeRuns(paths);
    },
  };
}

function writer(path: string) {
  const file = openSync(path, 'wx', 0o600);
  let text = '';
  const flush = () => {
    for (let bytes = Buffer.from(text); bytes.length > 0;) bytes = bytes.subarray(writeSync(file, bytes));
    text = '';
  };
  return {
    write: (entries: readonly Entry[]) => {
      for (const { at, order, line } of entries) {
        text += `${String(at)} ${String(order)} ${line}\n`;
        if (text.length >= CHUNK) flush();
      }
    },
    end: () => {
      try {
        flush();
      } finally {
        closeSync(file);
      }
    },
  };
}

async function* mergeRuns(paths: readonly string[]): AsyncGenerator<Entry[], void> {
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
    if (lines.length > 0) yield lines.map(entryIn);
  }
}

function entryIn(line: string): Entry {
  const at = line.indexOf(' ');
  const order = line.indexOf(' ', at + 1);
  return { at: Number(line.slice(0, at)), order: Number(line.slice(at + 1, order)), line: line.slice(order + 1) };
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
