/** The masked prompts of `secrets init`, typed into by hand: on a terminal of their own. */
import assert from 'node:assert/strict';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSandbox, type Sandbox } from '../../src/lib/sandbox/index.ts';
import { BIN } from '../support/cli.ts';
import { CTRL_C, hasPty, onTerminal, type Terminal } from '../support/pty.ts';

const suite = hasPty() ? describe : describe.skip;

suite('the prompts of jamf-mcp secrets init (Python)', () => {
  let sandbox: Sandbox;
  beforeEach(async () => {
    sandbox = await startSandbox();
  });
  afterEach(() => sandbox.close());

  const names = () => Object.keys(sandbox.fields);
  const isSecret = (name: string) => name.endsWith('_SECRET');
  const stored = () =>
    sandbox.calls.filter(({ operation, outcome }) => /^(Create|Put)/.test(operation) && outcome === 'ok');
  const init = (...args: string[]) =>
    onTerminal([process.execPath, BIN, 'secrets', 'init', ...args], sandbox.environment);
  const value = (name: string) => sandbox.fields[name] ?? '';

  /** Answer the question for a field, as soon as it is asked. */
  const answer = async (terminal: Terminal, name: string, text = value(name)) => {
    await terminal.until(new RegExp(`${name} \\(`));
    terminal.type(`${text}\r`);
  };

  const assertNothingShown = (terminal: Terminal) => {
    for (const name of names().filter(isSecret)) assert.ok(!terminal.printed().includes(value(name)), name);
  };

  it('ask for each field, show no secret, and store what was typed', async () => {
    const terminal = init();
    for (const name of names()) await answer(terminal, name);
    await terminal.until(/stored .*jamf-mcp-server\/production/);
    assert.equal(await terminal.ended(), 0);
    assertNothingShown(terminal);
    assert.ok(terminal.printed().includes(value('JAMF_URL')), 'what is public is shown');
    assert.equal(stored().length, 1);
    // It was tried against Jamf, so that what was stored is what was typed.
    assert.ok(sandbox.calls.some(({ service, outcome }) => service === 'jamf' && outcome === 'ok'));
  });

  it('ask again where a value is wrong, and never show it', async () => {
    const terminal = init();
    await answer(terminal, 'JAMF_URL', 'example.com');
    await terminal.until(/JAMF_URL has to be a URL that begins with https/);
    // The prompt keeps what was typed: take it back.
    terminal.type(`\u0015${value('JAMF_URL')}\r`);
    await answer(terminal, 'JAMF_CLIENT_ID');
    await answer(terminal, 'JAMF_CLIENT_SECRET', ' EXAMPLE-typed ');
    await terminal.until(/JAMF_CLIENT_SECRET begins or ends with white space/);
    // What nobody sees is not kept: it is typed anew, not added to.
    await answer(terminal, 'JAMF_CLIENT_SECRET');
    await terminal.until(/AUTH0_DOMAIN \(/);
    terminal.type(CTRL_C);
    assert.equal(await terminal.ended(), 130);
    assert.ok(!terminal.printed().includes('EXAMPLE-typed'));
    assert.deepEqual(stored(), []);
  });

  it('end with 130 at Ctrl-C, at every question, and nothing is stored', async () => {
    for (const last of ['JAMF_URL', 'JAMF_CLIENT_SECRET', 'REQUIRED_SCOPES']) {
      const terminal = init();
      for (const name of names()) {
        if (name === last) break;
        await answer(terminal, name);
      }
      await terminal.until(new RegExp(`${last} \\(`));
      terminal.type('EXAM');
      terminal.type(CTRL_C);
      assert.equal(await terminal.ended(), 130, last);
      assert.match(terminal.printed(), /jamf-mcp: interrupted/);
      assertNothingShown(terminal);
    }
    assert.deepEqual(stored(), []);
  });

  it('leave stdin to the data: some fields by pipe, the rest by hand', async () => {
    const public_ = names().filter((name) => !isSecret(name));
    const data = public_.map((name) => `${name}='${value(name)}'\n`).join('');
    const terminal = onTerminal(
      ['sh', '-c', `printf %s "$DATA" | "$0" "$@"`, process.execPath, BIN, 'secrets', 'init', '--from-file', '-'],
      { ...sandbox.environment, DATA: data },
    );
    for (const name of names().filter(isSecret)) await answer(terminal, name);
    await terminal.until(/stored /);
    assert.equal(await terminal.ended(), 0);
    assertNothingShown(terminal);
    assert.equal(stored().length, 1);
  });

  it('leave stdout to the result: it may go to a file while a person answers', async () => {
    const terminal = onTerminal(
      [
        'sh',
        '-c',
        `"$0" "$@" > "$HOME/result" && cat "$HOME/result"`,
        process.execPath,
        BIN,
        'secrets',
        'init',
        '--json',
      ],
      sandbox.environment,
    );
    for (const name of names()) await answer(terminal, name);
    const [json = ''] = await terminal.until(/^\{[^]*"changed": true[^]*?\n\}/m);
    assert.equal(await terminal.ended(), 0);
    assert.deepEqual((JSON.parse(json) as { fields: string[] }).fields, names());
  });

  it('confirm a change only by y', async () => {
    const first = init();
    for (const name of names()) await answer(first, name);
    assert.equal(await first.ended(), 0);
    const update = (reply: string) => {
      const terminal = onTerminal(
        [
          'sh',
          '-c',
          `printf 'REQUIRED_SCOPES=read:jamf' | "$0" "$@"`,
          process.execPath,
          BIN,
          'secrets',
          'init',
          '--update',
          '--from-file',
          '-',
        ],
        sandbox.environment,
      );
      return terminal.until(/change REQUIRED_SCOPES of secret/).then(() => {
        terminal.type(reply);
        return terminal.ended();
      });
    };
    assert.equal(await update('\r'), 1, 'no is the default');
    assert.equal(await update(CTRL_C), 130);
    assert.equal(stored().length, 1);
    assert.equal(await update('y\r'), 0);
    assert.equal(stored().length, 2);
  });
});

suite('a prompt that was put aside by Ctrl-Z (Python, bash)', () => {
  const CTRL_Z = '\u001a';
  let home: string;
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'jamf-mcp-prompts-'));
  });
  /** A shell with job control, as people have it: without one, nothing can be stopped. */
  const shell = async (...args: string[]) => {
    const env = {
      XDG_DATA_HOME: home,
      JAMF_MCP_STORE: 'local',
      JAMF_MCP_ENV: 'dev',

      NODE: process.execPath,
      BIN,
    };
    const terminal = onTerminal(['bash', '--norc', '--noprofile', '-i'], env);
    await terminal.until(/^bash-\S+ /m);
    terminal.type(`"$NODE" "$BIN" ${args.join(' ')}; echo "ended with $?"\r`);
    return terminal;
  };
  const asideAndBack = async (terminal: Terminal) => {
    terminal.type(CTRL_Z);
    await terminal.until(/Stopped/);
    await terminal.until(/^bash-\S+ /m);
    terminal.type('fg; echo "ended with $?"\r');
  };
  const end = async (terminal: Terminal, code: number) => {
    await terminal.until(new RegExp(`ended with ${String(code)}`));
    terminal.type('exit\r');
    await terminal.ended();
  };

  it('goes on with what was typed, masked as before', async () => {
    const typed = await shell('secrets', 'init', '--no-verify');
    for (const [name, text] of Object.entries({ JAMF_URL: 'https://example.jamfcloud.com', JAMF_CLIENT_ID: 'id' })) {
      await typed.until(new RegExp(`${name} \\(`));
      typed.type(`${text}\r`);
    }
    await typed.until(/JAMF_CLIENT_SECRET \(/);
    typed.type('EXAMPLE-be');
    await typed.until(/\*{10}/);
    await asideAndBack(typed);
    await typed.until(/JAMF_CLIENT_SECRET \(/);
    typed.type('fore-and-after\r');
    await typed.until(/\*{24}/);
    await typed.until(/AUTH0_DOMAIN \(/);
    assert.ok(!typed.printed().includes('EXAMPLE-be'), typed.printed());
    typed.type(CTRL_C);
    await end(typed, 130);
    assert.ok(!typed.printed().includes('unsettled'), typed.printed());
  });

  it('takes the answer to a question', async () => {
    const fields = join(home, 'fields.json');
    await writeFile(fields, JSON.stringify({ JAMF_CLIENT_SECRET: 'EXAMPLE-token-of-ours' }));
    const typed = await shell(`secrets import ${fields} >/dev/null && "$NODE" "$BIN" secrets unset JAMF_CLIENT_SECRET`);
    await typed.until(/remove JAMF_CLIENT_SECRET.*\(y\/N\)/);
    await asideAndBack(typed);
    await typed.until(/remove JAMF_CLIENT_SECRET/);
    typed.type('y\r');
    await end(typed, 0);
  });
});
