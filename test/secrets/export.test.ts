/** `secrets export`: each format read back, the gate before values, and the files. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse as parseDotenv } from 'dotenv';
import fc from 'fast-check';
import { parse as parseYaml } from 'yaml';
import { EXPORT_FORMATS, holdsValues, writeReferences, writeValues } from '../../src/lib/secrets/export-formats.ts';
import { exportSecret, type ExportRequest } from '../../src/lib/secrets/export.ts';
import { testContext, type TestContext } from '../support/context.ts';
import { memoryStore, type MemoryStore } from '../support/memory-store.ts';
import { fields, rejectsWith } from './contract.ts';

const NAME = 'jamf-mcp-server/production';
const REASON = 'INC-4711: a test';

/** The runner of GitHub: `NAME<<DELIMITER`, lines, the delimiter. */
function readEnvironmentFile(text: string): Record<string, string> {
  const lines = text.split('\n');
  const found: Record<string, string> = {};
  while (lines.length > 1) {
    const [name = '', delimiter = ''] = (lines.shift() ?? '').split('<<');
    const end = lines.indexOf(delimiter);
    assert.ok(end >= 0, `the delimiter of ${name} closes`);
    found[name] = lines.splice(0, end).join('\n');
    lines.shift();
  }
  return found;
}

const decode = (data: string) => data.replaceAll('%0A', '\n').replaceAll('%0D', '\r').replaceAll('%25', '%');

const READ: Record<string, (text: string) => unknown> = {
  dotenv: (text) => ({ ...parseDotenv(text) }),
  json: (text) => JSON.parse(text) as unknown,
  yaml: (text) => parseYaml(text) as unknown,
  shell: (text) => {
    const out = execFileSync('/bin/sh', ['-c', `${text}\nexec env -0`], { env: {}, encoding: 'utf8' });
    const all = out
      .split('\0')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const);
    return Object.fromEntries(
      all.filter(([name]) => name !== 'PWD' && name !== '' && name !== '_' && name !== 'SHLVL' && name !== 'OLDPWD'),
    );
  },
  github: readEnvironmentFile,
};

describe('the formats with values', () => {
  const name = fc.stringMatching(/^F_[A-Za-z0-9_]{0,12}$/);
  const value = fc.string({
    unit: fc.oneof(
      fc.constantFrom(
        '#',
        ' ',
        '=',
        '\n',
        '\r',
        '\t',
        '$',
        '`',
        '\\',
        '"',
        "'",
        '!',
        '%',
        'é',
        '🔑',
        ':',
        '-',
        '&',
        '*',
        '<<',
      ),
      fc.string({ minLength: 1, maxLength: 1, unit: 'binary' }).filter((character) => character !== '\0'),
    ),
    maxLength: 30,
  });
  const runs: Record<string, number> = { shell: 60 };

  for (const format of EXPORT_FORMATS.filter(holdsValues)) {
    it(`give back what was written: ${format}`, async () => {
      let written = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key, maxLength: 6 }),
          async (all) => {
            const plain = all.map(([key, text]) => ({ name: key, value: text, secret: true }));
            const text = await writeValues(format, plain).catch((error: unknown) => {
              // Only dotenv cannot hold everything, and says so.
              assert.equal(format, 'dotenv', String(error));
              return null;
            });
            if (text === null) return;
            written += 1;
            assert.deepEqual(READ[format]?.(text.text), Object.fromEntries(all));
          },
        ),
        { numRuns: runs[format] ?? 1000, seed: 20_261_122 },
      );
      assert.ok(written >= (runs[format] ?? 1000) * 0.7, `${String(written)} were written`);
    });
  }

  it('mask each secret value for a runner, before it could be printed', async () => {
    const { commands } = await writeValues('github', [
      { name: 'A', value: 'EXAMPLE 100%\r\nline', secret: true },
      { name: 'B', value: 'public', secret: false },
      { name: 'C', value: '', secret: true },
    ]);
    assert.equal(commands, '::add-mask::EXAMPLE 100%25%0D%0Aline\n');
    assert.equal(decode(commands.replace('::add-mask::', '').trimEnd()), 'EXAMPLE 100%\r\nline');
  });

  it('name the field that they cannot hold', async () => {
    for (const format of ['shell', 'github'] as const) {
      for (const field of [
        { name: 'A-B', value: 'x' },
        { name: 'A;rm -rf', value: 'x' },
        { name: 'A', value: 'x\0' },
      ])
        await rejectsWith('INPUT_INVALID', writeValues(format, [{ ...field, secret: true }]));
    }
  });
});

