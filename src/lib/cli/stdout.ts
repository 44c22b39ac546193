/** Standard output as the place of a report that is written while it is made. */
import { JamfMcpError, messageOf } from '../errors.ts';

/** The reader has seen enough (`| head`): the work ends, and that is no failure. main.ts ends quietly with it. */
class ReaderGone extends Error {
  readonly code = 'EEXIT';
  readonly oclif = { exit: 0 };
}

/** Standard output while one report has it. */
export interface OwnStdout {
  /** Resolves when the text has been taken; rejects when nothing can be written any more. */
  write(text: string): Promise<void>;
  /** The report is complete. @returns its bytes */
  commit(): Promise<number>;
  /** There will be no more of it. */
  discard(): Promise<void>;
}

/**
 * Take over standard output. Unlike a result that is printed at the end, a report may lose its reader while there is
 * work to be undone (files on the disk): so the one who writes is told, instead of the program being ended on the spot.
 */
export function ownStdout(stream: NodeJS.WriteStream = process.stdout): OwnStdout {
  const listeners = stream.listeners('error') as ((error: Error) => void)[];
  let failure: Error | null = null;
  let bytes = 0;
  const fail = (error: Error) => {
    failure ??= error;
  };
  stream.removeAllListeners('error').on('error', fail);
  const giveBack = () => {
    // What is wrong has been told once: who writes again, to see it drained, gets no more out of it.
    if (failure) return;
    stream.off('error', fail);
    for (const listener of listeners) stream.on('error', listener);
  };
  return {
    write: (text) =>
      new Promise((resolve, reject) => {
        const end = (error?: Error | null) => {
          const broken = error ?? failure;
          if (broken) reject(errorOf(broken));
          else resolve();
        };
        bytes += Buffer.byteLength(text);
        if (failure) end();
        else stream.write(text, end);
      }),
    commit() {
      giveBack();
      return Promise.resolve(bytes);
    },
    discard() {
      giveBack();
      return Promise.resolve();
    },
  };
}

const errorOf = (error: NodeJS.ErrnoException): Error =>
  error.code === 'EPIPE'
    ? new ReaderGone()
    : new JamfMcpError(
        'REMOTE_FAILED',
        `the report could not be written: ${messageOf(error)}`,
        'send it to another place',
        { cause: error },
      );
