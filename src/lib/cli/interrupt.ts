import { EXIT } from '../errors.ts';

/**
 * A signal that the first Ctrl-C (or SIGTERM, SIGHUP) aborts; the second ends the process at once.
 * Whatever was changed so far is in the store's labels: the same command goes on from there.
 */
export function onInterrupt(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(EXIT.interrupted);
      if (process.stderr.isTTY)
        process.stderr.write('\ninterrupted: ending what is under way; once more ends it at once, finished or not\n');
      controller.abort();
    });
  }
  return controller.signal;
}