describe('the formats without values', () => {
  const secret = {
    name: NAME,
    arn: 'arn:aws:secretsmanager:us-east-1:000000000000:secret:jamf-mcp-server/production-EXMPLE',
    store: 'aws',
  };

  it('ecs: full ARNs, the JSON key, and two empty parts', async () => {
    assert.deepEqual(JSON.parse(await writeReferences('ecs', secret, ['JAMF_URL', 'JAMF_CLIENT_SECRET'])), {
      secrets: [
        { name: 'JAMF_URL', valueFrom: `${secret.arn}:JAMF_URL::` },
        { name: 'JAMF_CLIENT_SECRET', valueFrom: `${secret.arn}:JAMF_CLIENT_SECRET::` },
      ],
    });
    await rejectsWith('INPUT_INVALID', writeReferences('ecs', secret, ['A:B']));
    await rejectsWith('INPUT_INVALID', writeReferences('ecs', { ...secret, store: 'local' }, ['A']));
  });

  it('k8s: an ExternalSecret', async () => {
    const resource = parseYaml(
      await writeReferences('k8s', { ...secret, name: 'Jamf_MCP/Pro--x' }, ['JAMF_URL']),
    ) as unknown;
    assert.deepEqual(resource, {
      apiVersion: 'external-secrets.io/v1',
      kind: 'ExternalSecret',
      metadata: { name: 'jamf-mcp-pro-x' },
      spec: {
        refreshInterval: '1h',
        secretStoreRef: { kind: 'ClusterSecretStore', name: 'aws-secrets-manager' },
        target: { name: 'jamf-mcp-pro-x', creationPolicy: 'Owner' },
        data: [{ secretKey: 'JAMF_URL', remoteRef: { key: 'Jamf_MCP/Pro--x', property: 'JAMF_URL' } }],
      },
    });
    await rejectsWith('INPUT_INVALID', writeReferences('k8s', secret, ['A B']));
    await rejectsWith('INPUT_INVALID', writeReferences('k8s', { ...secret, store: 'local' }, ['JAMF_URL']));
  });

  it('k8s: a name for every secret', async () => {
    await fc.assert(
      fc.asyncProperty(fc.stringMatching(/^[\w/+=.@!-]{1,200}$/), async (given) => {
        const { metadata } = parseYaml(await writeReferences('k8s', { ...secret, name: given }, [])) as {
          metadata: { name: string };
        };
        assert.match(metadata.name, /^[a-z\d]([a-z\d-]{0,61}[a-z\d])?$/);
      }),
      { seed: 1, numRuns: 300 },
    );
  });
});

