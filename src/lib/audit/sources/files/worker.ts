/** The worker thread that scans files: one file at a time, as the pool hands them over. */
import { once } from 'node:events';
import { parentPort } from 'node:worker_threads';
import type { Batch } from './pick.ts';
import { scan, type ScanReport, type ScanTask } from './scan.ts';

/** What a worker tells: some of what it found, which it wants to be told is taken, or the end of its file. */
export type Told = { batch: Batch } | { report: ScanReport };

/** What a worker is told: the next file, or that the last batch is taken. */
export type Order = { task: ScanTask } | { taken: true };

const port = parentPort;
if (!port) throw new Error('this is the worker of the audit, and not a program');

port.on('message', (order: Order) => {
  if (!('task' in order)) return;
  void scan(order.task, async (batch) => {
    // Waits for the answer: what nobody has taken yet must not pile up in memory.
    const taken = once(port, 'message');
    port.postMessage({ batch } satisfies Told);
    await taken;
  }).then((report) => {
    port.postMessage({ report } satisfies Told);
  });
});
