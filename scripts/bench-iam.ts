/**
 * `npm run bench:iam`: validates every managed policy of the corpus twice with all rules, in a process of its own, and
 * prints its CPU time, start-up included, beside the limit. Nothing here asserts: machines are shared.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const CORPUS = '../shared/data/iam/aws-managed-half.jsonl';
const ROUNDS = Number(process.argv[2] ?? 5);
/** Seconds of CPU for 760 policies, each twice. */
const LIMIT = 1.5;
/** Loaded into the program: tells the CPU time of the whole process when it ends. */
const REPORT = `data:text/javascript,${encodeURIComponent(
  'process.on("exit",()=>{const{user,system}=process.cpuUsage();process.stderr.write(`\\ncpu ${user+system}\\n`)})',
)}`;

const folder = mkdtempSync(join(tmpdir(), 'bench-iam-'));
try {
  const documents = readFileSync(CORPUS, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.stringify((JSON.parse(line) as { document: unknown }).document, null, 2));
  const files = documents.flatMap((text, index) =>
    ['a', 'b'].map((copy) => {
      const file = join(folder, `${String(index)}-${copy}.json`);
      writeFileSync(file, text);
      return file;
    }),
  );
  // The same texts through the program as users have it, so that the figure holds for it and not for its sources.
  const seconds: number[] = [];
  let findings = 0;
  for (let round = -1; round < ROUNDS; round += 1) {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--import', REPORT, 'bin/run.js', 'iam', 'validate', '--json', '--type', 'identity', ...files],
      { maxBuffer: 1 << 30 },
    );
    const [, cpu] = /^cpu (\d+)$/m.exec(String(stderr)) ?? [];
    if (status !== 0 || cpu === undefined) throw new Error(`iam validate failed: ${String(stderr)}`);
    findings = (JSON.parse(String(stdout)) as { findings: unknown[] }).findings.length;
    // The first round fills the compile cache and the page cache.
    if (round >= 0) seconds.push(Number(cpu) / 1e6);
  }
  const median = [...seconds].sort((a, b) => a - b)[Math.floor(seconds.length / 2)] ?? Number.NaN;
  console.log(
    `${String(files.length)} policies, ${String(findings)} findings; Node ${process.version}, median of ${String(ROUNDS)} rounds`,
  );
  console.log(
    `CPU ${median.toFixed(2)} s with start-up, limit ${String(LIMIT)} s: ${median <= LIMIT ? 'within' : 'OVER'}`,
  );
  console.log(`${String(Math.round(files.length / median))} policies per second of CPU`);
} finally {
  rmSync(folder, { recursive: true });
}
