import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

interface Running {
  pid: number;
  parent: number;
  args: string;
}

/**
 * The command lines, as any user of the machine may read them, of all that this process has started: other tests run at
 * the same time, and so do other people.
 */
export function commandLines(): string {
  const running = existsSync('/proc/self/stat') ? fromProc() : fromPs();
  const ours = new Set([process.pid]);
  // A child may be listed before its parent.
  for (let before = 0; before < ours.size;) {
    before = ours.size;
    for (const { pid, parent } of running) if (ours.has(parent)) ours.add(pid);
  }
  return running
    .filter(({ pid }) => ours.has(pid))
    .map(({ args }) => args)
    .join('\n');
}

/** A slim Linux image has no ps. */
function fromProc(): Running[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        // The name in brackets may hold anything: the state and the parent follow the last one.
        const [, parent = ''] = /.*\) \S (\d+)/s.exec(readFileSync(`/proc/${name}/stat`, 'utf8')) ?? [];
        const args = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return [{ pid: Number(name), parent: Number(parent), args }];
      } catch {
        return []; // it ended between two reads
      }
    });
}

/** Elsewhere there is no /proc. */
function fromPs(): Running[] {
  return execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' })
    .split('\n')
    .flatMap((line) => {
      const [, pid, parent, args = ''] = /^ *(\d+) +(\d+) (.*)$/s.exec(line) ?? [];
      return pid === undefined ? [] : [{ pid: Number(pid), parent: Number(parent), args }];
    });
}
