/** Runs a command of the user's as a child that keeps the terminal, hands signals on, and tells how it ended. */
import { closeSync } from 'node:fs';
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { JamfMcpError, messageOf } from '../errors.ts';
import type { StreamMask } from '../secrets/exec-mask.ts';
import type { RunningChild } from '../secrets/exec-watch.ts';
import { makePipes } from './pipes.ts';
import { onTerminal, pseudoTerminal } from './pty.ts';
import { takeSignals } from './signals.ts';

/** How a child is started. */
export interface ChildOptions {
  /** The child's whole environment. */
  env: NodeJS.ProcessEnv;
  /** Makes a mask for one stream: the child's output goes through it. Without one the streams are ours, untouched. */
  mask?: (() => StreamMask) | undefined;
}

/** What the child's words were told to be, for every error about them. */
const HINT = 'what follows -- is a program and its arguments; for shell syntax use: -- sh -c "…"';

/**
 * Part a command line at the first `--`. oclif's own list of arguments is sorted, and puts the same word twice side by
 * side.
 * @param argv - all words after the command's name
 * @returns our own flags, and the program with its arguments
 */
export function splitCommand(argv: readonly string[]): { own: string[]; command: string[] } {
  const at = argv.indexOf('--');
  return at === -1 ? { own: [...argv], command: [] } : { own: argv.slice(0, at), command: argv.slice(at + 1) };
}

/**
 * Run a command to its end. Signals meant for it reach it, each once.
 * @param command - program and arguments
 * @param options - environment, and a mask where one is wanted
 * @returns its exit code, or 128 + n where signal n ended it
 * @throws JamfMcpError NOT_FOUND where the program does not exist, INPUT_INVALID where it cannot be run
 */
export async function runChild(command: readonly string[], options: ChildOptions): Promise<number> {
  // Before the child is there: what comes in between must not be lost.
  const signals = takeSignals();
  try {
    const child = startChild(command, options);
    signals.handTo(child);
    return await child.ended;
  } finally {
    signals.release();
  }
}

/**
 * Start a command; {@link takeSignals} hands it signals.
 * @returns the running child; where it cannot be started, `ended` rejects as {@link runChild} does
 */
export function startChild(command: readonly string[], options: ChildOptions): RunningChild {
  const { mask } = options;
  if (!mask) return started(command, options.env, 'inherit');
  if (onTerminal()) return startOnPseudoTerminal(command, options.env, mask);
  const pipes = makePipes(2);
  let child: StartedChild;
  try {
    child = started(command, options.env, ['inherit', pipes?.[0]?.into ?? 'pipe', pipes?.[1]?.into ?? 'pipe']);
  } finally {
    for (const { into } of pipes ?? []) closeSync(into);
  }
  const outputs = [
    pass(pipes?.[0]?.from ?? child.process.stdout, process.stdout, mask()),
    pass(pipes?.[1]?.from ?? child.process.stderr, process.stderr, mask()),
  ];
  return { ...child, ended: withOutputs(child, outputs) };
}

interface StartedChild extends RunningChild {
  readonly process: ChildProcess;
}

function started(command: readonly string[], env: NodeJS.ProcessEnv, stdio: StdioOptions): StartedChild {
  const [program = '', ...args] = command;
  let child: ChildProcess;
  try {
    child = spawn(program, args, { stdio, env });
  } catch (error) {
    throw cannotStart(program, error); // E2BIG, a NUL in an argument: not every failure comes as an event
  }
  const ended = new Promise<number>((resolve, reject) => {
    child.on('error', (error) => {
      reject(cannotStart(program, error));
    });
    child.on('close', (code, signal) => {
      resolve(code ?? 128 + (signal ? constants.signals[signal] : 0));
    });
  });
  return { process: child, ended, signal: (name) => child.kill(name as NodeJS.Signals) };
}

function cannotStart(program: string, cause: unknown): JamfMcpError {
  const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
  return new JamfMcpError(
    missing ? 'NOT_FOUND' : 'INPUT_INVALID',
    missing ? `${program}: no such program` : `cannot run ${program}: ${messageOf(cause)}`,
    HINT,
    { cause },
  );
}

/** The child on a terminal of its own, its output masked on the way to ours. */
function startOnPseudoTerminal(
  command: readonly string[],
  env: NodeJS.ProcessEnv,
  mask: () => StreamMask,
): RunningChild {
  const wrapped = pseudoTerminal(command, env);
  const child = started(wrapped.command, wrapped.env, ['inherit', 'pipe', 'inherit', 'pipe']);
  const outputs = [pass(child.process.stdout, process.stdout, mask())];
  // The shell in between tells the number of the process that becomes the child.
  const pid = new Promise<number>((resolve) => {
    child.process.stdio[3]?.once('data', (data: Buffer) => {
      resolve(Number(data.toString()));
    });
  });
  return {
    ended: withOutputs(child, outputs),
    signal: (name) =>
      void pid.then((number) => {
        try {
          process.kill(number, name);
        } catch {
          // it has ended: there is nobody left to be told
        }
      }),
  };
}

/** A child has ended when its last word is printed. */
async function withOutputs(child: RunningChild, outputs: readonly Promise<void>[]): Promise<number> {
  const [code] = await Promise.all([child.ended, ...outputs]);
  return code;
}

/** Let a stream through its mask; a reader that has gone away ends the stream, as it would without us in between. */
async function pass(from: Readable | null, to: NodeJS.WriteStream, mask: StreamMask): Promise<void> {
  if (!from) return;
  // main.ts ends the program when nobody reads its output; a child's end has to be waited for.
  const before = to.listeners('error') as ((error: Error) => void)[];
  const reader = { gone: false };
  const leave = () => {
    reader.gone = true;
    from.destroy();
  };
  to.removeAllListeners('error').on('error', leave);
  const write = (data: Buffer) =>
    new Promise<void>((resolve) => {
      if (reader.gone || data.length === 0) resolve();
      else
        to.write(data, () => {
          resolve();
        });
    });
  try {
    for await (const chunk of from) await write(mask.push(chunk as Buffer));
    await write(mask.end());
  } catch (error) {
    if (!reader.gone) throw error;
  } finally {
    to.off('error', leave);
    before.forEach((listener) => to.on('error', listener));
  }
}
