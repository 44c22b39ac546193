/**
 * A terminal between us and a child, so that its output can be masked while it still talks to a terminal. Node has no
 * such call; the program `script` of Linux and macOS has.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { isatty } from 'node:tty';
import { JamfMcpError } from '../errors.ts';

/** Whether stdin, stdout and stderr are all a terminal: where one is not, a child could not be given what it has. */
export function onTerminal(): boolean {
  return [0, 1, 2].every((descriptor) => isatty(descriptor));
}

/** Tells the number of the process on descriptor 3, then becomes the command: signals can be sent to it alone. */
const ANNOUNCE = 'echo $$ >&3; exec 3>&-';

/**
 * The command line that runs a command on a terminal of its own.
 * @param command - program and arguments
 * @param env - the child's environment
 * @returns what to start instead, with descriptor 3 a pipe on which the child's process number comes
 * @throws JamfMcpError NOT_FOUND where the program does not exist, INPUT_INVALID where it cannot be run or this machine
 *   has no fitting `script`
 */
export function pseudoTerminal(
  command: readonly string[],
  env: NodeJS.ProcessEnv,
): { command: string[]; env: NodeJS.ProcessEnv } {
  const [program = ''] = command;
  requireProgram(program, env.PATH ?? '');
  if (process.platform === 'darwin' || process.platform === 'freebsd') {
    return { command: ['script', '-q', '/dev/null', '/bin/sh', '-c', `${ANNOUNCE}; exec "$@"`, 'sh', ...command], env };
  }
  const version = spawnSync('script', ['--version'], { encoding: 'utf8', env });
  if (process.platform !== 'linux' || version.error || !version.stdout.includes('util-linux')) {
    throw new JamfMcpError(
      'INPUT_INVALID',
      '--mask cannot keep the terminal here: there is no `script` of util-linux',
      'install util-linux (Debian: bsdutils), or let the output go through a pipe: … | cat',
    );
  }
  // util-linux takes one text, for the shell that SHELL names: ours, so that its quoting is known; the child gets its own.
  const shell = env.SHELL === undefined ? 'unset SHELL' : `export SHELL=${quoted(env.SHELL)}`;
  const text = `${ANNOUNCE}; ${shell}; exec ${command.map(quoted).join(' ')}`;
  return { command: ['script', '-qefc', text, '/dev/null'], env: { ...env, SHELL: '/bin/sh' } };
}

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;

/** A shell would tell by exit code 126 or 127, which may be the program's own. */
function requireProgram(program: string, path: string): void {
  const places = program.includes('/')
    ? [program]
    : path.split(delimiter).map((folder) => join(folder || '.', program));
  const there = places.filter((place) => statSync(place, { throwIfNoEntry: false })?.isFile());
  if (there.some(isExecutable)) return;
  const hint = 'what follows -- is a program and its arguments; for shell syntax use: -- sh -c "…"';
  throw there.length > 0
    ? new JamfMcpError('INPUT_INVALID', `cannot run ${program}: it is not executable`, hint)
    : new JamfMcpError('NOT_FOUND', `${program}: no such program`, hint);
}

function isExecutable(place: string): boolean {
  try {
    accessSync(place, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
