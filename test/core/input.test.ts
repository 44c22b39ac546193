import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readText } from '../../src/lib/cli/input.ts';
import { JamfMcpError } from '../../src/lib/errors.ts';

describe('reading a file that a flag names', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-input-'));
  });
  after(() => rm(folder, { recursive: true }));

  const write = async (content: string | Buffer) => {
    const path = join(folder, 'fields');
    await writeFile(path, content);
    return path;
  };
  const invalid = (message: RegExp) => (error: unknown) => {
    assert.ok(error instanceof JamfMcpError, String(error));
    assert.equal(error.code, 'INPUT_INVALID');
    assert.match(error.message, message);
    return true;
  };

  it('gives the text as it is', async () => {
    const text = 'A="ü – 東京"\r\n\u0000B=\n';
    const path = await write(text);
    assert.deepEqual(await readText(path), [text, path]);
  });

  it('refuses bytes that are no text, instead of changing them', async () => {
    await assert.rejects(readText(await write(Buffer.from([0x41, 0xff, 0xfe]))), invalid(/is not UTF-8 text$/));
  });

  it('refuses what is too large, and what never ends', async () => {
    await assert.rejects(readText(await write(Buffer.alloc(1_048_577, 'a'))), invalid(/larger than 1 MiB/));
    if (process.platform !== 'win32') await assert.rejects(readText('/dev/zero'), invalid(/larger than 1 MiB/));
  });

  it('says what cannot be read', async () => {
    await assert.rejects(readText(join(folder, 'nowhere')), invalid(/cannot read .*nowhere/));
  });
});
