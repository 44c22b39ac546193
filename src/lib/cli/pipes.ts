/**
 * Real pipes for a child. What Node calls a pipe is a pair of sockets, and a program notices: `/dev/stdout` of a socket
 * cannot be opened, and who writes into one that nobody reads any more ends otherwise than in a shell.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

/** One pipe. */
export interface Pipe {
  /** What is written into it. */
  from: Readable;
  /** The descriptor to write into; close it here once the child has its own. */
  into: number;
}

/**
 * Make pipes. They have a name only while they are made, in a folder that nobody else can look into.
 * @returns null where this machine cannot make them (Windows, no `mkfifo`, nowhere to write): then sockets have to do
 */
export function makePipes(count: number): Pipe[] | null {
  const pipes: Pipe[] = [];
  let folder: string | null = null;
  try {
    folder = mkdtempSync(join(tmpdir(), 'jamf-mcp-pipe-'));
    const paths = Array.from({ length: count }, (_, n) => join(folder ?? '', String(n)));
    const { status } = spawnSync('mkfifo', ['-m', '600', ...paths], { stdio: 'ignore' });
    if (status !== 0) return null;
    for (const path of paths) {
      // Each end waits for the other to be opened, unless it is told not to.
      const end = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
      pipes.push({ from: new Socket({ fd: end, readable: true, writable: false }), into: openSync(path, 'w') });
    }
    return pipes;
  } catch {
    for (const { from, into } of pipes) {
      from.destroy();
      closeSync(into);
    }
    return null;
  } finally {
    if (folder !== null) rmSync(folder, { recursive: true, force: true });
  }
}
