/** Runs one command and reports what it throws. Loaded by bin/run.js. */
import { fileURLToPath } from 'node:url';
import { Config } from '@oclif/core/config';
import { run } from '@oclif/core/run';

const argv = process.argv.slice(2);
const root = fileURLToPath(new URL('..', import.meta.url));

// A reader that has seen enough (`| head`) ends us quietly.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit();
  process.stderr.write(
    `jamf-mcp: the result could not be written: ${error.message}\n  next: send it to another place\n`,
  );
  process.exit(1);
});

const config = await Config.load({ root });
try {
  await run(argv, config);
} catch (thrown) {
  await report(thrown);
}
await drained(process.stdout);
await drained(process.stderr);
process.exit();

async function report(thrown: unknown): Promise<void> {
  if (isPlainExit(thrown)) {
    process.exitCode = thrown.oclif.exit;
    return;
  }
  // Loaded here, since a run that goes well has no need of it.
  const { asJamfMcpError, errorJson, errorText } = await import('./lib/cli/report.ts');
  const { canvasOf } = await import('./lib/cli/canvas.ts');
  const typed = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  const words = typed.filter((word) => /^[a-z-]+$/.test(word) && !word.startsWith('-'));
  const command =
    words.length > 0 && config.findCommand(words.slice(0, 2).join(':'))
      ? words.slice(0, 2).join(' ')
      : (words[0] ?? '');
  const error = asJamfMcpError(thrown, {
    commands: config.commandIDs,
    command: config.findCommand(command.replace(' ', ':')) ? command : '',
  });
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

/** `this.exit(n)` of a command: an exit code and nothing to tell. */
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
