/** `secrets exec` as a person runs it: on a terminal. */
import assert from 'node:assert/strict';
import { startSandbox, type Sandbox } from '../../src/lib/sandbox/index.ts';
import { BIN, runCli } from '../support/cli.ts';
import { CTRL_C, hasPty, onTerminal, type Terminal } from '../support/pty.ts';

const suite = hasPty() ? describe : describe.skip;

suite('jamf-mcp secrets exec on a terminal (Python)', () => {
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await startSandbox();
    const { code, stderr } = await runCli(['secrets', 'init', '--from-file', '-', '--no-verify'], {
      env: sandbox.environment,
      input: JSON.stringify(sandbox.fields),
    });
    assert.equal(code, 0, stderr);
  });
  after(() => sandbox.close());

  const exec = (flags: readonly string[], script: string, ...args: string[]) =>
    onTerminal(
      [process.execPath, BIN, 'secrets', 'exec', ...flags, '--', process.execPath, '-e', script, '--', ...args],
      sandbox.environment,
    );
  /** The same, fed through a pipe: the terminal is still its terminal. */
  const piped = (script: string) =>
    onTerminal(
      [
        'sh',
        '-c',
        `sleep 1000 | "$0" "$@"`,
        process.execPath,
        BIN,
        'secrets',
        'exec',
        '--',
        process.execPath,
        '-e',
        script,
      ],
      sandbox.environment,
    );

  /** Says whether its streams are a terminal. */
  const LOOK = `console.log([process.stdin, process.stdout, process.stderr].map((stream) => Boolean(stream.isTTY)).join());`;

  /** Says who its parent is and counts Ctrl-C, until it is asked for the count. */
  const count = `let count = 0;
    process.on('SIGINT', () => console.log('Ctrl-C number ' + ++count));
    process.on('SIGUSR2', () => { console.log('Ctrl-C came ' + count + ' times'); process.exit(5); });
    console.log('parent ' + process.ppid + '.'); setInterval(() => {}, 1e6);`;

  /**
   * Press Ctrl-C while the parent is stopped, so that the child has dealt with its own before the parent could hand on
   * another; then let the parent go on, and ask for the count by way of it.
   */
  const assertOnce = async (terminal: Terminal) => {
    const [, number] = await terminal.until(/parent (\d+)\./);
    const parent = Number(number);
    process.kill(parent, 'SIGSTOP');
    terminal.type(CTRL_C);
    await terminal.until(/Ctrl-C number 1/);
    process.kill(parent, 'SIGUSR2');
    process.kill(parent, 'SIGCONT');
    await terminal.until(/Ctrl-C came 1 times/);
  };

  it('keeps the terminal: all three streams, and what is typed', async () => {
    const terminal = exec([], `${LOOK} process.stdin.once('data', (text) => process.exit(text.length))`);
    await terminal.until(/true,true,true/);
    terminal.type('abc\r');
    assert.equal(await terminal.ended(), 4);
  });

  it('lets Ctrl-C reach the child once, and ends as the child ends', async () => {
    const terminal = exec([], count);
    await assertOnce(terminal);
    assert.equal(await terminal.ended(), 5);
  });

  it('does so where stdin is a pipe', async () => {
    const terminal = piped(count);
    await assertOnce(terminal);
    await terminal.ended();
  });

  it('leaves a child alone that lives on after Ctrl-C', async () => {
    const script = `process.on('SIGINT', () => console.log('again')); console.log('ready');
      process.stdin.on('data', () => process.exit(0))`;
    const terminal = exec([], script);
    await terminal.until(/ready/);
    for (let press = 0; press < 3; press += 1) {
      terminal.type(CTRL_C);
      await terminal.until(/again/);
    }
    terminal.type('\r');
    assert.equal(await terminal.ended(), 0);
  });

  it('ends with 130 where Ctrl-C ends the child', async () => {
    const terminal = exec([], `console.log('ready'); setInterval(() => {}, 1e6)`);
    await terminal.until(/ready/);
    terminal.type(CTRL_C);
    assert.equal(await terminal.ended(), 130);
  });

  describe('with --mask', () => {
    it('keeps the terminal and takes the values out', async () => {
      const script = `${LOOK} console.log('url ' + process.env.JAMF_URL); console.error('value ' + process.env.JAMF_CLIENT_SECRET);
        process.stdin.once('data', () => process.exit(42))`;
      const terminal = exec(['--mask'], script);
      await terminal.until(/true,true,true\r\nurl http.*\r\nvalue \*\*\*\r\n/);
      terminal.type('\r');
      assert.equal(await terminal.ended(), 42);
      assert.ok(!terminal.printed().includes(sandbox.fields.JAMF_CLIENT_SECRET ?? ''));
    });

    it('hands the words of the command and the shell variable on as they are', async () => {
      const words = ["it's", '$HOME', 'a  b', '\\', '', '*'];
      const script = `console.log('<' + JSON.stringify([process.argv.slice(1), process.env.SHELL ?? null]) + '>')`;
      const terminal = exec(['--mask'], script, ...words);
      const [, printed = ''] = await terminal.until(/<(.*)>/);
      assert.deepEqual(JSON.parse(printed), [words, null]);
      assert.equal(await terminal.ended(), 0);
    });

    it('lets Ctrl-C reach the child once', async () => {
      // Between the child and jamf-mcp there is `script`, which passes the key on: no signal comes to us at all.
      const terminal = exec(['--mask'], count);
      await terminal.until(/parent/);
      terminal.type(CTRL_C);
      await terminal.until(/Ctrl-C number 1/);
      process.kill(await terminal.pid(), 'SIGUSR2');
      await terminal.until(/Ctrl-C came 1 times/);
      assert.equal(await terminal.ended(), 5);
    });

    it('tells what cannot be started, as without it', async () => {
      const missing = onTerminal(
        [process.execPath, BIN, 'secrets', 'exec', '--mask', '--', 'nosuch-EXAMPLE'],
        sandbox.environment,
      );
      await missing.until(/nosuch-EXAMPLE: no such program/);
      assert.equal(await missing.ended(), 5);
      const refused = onTerminal(
        [process.execPath, BIN, 'secrets', 'exec', '--mask', '--', '/etc/passwd'],
        sandbox.environment,
      );
      await refused.until(/cannot run \/etc\/passwd: it is not executable/);
      assert.equal(await refused.ended(), 2);
    });

    it('refuses where nothing here can make a terminal', async () => {
      const args = ['secrets', 'exec', '--mask', '--', process.execPath, '-e', ''];
      const terminal = onTerminal(['env', 'PATH=/nonexistent', process.execPath, BIN, ...args], sandbox.environment);
      await terminal.until(/--mask cannot keep the terminal here[^]*through a pipe/);
      assert.equal(await terminal.ended(), 2);
    });
  });
});
