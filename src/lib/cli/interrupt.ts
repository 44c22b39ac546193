import { EXIT } from '../errors.ts';
import { terminalSafe } from '../format/escape.ts';
import type { Context, Insistence } from '../host.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Listen to Ctrl-C, SIGTERM and SIGHUP. The first aborts the signal; the second ends the process at once, unless the core
 * has said by `insist` that it has to stay: then that is told each time, and it ends by itself.
 * @returns the part of a {@link Context} that concerns interruption
 */
export function onInterrupt(): Required<Pick<Context, 'signal' | 'insist'>> {
  const controller = new AbortController();
  let insistence: Insistence | null = null;
  const tell = (text: string) => {
    process.stderr.write(`${process.stderr.isTTY ? '\n' : ''}${terminalSafe(text)}\n`);
  };
  // After SIGHUP the terminal may be gone: what has to be finished must not end for want of somebody to tell.
  process.stderr.on('error', () => undefined);
  for (const name of SIGNALS) {
    process.on(name, () => {
      const again = controller.signal.aborted;
      if (insistence?.ends === false) {
        tell(`interrupted: ${insistence.text}`);
      } else if (again) {
        if (insistence) tell(insistence.text);
        process.exit(EXIT.interrupted);
      } else if (process.stderr.isTTY) {
        tell('interrupted: ending what is under way; once more ends it at once');
      }
      controller.abort();
    });
  }
  return {
    signal: controller.signal,
    insist: (next) => {
      insistence = next;
    },
  };
}
