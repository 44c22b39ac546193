/**
 * `npm run bench`: whole processes, measured in turns so that noise hits all alike; prints medians and the ratios to a
 * limit or to a peer of the same run. Nothing here asserts: machines are shared.
 */
import { spawnSync } from 'node:child_process';

const ROUNDS = Number(process.argv[2] ?? 15);
const BIN = 'bin/run.js';

interface Case {
  name: string;
  args: string[];
  /** The most that the ratio to `node -e 0` should be; none is a figure for information. */
  limit?: number;
}

const cases: Case[] = [
  { name: 'node -e 0', args: ['-e', '0'] },
  { name: 'jamf-mcp --version', args: [BIN, '--version'], limit: 3.2 },
  { name: 'jamf-mcp --help', args: [BIN, '--help'] },
  { name: 'jamf-mcp secrets --help', args: [BIN, 'secrets', '--help'] },
  { name: 'jamf-mcp secrets show --help', args: [BIN, 'secrets', 'show', '--help'] },
];

const times = new Map(cases.map(({ name }) => [name, [] as number[]]));
for (let round = -1; round < ROUNDS; round += 1) {
  for (const { name, args } of cases) {
    const started = process.hrtime.bigint();
    const { status, stderr } = spawnSync(process.execPath, args);
    if (status !== 0) throw new Error(`${name} failed: ${stderr.toString()}`);
    // The first round fills the compile cache and the page cache.
    if (round >= 0) times.get(name)?.push(Number(process.hrtime.bigint() - started) / 1e6);
  }
}

const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
const bare = median(times.get('node -e 0') ?? []);
console.log(`whole process, median of ${String(ROUNDS)} rounds, Node ${process.version}`);
for (const { name, limit } of cases) {
  const ms = median(times.get(name) ?? []);
  const ratio = ms / bare;
  const verdict = limit === undefined ? '' : `  limit ${String(limit)}  ${ratio <= limit ? 'within' : 'OVER'}`;
  console.log(
    `${name.padEnd(32)} ${ms.toFixed(1).padStart(7)} ms  ${ratio.toFixed(2).padStart(5)} × node -e 0${verdict}`,
  );
}
