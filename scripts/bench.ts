/**
 * `npm run bench`: whole processes, measured in turns so that noise hits all alike; prints medians and the ratios to a
 * limit or to a peer of the same run. Nothing here asserts: machines are shared.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { computerCaller, reportText, startLoad, type LoadReport } from '../test/support/load.ts';

const ROUNDS = Number(process.argv[2] ?? 15);
const BIN = 'bin/run.js';
const SECRET = 'jamf-mcp-server/production';

interface Case {
  name: string;
  command: readonly string[];
  /** The most that the ratio to the first case of the group should be; none is a figure for information. */
  limit?: number;
}

const ours = (...args: string[]) => [process.execPath, BIN, ...args];

measure('start', process.env, [
  { name: 'node -e 0', command: [process.execPath, '-e', '0'] },
  { name: 'jamf-mcp --version', command: ours('--version'), limit: 3.2 },
  { name: 'jamf-mcp --help', command: ours('--help') },
  { name: 'jamf-mcp secrets --help', command: ours('secrets', '--help') },
  { name: 'jamf-mcp secrets show --help', command: ours('secrets', 'show', '--help') },
]);
await inSandbox(besideAws);
await inSandbox(throughRotations);

/** Run every case in turns, print medians and ratios to the first. */
function measure(title: string, env: NodeJS.ProcessEnv, cases: readonly Case[]): void {
  const times = new Map(cases.map(({ name }) => [name, [] as number[]]));
  for (let round = -1; round < ROUNDS; round += 1) {
    for (const { name, command } of cases) {
      const [program = '', ...args] = command;
      const started = process.hrtime.bigint();
      const { status, stderr } = spawnSync(program, args, { env });
      if (status !== 0) throw new Error(`${name} failed: ${String(stderr)}`);
      // The first round fills the compile cache and the page cache.
      if (round >= 0) times.get(name)?.push(Number(process.hrtime.bigint() - started) / 1e6);
    }
  }
  const [first] = cases;
  const unit = median(times.get(first?.name ?? '') ?? []);
  console.log(`${title}: whole process, median of ${String(ROUNDS)} rounds, Node ${process.version}`);
  for (const { name, limit } of cases) {
    const ms = median(times.get(name) ?? []);
    const ratio = ms / unit;
    const verdict = limit === undefined ? '' : `  limit ${String(limit)}  ${ratio <= limit ? 'within' : 'OVER'}`;
    const against = `${ratio.toFixed(2).padStart(5)} × ${first?.name ?? ''}`;
    console.log(`${name.padEnd(40)} ${ms.toFixed(1).padStart(7)} ms  ${against}${verdict}`);
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Work with the secret stored in a sandbox that is a process of its own. */
async function inSandbox(work: (env: NodeJS.ProcessEnv) => void | Promise<void>): Promise<void> {
  const sandbox = spawn(process.execPath, [BIN, 'sandbox', '--json', '--no-history'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = once(sandbox, 'exit');
  try {
    const env = { ...process.env, ...(await environmentOf(sandbox.stdout)) };
    // As most users have it: no jamf-mcp.yaml, and nothing that only one of the two would read.
    for (const name of ['JAMF_MCP_CONFIG', 'AWS_PROFILE', 'NODE_EXTRA_CA_CERTS', 'NODE_V8_COVERAGE'])
      Reflect.deleteProperty(env, name);
    run(env, 'secrets', 'init', '--from-file', env.JAMF_MCP_SANDBOX_FIELDS ?? '', '--quiet');
    await work(env);
  } finally {
    sandbox.kill();
    await ended;
  }
}

/** Run the program to its good end. */
function run(env: NodeJS.ProcessEnv, ...args: string[]): void {
  const { status, stderr } = spawnSync(process.execPath, [BIN, ...args], { env });
  if (status !== 0) throw new Error(`${args.join(' ')} failed: ${String(stderr)}`);
}

/** Reading a secret, beside the AWS CLI on the same endpoint. */
function besideAws(env: NodeJS.ProcessEnv): void {
  if (spawnSync('aws', ['--version']).status !== 0) return;
  measure('one secret, same endpoint', env, [
    {
      name: 'aws secretsmanager get-secret-value',
      command: ['aws', 'secretsmanager', 'get-secret-value', '--secret-id', SECRET],
    },
    { name: 'jamf-mcp secrets show --json', command: ours('secrets', 'show', '--json'), limit: 0.35 },
    { name: 'jamf-mcp secrets exec -- true', command: ours('secrets', 'exec', '--', 'true') },
  ]);
}

/** Calls of a tool through a server, 50 a second: while nothing else happens, and while the secret is rotated over and over. */
async function throughRotations(env: NodeJS.ProcessEnv): Promise<void> {
  const server = spawn(process.execPath, [BIN, 'serve', '--http', '--port', '0', '--quiet'], {
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = once(server, 'exit');
  try {
    const [url] = (await once(server.stdout, 'data')) as [Buffer];
    const caller = await computerCaller(String(url).trim());
    const under = async (work: () => Promise<unknown>): Promise<LoadReport> => {
      const load = startLoad(() => caller.call(), 50);
      await work();
      return load.stop();
    };
    const quiet = () => new Promise((resolve) => setTimeout(resolve, 5_000));
    const rotations = async () => {
      for (let n = 0; n < 5; n += 1) {
        const rotation = spawn(process.execPath, [BIN, 'rotate', '--no-deploy', '--no-input', '--confirm', SECRET], {
          env,
          stdio: 'ignore',
        });
        const [code] = (await once(rotation, 'exit')) as [number | null];
        if (code !== 0) throw new Error(`rotate ended with ${String(code)}`);
      }
    };
    await under(quiet);
    const without = await under(quiet);
    const during = await under(rotations);
    await caller.close();
    console.log('a tool call through serve --http, 50 a second');
    console.log(`${'nothing else happens'.padEnd(40)} ${reportText(without)}`);
    console.log(`${'5 rotations, one after the other'.padEnd(40)} ${reportText(during)}`);
    const ratio = (pick: (report: LoadReport) => number) => (pick(during) / pick(without)).toFixed(2);
    console.log(`${''.padEnd(40)} ${ratio(({ p50Ms }) => p50Ms)} × p50, ${ratio(({ p99Ms }) => p99Ms)} × p99`);
  } finally {
    server.kill();
    await ended;
  }
}

/** The variables that lead into the sandbox: it prints them as JSON once it is up. */
async function environmentOf(stdout: NodeJS.ReadableStream): Promise<NodeJS.ProcessEnv> {
  let printed = '';
  for await (const chunk of stdout) {
    printed += String(chunk);
    if (printed.endsWith('}\n')) return (JSON.parse(printed) as { environment: NodeJS.ProcessEnv }).environment;
  }
  throw new Error(`the sandbox did not start: ${printed}`);
}
