/** Scans many files on all cores, in bounded memory. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Context } from '../../../host.ts';
import type { Batch } from './pick.ts';
import type { ScanReport, ScanTask, TakeBatch } from './scan.ts';
import type { Order, Told } from './worker.ts';

/** The worker's own file: beside this one in the sources, at the top of the built program. */
const WORKER = import.meta.url.endsWith('.ts')
  ? new URL('./worker.ts', import.meta.url)
  : new URL('../audit-worker.js', import.meta.url);

/**
 * What a worker may have of objects that have just been made. What it makes is handed on or dropped at once; left to
 * itself it takes 100 MB for that.
 */
const YOUNG_MB = 12;

/**
 * Scan files.
 * @param tasks - taken from as workers become free, so that they may be found, or fetched, meanwhile
 * @param take - gets what is found, in whatever order of the files
 * @param done - told of each file when it is over
 * @throws JamfMcpError INTERRUPTED; what `tasks` or `take` throws
 */
export async function scanAll(
  tasks: AsyncIterable<ScanTask>,
  take: (batch: Batch, task: ScanTask) => void | Promise<void>,
  done: (task: ScanTask, report: ScanReport) => void,
  { signal }: Pick<Context, 'signal'>,
): Promise<void> {
  const source = tasks[Symbol.asyncIterator]();
  const workers: Worker[] = [];
  /** Take one file after the other, in a worker that is started when there is a first. */
  const work = async () => {
    let worker: Worker | null = null;
    for (let next = await source.next(); !next.done; next = await source.next()) {
      signal.throwIfAborted();
      const task = next.value;
      if (worker === null) {
        worker = new Worker(WORKER, { resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } });
        workers.push(worker);
      }
      done(task, await scanIn(worker, task, async (batch) => take(batch, task), signal));
    }
  };
  try {
    await Promise.all(Array.from({ length: availableParallelism() }, work));
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
    await source.return?.();
  }
}

function scanIn(worker: Worker, task: ScanTask, take: TakeBatch, signal: AbortSignal): Promise<ScanReport> {
  return new Promise((resolve, reject) => {
    const tell = (order: Order) => {
      worker.postMessage(order);
    };
    const onMessage = (told: Told) => {
      if ('report' in told) {
        settle();
        resolve(told.report);
        return;
      }
      take(told.batch).then(
        () => {
          tell({ taken: true });
        },
        (error: unknown) => {
          onError(error as Error);
        },
      );
    };
    const onError = (error: Error) => {
      settle();
      reject(error);
    };
    const onAbort = () => {
      onError(signal.reason as Error);
    };
    const settle = () => {
      worker.off('message', onMessage).off('error', onError);
      signal.removeEventListener('abort', onAbort);
    };
    worker.on('message', onMessage).on('error', onError);
    signal.addEventListener('abort', onAbort);
    tell({ task });
  });
}
