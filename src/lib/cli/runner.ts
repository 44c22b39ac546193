/** This process, as others see it, and whether another one still runs. */
import { hostname } from 'node:os';

/** A process on a machine. */
export interface Process {
  user: string | null;
  host: string;
  pid: number;
}

/** This one. @param user - as the operating system calls them */
export function thisProcess(user: string | null): Process {
  return { user, host: hostname(), pid: process.pid };
}

/**
 * Whether a process still runs.
 * @returns null for one on another machine: nobody here can know
 */
export function stillRuns({ host, pid }: Process): boolean | null {
  if (host !== hostname()) return null;
  // A number is given away again: who asks has just begun, so the one that had this number before is gone.
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
