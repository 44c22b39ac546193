/** Runs the built binary on a terminal of its own, as a person has it, through Python's `pty` where Python is there. */
import { spawn, spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { stripVTControlCharacters } from 'node:util';
import { cleanEnvironment } from './cli.ts';

/** Whether there can be a terminal; in CI there has to be. */
export function hasPty(): boolean {
  return Boolean(process.env.CI) || spawnSync('python3', ['-c', 'import pty'], { stdio: 'ignore' }).status === 0;
}

/** Copies between its own streams and a new terminal, on which the command runs in a session of its own. */
const DRIVER = `
import fcntl, os, pty, select, struct, sys, termios
pid, master = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 50, 200, 0, 0))
    os.close(3)
    os.execvp(sys.argv[1], sys.argv[1:])
os.write(3, str(pid).encode())
typed = 0
while True:
    ready, _, _ = select.select([master] + ([typed] if typed is not None else []), [], [])
    if typed in ready:
        data = os.read(typed, 4096)
        if data: os.write(master, data)
        else: typed = None
    if master in ready:
        try: data = os.read(master, 4096)
        except OSError: break
        if not data: break
        os.write(1, data)
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
`;

/** A program on a terminal. */
export interface Terminal {
  /** Press keys: a text, \`\\r\` for Enter, \`\\x03\` for Ctrl-C. */
  type(keys: string): void;
  /** Wait until what was printed since the last match matches, colours and moves of the cursor taken out. @returns the match */
  until(pattern: RegExp): Promise<RegExpExecArray>;
  /** Everything printed so far: as it came, and again without colours and moves of the cursor. */
  printed(): string;
  /** The process number of the program itself. */
  pid(): Promise<number>;
  /** Wait for the end. @returns the exit code, 128 + n for signal n */
  ended(): Promise<number>;
}

/** Ctrl-C. */
export const CTRL_C = '\u0003';

/**
 * Start a program on a new terminal.
 * @param command - program and arguments
 * @param env - added to a clean environment
 */
export function onTerminal(command: readonly string[], env: Record<string, string | undefined> = {}): Terminal {
  const child = spawn('python3', ['-c', DRIVER, ...command], {
    env: cleanEnvironment({ TERM: 'xterm', ...env }),
    stdio: ['pipe', 'pipe', 'inherit', 'pipe'],
  });
  const [stdin, stdout, , announced] = child.stdio;
  if (!stdin || !stdout) throw new Error('no pipes');
  let raw = '';
  let printed = '';
  let seen = 0;
  let over = false;
  const watchers = new Set<() => void>();
  const look = () => {
    watchers.forEach((watcher) => {
      watcher();
    });
  };
  stdout.setEncoding('utf8').on('data', (text: string) => {
    raw += text;
    // At the end a sequence may be cut off: it is taken out with the next piece.
    printed = stripVTControlCharacters(raw.replace(/\u001b[^a-zA-Z]*$/, ''));
    look();
  });
  stdin.on('error', () => {
    // what is typed after the end goes nowhere
  });
  const pid = new Promise<number>((resolve) => {
    announced?.once('data', (data: Buffer) => {
      resolve(Number(data.toString()));
    });
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      over = true;
      look();
      resolve(code ?? 128 + (signal ? constants.signals[signal] : 0));
    });
  });
  return {
    type: (keys) => {
      stdin.write(keys);
    },
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const watcher = () => {
          const match = pattern.exec(printed.slice(seen));
          if (match) {
            seen += match.index + match[0].length;
            watchers.delete(watcher);
            resolve(match);
          } else if (over) {
            watchers.delete(watcher);
            reject(new Error(`the program ended before it printed ${String(pattern)}:\n${printed}`));
          }
        };
        watchers.add(watcher);
        watcher();
      }),
    printed: () => raw + printed,
    pid: () => pid,
    ended: () => ended,
  };
}
