/** Which files of a folder are read: a policy that cannot be understood is a finding, and nothing beside it hides one. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadCatalogue } from '../../src/lib/iam/catalogue.ts';
import { validate } from '../../src/lib/iam/validate.ts';
import { readPolicies } from '../../src/lib/cli/policies.ts';

const POLICY = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::bucket/*' }],
});

describe('a folder of policies', () => {
  const folders: string[] = [];
  const folder = (files: Record<string, string | Buffer>) => {
    const path = mkdtempSync(join(tmpdir(), 'policies-'));
    folders.push(path);
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(join(path, name, '..'), { recursive: true });
      writeFileSync(join(path, name), content);
    }
    return path;
  };
  const rulesOf = async (path: string) => {
    const { findings } = await validate(await readPolicies([path]), { type: null }, await loadCatalogue());
    return findings.map(({ file, rule }) => `${file.slice(path.length + 1)} ${rule}`);
  };
  after(() => {
    for (const path of folders) rmSync(path, { recursive: true });
  });

  it('has findings for a policy in typographic quotes', async () => {
    const rules = await rulesOf(folder({ 'quotes.json': POLICY.replaceAll('"', '\u201C'), 'good.json': POLICY }));
    assert.ok(rules.includes('quotes.json syntax'), String(rules));
    assert.ok(!rules.some((rule) => rule.startsWith('good')));
  });

  it('has findings for a policy that is not UTF-8, and goes on', async () => {
    const utf16 = Buffer.from(`\uFEFF${POLICY}`, 'utf16le');
    const latin1 = Buffer.from(POLICY.replace('bucket', 'b\u00FCcket'), 'latin1');
    const path = folder({ 'a.json': utf16, 'b.json': Buffer.from(utf16).swap16(), 'c.json': latin1, 'd.json': POLICY });
    const rules = await rulesOf(path);
    assert.deepEqual(rules.slice(0, 2), ['a.json byte-order-mark', 'b.json byte-order-mark']);
    assert.ok(rules.some((rule) => rule.startsWith('c.json')));
    assert.ok(!rules.some((rule) => rule.startsWith('d.json')));
    assert.deepEqual(await rulesOf(join(path, 'a.json')), [' byte-order-mark']);
    await assert.rejects(readPolicies([join(path, 'c.json')]), {
      message: `${join(path, 'c.json')} is not UTF-8 text`,
      hint: 'save it as UTF-8',
    });
  });

  it('leaves out what is no policy: pipes, binary files, what is larger than any', async () => {
    const binary = Buffer.from(Array.from({ length: 1_024 }, (_, index) => index % 256));
    const path = folder({
      'bin.json': binary,
      'large.json': Buffer.alloc(17 * 1_048_576, ' '),
      'other.yaml': 'a: 1\n',
      'sub/p.json': POLICY,
    });
    if (process.platform !== 'win32') execFileSync('mkfifo', [join(path, 'pipe.json')]);
    assert.deepEqual(
      (await readPolicies([path])).map(({ name }) => name),
      [join(path, 'sub/p.json')],
    );
  });
});
