/** Runs test/support/local-writer.ts, which may kill itself, to its end. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

const WRITER = new URL('local-writer.ts', import.meta.url).pathname;

/** What to run: see the writer's own arguments. */
export interface WriterRun {
  folder: string;
  name: string;
  count?: number;
  /** 0: it lives. */
  dieAt?: number;
  work?: 'put' | 'create' | 'read' | 'remove' | 'move';
}

/** Gives what it printed, and the signal that ended it. */
export async function runWriter({
  folder,
  name,
  count = 1,
  dieAt = 0,
  work = 'put',
}: WriterRun): Promise<{ lines: string[]; signal: string | null; pid: number | undefined }> {
  const child = spawn(process.execPath, [WRITER, folder, name, String(count), String(dieAt), work], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  const [, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { lines: out.split('\n').filter(Boolean), signal, pid: child.pid };
}

/** How many steps a whole run has. */
export async function countSteps(run: WriterRun): Promise<number> {
  const steps = Number((await runWriter(run)).lines.at(-1)?.split(' ')[1]);
  if (!(steps >= 5)) throw new Error(`a run has ${String(steps)} steps`);
  return steps;
}
