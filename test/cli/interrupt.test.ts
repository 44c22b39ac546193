import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cleanEnvironment, ROOT } from '../support/cli.ts';

/** A program that stays until it is ended, and follows the orders `stay` and `go` on its stdin. */
const PROGRAM = `
import { onInterrupt } from '${ROOT}src/lib/cli/interrupt.ts';
const { signal, insist } = onInterrupt();
signal.addEventListener('abort', () => console.log('aborted'));
const ORDERS = {
  stay: () => insist({ ends: false, text: 'it has to stay' }),
  go: () => insist({ ends: true, text: 'this is how to go on' }),
};
process.stdin.on('data', (order) => { ORDERS[order.toString()]?.(); console.log('did ' + order); });
console.log('up');
`;

describe('Ctrl-C', () => {
  async function start() {
    const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM], { env: cleanEnvironment() });
    let told = '';
    let out = '';
    let look: () => void = () => undefined;
    child.stderr.on('data', (text: Buffer) => {
      told += text.toString();
      look();
    });
    child.stdout.on('data', (text: Buffer) => {
      out += text.toString();
      look();
    });
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    const until = (seen: () => boolean) =>
      new Promise<void>((resolve, reject) => {
        look = () => {
          if (seen()) resolve();
        };
        void ended.then(() => {
          reject(new Error(`it ended: ${told}`));
        });
        look();
      });
    await until(() => out.includes('up'));
    return {
      child,
      ended,
      told: () => told,
      heard: (text: string) => until(() => out.includes(text)),
      times: (text: string, times: number) => until(() => told.split(text).length > times),
      order: async (order: string) => {
        child.stdin.write(order);
        await until(() => out.includes(`did ${order}`));
      },
    };
  }

  it('aborts at first, ends at once at the second, and says how to go on', async () => {
    const it = await start();
    await it.order('go');
    it.child.kill('SIGTERM');
    await it.heard('aborted');
    assert.equal(it.told(), '');
    it.child.kill('SIGINT');
    assert.equal(await it.ended, 130);
    assert.equal(it.told(), 'this is how to go on\n');
  });

  it('never ends what has to stay, says so each time, and ends it again when it may', async () => {
    const it = await start();
    await it.order('stay');
    for (const [nth, signal] of (['SIGINT', 'SIGINT', 'SIGTERM', 'SIGHUP', 'SIGINT'] as const).entries()) {
      it.child.kill(signal);
      await it.times('interrupted: it has to stay\n', nth + 1);
    }
    await it.order('go');
    it.child.kill('SIGINT');
    assert.equal(await it.ended, 130);
    assert.match(it.told(), /this is how to go on\n$/);
  });

  it('lets nothing end what has to stay because nobody reads what it says', async () => {
    const it = await start();
    await it.order('stay');
    it.child.stderr.destroy();
    for (const signal of ['SIGHUP', 'SIGHUP'] as const) it.child.kill(signal);
    await it.heard('aborted');
    await it.order('go');
    it.child.kill('SIGINT');
    assert.equal(await it.ended, 130);
  });
});
