/**
 * A process that makes a dotenv file safe, and dies at a call to the file system.
 * Arguments: the file, and the call (counted from 1, each counted before and after it is made) at which to kill itself,
 * or 0. Prints the number of calls.
 */
import { readFileSync } from 'node:fs';
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

const [file = '', dieAt = '0'] = process.argv.slice(2);
const original = readFileSync(file, 'utf8');
let calls = 0;
const count = () => {
  calls += 1;
  if (calls === Number(dieAt)) process.kill(process.pid, 'SIGKILL');
};

type Call = (...args: unknown[]) => Promise<unknown>;
const counted =
  (call: Call): Call =>
  async (...args) => {
    count();
    const outcome = await call(...args);
    count();
    return outcome;
  };
const module = fs as unknown as Record<string, Call>;
for (const name of ['open', 'rename', 'link', 'rm', 'chmod', 'readFile', 'stat', 'realpath'])
  module[name] = counted(module[name] ?? (() => Promise.reject(new Error(name))));
syncBuiltinESMExports();

const { rewriteFile, safeText } = await import('../../src/lib/secrets/rewrite.ts');
const { systemClock } = await import('../../src/lib/host.ts');
const host = { notify: () => undefined, ask: () => Promise.reject(new Error('nobody to ask')) };
const moved = new Set(['DB_PASSWORD']);
await rewriteFile(file, original, safeText(original, file, moved, moved, ['# safe']), {
  host,
  clock: systemClock,
  signal: new AbortController().signal,
});
process.stdout.write(String(calls));
