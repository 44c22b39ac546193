import assert from 'node:assert/strict';
import { once } from 'node:events';
import { constants } from 'node:os';
import { runChild, splitCommand } from '../../src/lib/cli/child.ts';
import { JamfMcpError } from '../../src/lib/errors.ts';

const run = (...command: string[]) => runChild(command, { env: { PATH: process.env.PATH } });

const failure = (code: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof JamfMcpError, String(error));
  assert.equal(error.code, code);
  assert.match(error.message, message);
  return true;
};

describe('a child', () => {
  it('ends with its exit code, each of the 256', async () => {
    for (let code = 0; code < 256; code += 1) assert.equal(await run('sh', '-c', `exit ${String(code)}`), code);
  });

  it('ends with 128 + n where signal n ended it', async () => {
    for (const name of ['SIGTERM', 'SIGKILL', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGABRT', 'SIGSEGV'] as const) {
      assert.equal(await run('sh', '-c', `kill -${name.slice(3)} $$`), 128 + constants.signals[name], name);
    }
  });

  it('tells what cannot be started', async () => {
    await assert.rejects(run('nosuch-EXAMPLE'), failure('NOT_FOUND', /^nosuch-EXAMPLE: no such program$/));
    await assert.rejects(run('/etc/passwd'), failure('INPUT_INVALID', /cannot run \/etc\/passwd: .*EACCES/));
    await assert.rejects(run('/etc'), failure('INPUT_INVALID', /cannot run \/etc: .*EACCES/));
    await assert.rejects(run('true', 'x'.repeat(4_000_000)), failure('INPUT_INVALID', /cannot run true: .*E2BIG/));
    await assert.rejects(run('true', 'a\0b'), failure('INPUT_INVALID', /cannot run true/));
  });

  it('leaves the signals as they were', async () => {
    const before = process.listenerCount('SIGTERM');
    let heard = 0;
    const listen = () => (heard += 1);
    process.on('SIGUSR2', listen);
    try {
      const script = `process.on('SIGUSR2', () => process.exit(9));
        process.kill(process.ppid, 'SIGUSR2');
        setInterval(() => {}, 1e6)`;
      assert.equal(await run(process.execPath, '-e', script), 9);
      assert.equal(heard, 0, 'while a child runs signals are its');
      const again = once(process, 'SIGUSR2');
      process.kill(process.pid, 'SIGUSR2');
      await again;
      assert.equal(heard, 1);
    } finally {
      process.off('SIGUSR2', listen);
    }
    assert.equal(process.listenerCount('SIGTERM'), before);
  });

  it('is what follows the first --, word by word', () => {
    assert.deepEqual(splitCommand(['--only', 'a', '--', 'echo', 'b', 'a', '--', 'b', '--only']), {
      own: ['--only', 'a'],
      command: ['echo', 'b', 'a', '--', 'b', '--only'],
    });
    assert.deepEqual(splitCommand(['--json']), { own: ['--json'], command: [] });
  });
});
