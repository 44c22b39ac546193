/** Hands the signals that this process gets to a child, each once. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { isatty } from 'node:tty';
import type { RunningChild } from '../secrets/exec-watch.ts';

/**
 * What a terminal sends to all processes in its foreground: the child has these already.
 * SIGWINCH is the resize of a terminal, and without one how `docker stop` asks some servers to end gracefully.
 */
const FROM_TERMINAL = ['SIGINT', 'SIGQUIT', 'SIGWINCH'] as const;

/**
 * The rest of what can be handed on. Left out are what cannot be caught, faults of this process itself, and SIGTSTP,
 * which has to stop this process too or its shell would wait for ever.
 */
const HANDED_ON = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGCONT', 'SIGPWR', 'SIGURG'] as const;

/** Signals that ask a process to end. */
const ENDING: readonly string[] = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP'];

/** The signals of this process, while they are a child's. */
export interface TakenSignals {
  /** From now on signals go to this child; those that came before it was there, first. */
  handTo(child: RunningChild): void;
  /** How many signals that ask for an end came so far, from the terminal too. */
  asked(): number;
  /** Give the signals back to whom they belonged to. */
  release(): void;
}

/**
 * Take the signals over from whoever listened to them.
 * @returns until {@link TakenSignals.release} they do nothing but reach the child
 */
export function takeSignals(): TakenSignals {
  let child: RunningChild | null = null;
  let asked = 0;
  const early: NodeJS.Signals[] = [];
  const deliver = (signal: NodeJS.Signals) => {
    if (ENDING.includes(signal)) asked += 1;
    if ((FROM_TERMINAL as readonly string[]).includes(signal) && inForeground()) return;
    if (child) child.signal(signal);
    else early.push(signal);
  };
  const names = [...FROM_TERMINAL, ...HANDED_ON].filter((name) => name in constants.signals);
  const before = names.map((name) => [name, process.listeners(name)] as const);
  for (const [name] of before) {
    process.removeAllListeners(name);
    process.on(name, deliver);
  }
  return {
    handTo(next) {
      child = next;
      for (const signal of early.splice(0)) child.signal(signal);
    },
    asked: () => asked,
    release() {
      for (const [name, listeners] of before) {
        process.off(name, deliver);
        listeners.forEach((listener) => process.on(name, listener));
      }
    },
  };
}

/**
 * Whether this process is in the foreground of its terminal, so that Ctrl-C reaches the child by itself: their group is
 * the terminal's. Standard streams say nothing about it: `data | jamf-mcp secrets exec -- CMD` has a terminal too.
 */
function inForeground(): boolean {
  if (process.platform === 'win32') return true; // a console's Ctrl-C goes to all its processes
  try {
    // proc_pid_stat(5): the name in brackets may hold anything, after it come state, ppid, pgrp, session, tty, tpgid
    const stat = readFileSync('/proc/self/stat', 'utf8');
    const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return group === foreground;
  } catch {
    const { stdout, error } = spawnSync('ps', ['-o', 'pgid=,tpgid=', '-p', String(process.pid)], { encoding: 'utf8' });
    if (error) return isatty(0);
    const [group, foreground] = stdout.trim().split(/\s+/);
    return group === foreground;
  }
}
