/** A server that speaks as much of PostgreSQL's protocol (version 3) as logging in and one simple query take. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';

/** How the server behaves. */
export interface PostgresOptions {
  user: string;
  password: string;
  database: string;
  /** What `SELECT 1` gives; `silent` never answers the query. */
  answer?: string;
}

const SALT = Buffer.from('salt');

/** One message: type, length, content. */
function message(type: string, ...parts: (Buffer | string)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const int32 = (value: number) => Buffer.from([value >> 24, value >> 16, value >> 8, value]);
const int16 = (value: number) => Buffer.from([value >> 8, value]);
const fault = (code: string, text: string) => message('E', `SFATAL\0VFATAL\0C${code}\0M${text}\0\0`);
const READY = message('Z', 'I');

/** A column of four-byte integers, and one row. */
const row = (answer: string) =>
  Buffer.concat([
    message('T', int16(1), 'one\0', int32(0), int16(0), int32(23), int16(4), int32(-1), int16(0)),
    message('D', int16(1), int32(answer.length), answer),
    message('C', 'SELECT 1\0'),
    READY,
  ]);

/**
 * Start a server on a free port of this machine.
 * @returns its port, and every query and refused password's user that it saw
 */
export async function startPostgres(
  options: PostgresOptions,
): Promise<{ port: number; seen: string[]; close(): Promise<void> }> {
  const seen: string[] = [];
  const sockets = new Set<Socket>();
  const md5 = (text: string | Buffer) => createHash('md5').update(text).digest('hex');
  const expected = `md5${md5(Buffer.concat([Buffer.from(md5(options.password + options.user)), SALT]))}`;

  const serve = (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    let pending = Buffer.alloc(0);
    let started = false;
    let database = '';
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk]);
      for (;;) {
        const head = started ? 5 : 4;
        if (pending.length < head) return;
        const length = pending.readInt32BE(head - 4) + (head - 4);
        if (pending.length < length) return;
        const type = started ? pending.toString('latin1', 0, 1) : '';
        const body = pending.subarray(head, length);
        pending = pending.subarray(length);
        if (!started && body.readInt32BE(0) === 80_877_103) {
          seen.push('SSLRequest');
          socket.write('N');
        } else if (!started) {
          started = true;
          const words = body.toString('utf8', 4).split('\0');
          database = words[words.indexOf('database') + 1] ?? '';
          socket.write(message('R', int32(5), SALT));
        } else if (type === 'p') {
          if (body.toString('utf8', 0, body.length - 1) !== expected)
            socket.end(fault('28P01', `password authentication failed for user "${options.user}"`));
          else if (database !== options.database) socket.end(fault('3D000', `database "${database}" does not exist`));
          else socket.write(Buffer.concat([message('R', int32(0)), READY]));
        } else if (type === 'Q') {
          seen.push(body.toString('utf8', 0, body.length - 1));
          if (options.answer !== 'silent') socket.write(row(options.answer ?? '1'));
        } else if (type === 'X') socket.end();
      }
    });
  };
  const server = createServer(serve).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    seen,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
