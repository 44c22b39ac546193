/** Runs a command of the user's as a child that keeps the terminal, and hands its exit code on. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { JamfMcpError, messageOf } from '../errors.ts';

/** Signals that are handed on; Ctrl-C reaches a child in the foreground by itself, through the terminal. */
const FORWARDED = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;

/**
 * Run a command to its end, its streams being ours.
 * @param command - program and arguments
 * @param env - the child's whole environment
 * @returns its exit code, or 128 + n where signal n ended it
 * @throws JamfMcpError NOT_FOUND where the program does not exist, INPUT_INVALID where it cannot be run
 */
export async function runChild(command: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { stdio: 'inherit', env });
  const forward = (signal: NodeJS.Signals) => child.kill(signal);
  // Without a terminal no Ctrl-C reaches the child by itself: what we get is meant for it.
  const onInterrupt = () => {
    if (!process.stdin.isTTY) child.kill('SIGINT');
  };
  FORWARDED.forEach((signal) => process.on(signal, forward));
  process.on('SIGINT', onInterrupt);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.on('error', (error: NodeJS.ErrnoException) => {
        const missing = error.code === 'ENOENT';
        reject(
          new JamfMcpError(
            missing ? 'NOT_FOUND' : 'INPUT_INVALID',
            missing ? `${program}: no such program` : `cannot run ${program}: ${messageOf(error)}`,
            'what follows -- is a program and its arguments; for shell syntax use: -- sh -c "…"',
            { cause: error },
          ),
        );
      });
      child.on('close', (code, signal) => {
        resolve(code ?? 128 + (signal ? constants.signals[signal] : 0));
      });
    });
  } finally {
    FORWARDED.forEach((signal) => process.off(signal, forward));
    process.off('SIGINT', onInterrupt);
  }
}
