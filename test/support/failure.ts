import assert from 'node:assert/strict';
import { JamfMcpError } from '../../src/lib/errors.ts';

/** What `assert.rejects` takes: that it is an error of ours with that code, text and hint. */
export const failsWith = (code: string, text: RegExp, hint?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof JamfMcpError);
  assert.equal(error.code, code);
  assert.match(error.message, text);
  if (hint) assert.match(error.hint ?? '', hint);
  return true;
};