describe('exporting', () => {
  let store: MemoryStore;
  let context: TestContext;
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-export-'));
    context = testContext();
    store = memoryStore();
    await store.create({
      name: NAME,
      description: '',
      tags: {},
      fields: fields({ JAMF_URL: 'https://example.jamfcloud.com', JAMF_CLIENT_SECRET: 'EXAMPLE-secret' }),
      token: '00000000-0000-4000-8000-000000000001',
    });
    store.calls.length = 0;
  });
  afterEach(() => rm(folder, { recursive: true }));

  const run = (request: Partial<ExportRequest>) =>
    exportSecret(
      {
        store,
        secret: NAME,
        environment: 'staging',
        stage: 'AWSCURRENT',
        format: 'json',
        only: [],
        output: null,
        append: request.format === 'github',
        reason: REASON,
        user: 'tester',
        folder,
        ...request,
      },
      context,
    );
  const path = () => join(folder, 'out');

  it('needs a reason for values and none for references', async () => {
    for (const format of EXPORT_FORMATS) {
      if (holdsValues(format)) await rejectsWith('INPUT_MISSING', run({ format, reason: undefined }));
      else {
        const result = await run({ format, reason: undefined });
        assert.deepEqual([result.values, result.reason, result.log], [false, null, null]);
        assert.doesNotMatch(result.text, /EXAMPLE-secret|example\.jamfcloud/);
      }
    }
    assert.equal(store.calls.filter((call) => call.startsWith('read')).length, 2, 'values were never read in vain');
    assert.deepEqual(await readdir(folder), []);
  });

  it('confirms by name in production, before it reads', async () => {
    await rejectsWith('CONFIRMATION_REQUIRED', run({ environment: 'production' }));
    context.answer(false);
    await rejectsWith('DECLINED', run({ environment: 'production' }));
    assert.deepEqual(
      store.calls.filter((call) => !call.startsWith('describe ')),
      [],
      'no value is read',
    );
    context.answer(true);
    assert.equal((await run({ environment: 'production' })).values, true);
    assert.deepEqual(context.questions.at(-1), {
      kind: 'confirm-name',
      text: `export json: show every value of secret ${NAME}`,
      name: NAME,
    });
  });

  it('records the export', async () => {
    const { log, reason } = await run({ format: 'dotenv', only: ['JAMF_URL'] });
    const { entry } = JSON.parse(await readFile(log ?? '', 'utf8')) as { entry: Record<string, unknown> };
    assert.equal(reason, REASON);
    assert.deepEqual(entry, {
      at: '2026-11-22T00:00:00.000Z',
      secret: NAME,
      store: 'aws',
      environment: 'staging',
      action: 'export dotenv',
      fields: ['JAMF_URL'],
      reason: REASON,
      user: 'tester',
    });
  });

  it('writes a file for its owner only, and gives no value back then', async () => {
    const result = await run({ output: path() });
    assert.equal((await stat(path())).mode & 0o777, 0o600);
    assert.deepEqual(JSON.parse(await readFile(path(), 'utf8')), {
      JAMF_URL: 'https://example.jamfcloud.com',
      JAMF_CLIENT_SECRET: 'EXAMPLE-secret',
    });
    assert.deepEqual([result.text, result.values, result.file], ['', false, path()]);
  });

  it('overwrites nothing unasked, and asks before it reads', async () => {
    await writeFile(path(), 'mine', { mode: 0o644 });
    await rejectsWith('CONFIRMATION_REQUIRED', run({ output: path() }));
    context.answer(false);
    await rejectsWith('DECLINED', run({ output: path() }));
    assert.equal(await readFile(path(), 'utf8'), 'mine');
    assert.deepEqual(store.calls, []);
    context.answer(true);
    await run({ output: path() });
    assert.equal((await stat(path())).mode & 0o777, 0o600, 'a file with values is for its owner, whatever it was');
    await rejectsWith('INPUT_INVALID', run({ output: join(folder, 'nowhere/out') }));
    // A folder and a device: neither is read, written or waited for.
    for (const output of [folder, '/dev/full']) await rejectsWith('INPUT_INVALID', run({ output }));
  });

  it('refuses a link that leads nowhere, before it reads or records anything', async () => {
    await symlink(join(folder, 'nowhere'), join(folder, 'link'));
    const { message, hint } = await rejectsWith('INPUT_INVALID', run({ output: join(folder, 'link') }));
    assert.match(message, /link is no regular file, or a link that leads nowhere$/);
    assert.match(hint ?? '', /-o/);
    assert.deepEqual(store.calls, []);
    assert.deepEqual(await readdir(folder), ['link'], 'and no reason is recorded');
  });

  it("adds to a runner's file and keeps the masks apart from it", async () => {
    await writeFile(path(), 'BEFORE=1', { mode: 0o644 });
    const result = await run({ format: 'github', output: path() });
    assert.deepEqual([result.text, result.values], ['::add-mask::EXAMPLE-secret\n', true]);
    const text = await readFile(path(), 'utf8');
    assert.ok(text.startsWith('BEFORE=1\n'));
    assert.deepEqual(readEnvironmentFile(text.slice('BEFORE=1\n'.length)), {
      JAMF_URL: 'https://example.jamfcloud.com',
      JAMF_CLIENT_SECRET: 'EXAMPLE-secret',
    });
    assert.equal((await stat(path())).mode & 0o777, 0o644, 'it is the file that the runner made');
  });

  it('names a field that is not there', async () => {
    assert.match((await rejectsWith('NOT_FOUND', run({ only: ['NOPE'] }))).hint ?? '', /JAMF_URL, JAMF_CLIENT_SECRET/);
  });
});
