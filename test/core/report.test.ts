import assert from 'node:assert/strict';
import { asJamfMcpError, errorJson, errorText } from '../../src/lib/cli/report.ts';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { Secret } from '../../src/lib/redact.ts';

const CONTEXT = { commands: ['secrets:init', 'secrets:show', 'rotate', 'audit'], command: '' };
const plain = { red: (text: string) => text, dim: (text: string) => text };

describe('reporting an error', () => {
  it('is two lines, whatever the cause contains', () => {
    const error = new JamfMcpError('REMOTE_FAILED', 'aws said:\n  line one\n  the cause is last', 'do this');
    assert.equal(errorText(error, plain), 'jamf-mcp: aws said: line one the cause is last\n  next: do this');
  });

  it('redacts values and control bytes in text and in JSON', () => {
    const value = new Secret('EXAMPLE-inside-an-error');
    const error = new JamfMcpError('REMOTE_FAILED', `got ${value.reveal()}\u001b[2J`, null, {
      details: { seen: [value.reveal()] },
    });
    assert.equal(errorText(error, plain), 'jamf-mcp: got ***\\x1b[2J');
    assert.deepEqual(JSON.parse(errorJson(error)), {
      error: { code: 'REMOTE_FAILED', message: 'got ***\u001b[2J', hint: null, exit: 1, details: { seen: ['***'] } },
    });
  });

  it('calls Ctrl-C an interruption, by whatever name it comes', () => {
    for (const name of ['AbortError', 'ExitPromptError']) {
      const error = Object.assign(new Error('x'), { name });
      assert.equal(asJamfMcpError(error, CONTEXT).exit, 130);
    }
  });

  it('says what was meant by a mistyped command, and does not guess from far away', () => {
    const near = asJamfMcpError(new Error('command secrets:intt not found'), CONTEXT);
    assert.deepEqual([near.code, near.hint], ['USAGE', 'did you mean `jamf-mcp secrets init`?']);
    const far = asJamfMcpError(new Error('command hunter2hunter2 not found'), CONTEXT);
    assert.equal(far.message, 'unknown command');
    assert.equal(far.hint, 'see `jamf-mcp --help` for the commands there are');
  });

  it('takes an argument too many of a command for that, not for a command', () => {
    const error = asJamfMcpError(new Error('command rotate:hunter2hunter2 not found'), {
      ...CONTEXT,
      command: 'rotate',
    });
    assert.match(error.message, /^unexpected argument/);
    assert.equal(error.hint, 'see `jamf-mcp rotate --help`');
    assert.equal(asJamfMcpError(new Error('command --json not found'), CONTEXT).message, 'no command was given');
  });

  it('says which verb was meant by an argument too many that is nearly one', () => {
    const told = (typed: string) => {
      const thrown = Object.assign(new Error('Unexpected argument'), { args: [typed], oclif: { exit: 2 } });
      return asJamfMcpError(thrown, { commands: ['rotate', 'rotate:status'], command: 'rotate' }).hint;
    };
    assert.equal(told('statsu'), 'did you mean `jamf-mcp rotate status`?');
    assert.equal(told('hunter2'), 'see `jamf-mcp rotate --help`');
  });

  it('calls everything else a fault of ours and keeps the cause', () => {
    const cause = new TypeError('x is undefined');
    const error = asJamfMcpError(cause, CONTEXT);
    assert.deepEqual([error.code, error.exit, error.cause], ['BUG', 1, cause]);
  });
});
