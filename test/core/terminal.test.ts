import assert from 'node:assert/strict';
import { Chalk } from 'chalk';
import { duration, terminalHost, unanswered, type Prompter, type TerminalOptions } from '../../src/lib/cli/terminal.ts';
import { JamfMcpError } from '../../src/lib/errors.ts';
import type { Question } from '../../src/lib/host.ts';
import { Secret } from '../../src/lib/redact.ts';

function face(options: Partial<TerminalOptions> = {}, isTTY = false) {
  let text = '';
  const asked: Question[] = [];
  const stream = {
    isTTY,
    columns: 40,
    write: (chunk: string) => ((text += chunk), true),
  } as unknown as NodeJS.WriteStream;
  const prompt = ((question: Question) => {
    asked.push(question);
    return Promise.resolve(
      question.kind === 'secret' ? new Secret('EXAMPLE-typed') : question.kind === 'text' ? 'typed' : true,
    );
  }) as Prompter;
  const host = terminalHost(
    { quiet: false, debug: false, input: true, yes: false, confirm: undefined, ...options },
    { stream, canvas: { ink: new Chalk({ level: 0 }), width: 40 }, prompt },
  );
  return { host, asked, text: () => text };
}

const code = (expected: string) => (error: unknown) => {
  assert.ok(error instanceof JamfMcpError, String(error));
  assert.equal(error.code, expected);
  assert.equal(error.exit, 2);
  return true;
};

describe('the host on a terminal', () => {
  it('prints one line a finished step in a pipe, and no control bytes', () => {
    const { host, text } = face();
    host.notify({ kind: 'step', name: 'mint', state: 'started', text: 'a new secret' });
    host.notify({ kind: 'progress', text: '1 of 2 tasks run' });
    host.notify({ kind: 'progress', text: '1 of 2 tasks run' });
    host.notify({ kind: 'step', name: 'mint', state: 'done', text: 'minted', durationMs: 1234 });
    assert.equal(text(), '  1 of 2 tasks run\n✓ mint: minted (1.2 s)\n');
  });

  it('keeps one live line on a terminal, shorter than its width, and clears it', () => {
    const { host, text } = face({}, true);
    host.notify({ kind: 'progress', text: 'x'.repeat(100) });
    host.notify({ kind: 'step', name: 'test', state: 'failed', text: 'refused' });
    const [, shown = '', after = ''] = text().split('\r\u001b[K');
    assert.equal(shown.length, 39);
    assert.equal(after, '✗ test: refused\n');
  });

  it('says nothing but warnings when quiet, and calls only under debug', () => {
    const quiet = face({ quiet: true });
    const debug = face({ debug: true });
    for (const { host } of [quiet, debug]) {
      host.notify({ kind: 'debug', text: 'aws GetSecretValue: ok' });
      host.notify({ kind: 'progress', text: 'waiting' });
      host.notify({ kind: 'warning', text: 'careful' });
    }
    assert.equal(quiet.text(), 'warning: careful\n');
    assert.equal(debug.text(), 'debug: aws GetSecretValue: ok\n  waiting\nwarning: careful\n');
  });

  it('redacts values and makes hostile text visible', () => {
    const value = new Secret('EXAMPLE-in-an-event');
    const { host, text } = face();
    host.notify({ kind: 'warning', text: `AWS said ${value.reveal()} \u001b[2J` });
    assert.equal(text(), 'warning: AWS said *** \\x1b[2J\n');
  });

  it('tells the target in one line without what the store does not have', () => {
    const { host, text } = face();
    host.notify({ kind: 'target', store: 'aws', account: '000000000000', region: 'us-east-1', principal: null });
    assert.equal(text(), 'target: aws · 000000000000 · us-east-1\n');
  });
});

describe('questions', () => {
  it('takes --yes for the middle danger only', async () => {
    const { host, asked } = face({ yes: true });
    assert.equal(await host.ask({ kind: 'confirm', text: 'Go on?' }), true);
    assert.equal(asked.length, 0);
    await host.ask({ kind: 'confirm-name', text: 'Rotate?', name: 's/production' });
    assert.equal(asked.length, 1);
  });

  it('takes --confirm NAME for the severe one, and refuses another name', async () => {
    const right = face({ confirm: 's/production' });
    assert.equal(await right.host.ask({ kind: 'confirm-name', text: 'Rotate?', name: 's/production' }), true);
    assert.equal(right.asked.length, 0);
    const wrong = face({ confirm: 's/staging' });
    await assert.rejects(
      wrong.host.ask({ kind: 'confirm-name', text: 'Rotate?', name: 's/production' }),
      code('CONFIRMATION_REQUIRED'),
    );
    assert.equal(wrong.asked.length, 0);
  });

  it('takes --confirm NAME for the middle danger too, where the question names what would change', async () => {
    const { host, asked } = face({ confirm: 's/staging' });
    assert.equal(await host.ask({ kind: 'confirm', text: 'Go on?', name: 's/staging' }), true);
    assert.equal(asked.length, 0);
    await host.ask({ kind: 'confirm', text: 'Go on?', name: 's/other' });
    await host.ask({ kind: 'confirm', text: 'Go on?' });
    assert.equal(asked.length, 2);
  });

  it('never prompts under --no-input and names the flag instead', async () => {
    const { host, asked } = face({ input: false });
    const secret: Question = { kind: 'secret', text: 'JAMF_CLIENT_SECRET', flag: '--from-file' };
    await assert.rejects(host.ask(secret), code('INPUT_MISSING'));
    await assert.rejects(host.ask({ kind: 'confirm', text: 'Go on?' }), code('CONFIRMATION_REQUIRED'));
    assert.equal(asked.length, 0);
    assert.match(unanswered(secret).hint ?? '', /--from-file/);
    assert.match(unanswered({ kind: 'confirm-name', text: 'Rotate?', name: 's/p' }).hint ?? '', /--confirm s\/p/);
  });

  it('hands a typed secret on as a secret', async () => {
    const answer = await face().host.ask({ kind: 'secret', text: 'JAMF_CLIENT_SECRET', flag: '--from-file' });
    assert.ok(answer instanceof Secret);
    assert.equal(answer.reveal(), 'EXAMPLE-typed');
  });
});

describe('durations', () => {
  for (const [ms, text] of [
    [12.4, '12 ms'],
    [3400, '3.4 s'],
    [125_000, '2 min 5 s'],
  ] as const) {
    it(`writes ${String(ms)} ms as ${text}`, () => {
      assert.equal(duration(ms), text);
    });
  }
});
