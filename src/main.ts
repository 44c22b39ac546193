/** Runs one command and reports what it throws. Loaded by bin/run.js. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import pkg from '../package.json' with { type: 'json' };
import type { Runnable } from './lib/cli/command.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const argv = process.argv.slice(2);
/** What is ours: behind `--` stands what belongs to a child. */
const typed = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
const { name, version, oclif } = pkg;

// A reader that has seen enough (`| head`) ends us quietly.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit();
  process.stderr.write(
    `jamf-mcp: the result could not be written: ${error.message}\n  next: send it to another place\n`,
  );
  process.exit(1);
});

const words = commandWords();
try {
  await run();
} catch (thrown) {
  await report(thrown);
}
await drained(process.stdout);
await drained(process.stderr);
process.exit();

/** A command is run at once; help, and what is no command, is for oclif, which is slow to load. */
async function run(): Promise<void> {
  if (['--version', ...oclif.additionalVersionFlags].includes(typed[0] ?? '')) {
    process.stdout.write(`${name}/${version} ${process.platform}-${process.arch} node-${process.version}\n`);
  } else if (words.length === 0 || ['--help', ...oclif.additionalHelpFlags].some((flag) => typed.includes(flag))) {
    const { runByOclif } = await import('./lib/cli/oclif.ts');
    await runByOclif(argv, root);
  } else {
    const { default: command } = (await import(fileOf(words).href)) as { default: Runnable };
    await command.run(argv.slice(words.length), { bin: oclif.bin, version });
  }
}

/** The words that name a command, as many as there are; none for `help`, which oclif brings along, and for a topic's name. */
function commandWords(): string[] {
  const end = argv.findIndex((word) => !/^[a-z][a-z-]*$/.test(word));
  const candidates = end < 0 ? argv : argv.slice(0, end);
  const lengths = candidates.map((_, dropped) => candidates.length - dropped);
  const length = lengths.find((length) => existsSync(fileOf(candidates.slice(0, length)))) ?? 0;
  const isTopic = candidates.length > length && existsSync(folderOf(candidates.slice(0, length + 1)));
  return argv[0] === 'help' || isTopic ? [] : candidates.slice(0, length);
}

/** Each command is one file, named by its words. */
function fileOf(words: readonly string[]): URL {
  return new URL(`commands/${words.join('/')}.js`, import.meta.url);
}

/** The commands of a topic are in one folder. */
function folderOf(words: readonly string[]): URL {
  return new URL(`commands/${words.join('/')}/`, import.meta.url);
}

async function report(thrown: unknown): Promise<void> {
  if (isPlainExit(thrown)) {
    process.exitCode = thrown.oclif.exit;
    return;
  }
  // Loaded here, since a run that goes well has no need of it.
  const { asJamfMcpError, errorJson, errorText } = await import('./lib/cli/report.ts');
  const { canvasOf } = await import('./lib/cli/canvas.ts');
  const commands = await (await import('./lib/cli/oclif.ts')).commandIds(root);
  const error = asJamfMcpError(thrown, { commands, command: words.join(' ') });
  process.exitCode = error.exit;
  if (typed.includes('--json')) process.stdout.write(`${errorJson(error)}\n`);
  else process.stderr.write(`${errorText(error, (await canvasOf(process.stderr)).ink)}\n`);
  if (typed.includes('--debug') || typed.includes('-d')) await trace(error);
}

/** The stack of an unexpected error, and of what is behind an expected one, for `--debug`. */
async function trace(error: Error): Promise<void> {
  const { redact } = await import('./lib/redact.ts');
  for (let at: unknown = error; at instanceof Error; at = at.cause)
    process.stderr.write(`debug: ${redact(at.stack ?? at.message)}\n`);
}

/** oclif ends some of its runs this way: an exit code and nothing to tell. */
function isPlainExit(thrown: unknown): thrown is { oclif: { exit: number } } {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'EEXIT';
}

function drained(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => {
      resolve();
    });
  });
}
