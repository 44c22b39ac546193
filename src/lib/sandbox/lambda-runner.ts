/** Running the code of a function: a thread with an environment of its own, as Lambda runs a process of its own. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { unzipSync } from 'fflate';

/** What is run. */
export interface Run {
  zip: Uint8Array;
  /** `index.handler` */
  handler: string;
  env: Record<string, string>;
  event: unknown;
  functionName: string;
  requestId: string;
  timeoutMs: number;
}

/** What came of it. */
export interface Outcome {
  ok: boolean;
  /** JSON: what the handler answered, or `{errorType, errorMessage}`. */
  payload: string;
  /** What it wrote. */
  lines: string[];
}

/** Loaded in the thread: it cannot be a file of its own, because the program is a bundle. */
const BOOTSTRAP = `
const { parentPort, workerData } = require('node:worker_threads');
const ends = Date.now() + workerData.timeoutMs;
const invocation = {
  awsRequestId: workerData.requestId,
  functionName: workerData.functionName,
  getRemainingTimeInMillis: () => ends - Date.now(),
};
import(workerData.url)
  .then((module) => module[workerData.name](workerData.event, invocation))
  .then(
    (answer) => ({ ok: true, payload: JSON.stringify(answer ?? null) }),
    (error) => ({ ok: false, payload: JSON.stringify({ errorType: error.name, errorMessage: error.message }) }),
  )
  .then((outcome) => parentPort.postMessage(outcome));
`;

/** Run a function once. Never throws: what goes wrong is an outcome, as it is for Lambda. */
export async function run({ zip, handler, env, event, functionName, requestId, timeoutMs }: Run): Promise<Outcome> {
  const [file = '', name = ''] = handler.split('.');
  const folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-function-'));
  const written: Buffer[] = [];
  const failed = (errorType: string, errorMessage: string) => ({
    ok: false,
    payload: JSON.stringify({ errorType, errorMessage }),
  });
  try {
    const entry = Object.entries(unzipSync(zip)).find(([path]) => [`${file}.mjs`, `${file}.js`].includes(path));
    if (!entry) return { ...failed('Runtime.ImportModuleError', `Cannot find module '${file}'`), lines: [] };
    const path = join(folder, entry[0]);
    await writeFile(path, entry[1]);
    const workerData = { url: pathToFileURL(path).href, name, event, functionName, requestId, timeoutMs };
    const worker = new Worker(BOOTSTRAP, { eval: true, env, workerData, stdout: true, stderr: true });
    for (const stream of [worker.stdout, worker.stderr]) stream.on('data', (chunk: Buffer) => written.push(chunk));
    const outcome = await new Promise<{ ok: boolean; payload: string }>((resolve) => {
      const timer = setTimeout(() => {
        resolve(failed('Sandbox.Timedout', `Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`));
      }, timeoutMs);
      timer.unref();
      worker.once('message', resolve);
      worker.once('error', (error) => {
        resolve(failed('Runtime.ExitError', error instanceof Error ? error.message : String(error)));
      });
    });
    // What was written last may still be on its way.
    await new Promise((resolve) => setImmediate(resolve));
    await worker.terminate();
    const lines = Buffer.concat(written).toString('utf8').split('\n');
    return { ...outcome, lines: lines.filter((line) => line !== '') };
  } catch (error) {
    return { ...failed('Sandbox.Error', error instanceof Error ? error.message : String(error)), lines: [] };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
