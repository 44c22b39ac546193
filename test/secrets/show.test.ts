import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Chalk } from 'chalk';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { drawInit, drawList, drawShow } from '../../src/lib/secrets/report.ts';
import { familyOf, listSecrets } from '../../src/lib/secrets/list.ts';
import { showSecret } from '../../src/lib/secrets/show.ts';
import { AWSPENDING } from '../../src/lib/secrets/store.ts';
import { testContext } from '../support/context.ts';
import { memoryStore, type MemoryStore } from '../support/memory-store.ts';
import { fields, rejectsWith } from './contract.ts';

const NAME = 'jamf-mcp-server/production';
const WIDTHS = [80, 120].map((width) => ({ ink: new Chalk({ level: 0 }), width }));

async function filled() {
  const store = memoryStore();
  const values = {
    JAMF_URL: 'https://example.jamfcloud.com',
    JAMF_CLIENT_SECRET: 'EXAMPLE-first',
    OTHER: 'EXAMPLE-other',
  };
  const tags = { environment: 'production', 'managed-by': 'jamf-mcp' };
  await store.create({ name: NAME, description: 'about it', tags, fields: fields(values), token: 'a'.repeat(32) });
  await store.put(NAME, fields({ ...values, JAMF_CLIENT_SECRET: 'EXAMPLE-second' }), {
    token: 'b'.repeat(32),
    stages: [AWSPENDING],
  });
  const show = (stage: string) => showSecret({ store, secret: NAME, environment: 'production', stage }, testContext());
  return { store, show };
}

describe('secrets show', () => {
  it('masks what is secret or unknown, shows what is public, and marks each', async () => {
    const { show } = await filled();
    const result = await show('AWSCURRENT');
    assert.deepEqual(
      result.fields.map(({ name, secret, value }) => [name, secret, value]),
      [
        ['JAMF_URL', false, 'https://example.jamfcloud.com'],
        ['JAMF_CLIENT_SECRET', true, '***'],
        ['OTHER', true, '***'],
      ],
    );
    assert.deepEqual([result.versionId, result.stages], ['a'.repeat(32), ['AWSCURRENT']]);
    assert.doesNotMatch(JSON.stringify(result), /EXAMPLE-/);
  });

  it('a fingerprint changes with the value and only with it', async () => {
    const { show } = await filled();
    const [current, pending] = [await show('AWSCURRENT'), await show('AWSPENDING')];
    const mark = (result: typeof current, name: string) =>
      result.fields.find((field) => field.name === name)?.fingerprint;
    assert.match(mark(current, 'OTHER') ?? '', /^[\da-f]{8}$/);
    assert.equal(mark(current, 'OTHER'), mark(pending, 'OTHER'));
    assert.notEqual(mark(current, 'JAMF_CLIENT_SECRET'), mark(pending, 'JAMF_CLIENT_SECRET'));
  });

  it('tells which label is missing, and a deletion', async () => {
    const { show, store } = await filled();
    assert.match((await rejectsWith('VERSION_NOT_FOUND', show('AWSPREVIOUS'))).message, /AWSPREVIOUS/);
    store.scheduleDeletion(NAME);
    await rejectsWith('SECRET_DELETED', show('AWSCURRENT'));
    store.documents.clear();
    await rejectsWith('SECRET_NOT_FOUND', show('AWSCURRENT'));
  });

  it('tells whom the resource policy names, and warns where it may not be read', async () => {
    const { show, store } = await filled();
    assert.equal((await show('AWSCURRENT')).resourcePolicy, null);
    const [role, user] = ['arn:aws:iam::000000000000:role/a', 'arn:aws:iam::000000000000:user/b\u001b[2J'];
    const statements = [
      { Effect: 'Allow', Principal: { AWS: [role, user], Service: 'ecs.amazonaws.com' } },
      { Effect: 'Deny', Principal: '*' },
      { Effect: 'Deny', NotPrincipal: { AWS: role } },
      { Effect: 'Allow', Principal: { AWS: role } },
    ];
    store.policies.set(NAME, JSON.stringify({ Statement: statements }));
    const shown = await show('AWSCURRENT');
    assert.deepEqual(shown.resourcePolicy, {
      statements: 4,
      principals: [role, user, 'ecs.amazonaws.com', '*', `not ${role}`],
    });
    const [, canvas = { ink: new Chalk({ level: 0 }), width: 120 }] = WIDTHS;
    assert.match(drawShow(shown, canvas), /^policy +4 statements about arn:aws:iam::000000000000:role\/a,/m);
    assert.doesNotMatch(drawShow(shown, canvas), /\u001b/);
    store.policies.set(NAME, JSON.stringify({ Statement: statements[1] }));
    assert.deepEqual((await show('AWSCURRENT')).resourcePolicy, { statements: 1, principals: ['*'] });

    const fail = (code: 'ACCESS_DENIED' | 'THROTTLED') => {
      store.before = (method) => {
        if (method === 'policy') throw new JamfMcpError(code, 'may not');
      };
    };
    fail('ACCESS_DENIED');
    const context = testContext();
    const request = { store, secret: NAME, environment: 'x', stage: 'AWSCURRENT' };
    assert.equal((await showSecret(request, context)).resourcePolicy, null);
    assert.deepEqual(context.events, [{ kind: 'warning', text: 'the resource policy cannot be told: may not' }]);
    fail('THROTTLED');
    await rejectsWith('THROTTLED', show('AWSCURRENT'));
  });

  it('fits 80 and 120 columns, and lets nobody write to the terminal', async () => {
    const { store } = await filled();
    await store.create({
      name: 'odd',
      description: 'a\u001b[2Jb',
      tags: {},
      fields: fields({ JAMF_URL: 'x\u001b]0;t\u0007' }),
      token: randomUUID(),
    });
    const context = testContext();
    for (const canvas of WIDTHS) {
      for (const secret of [NAME, 'odd']) {
        const text = drawShow(
          await showSecret({ store, secret, environment: 'x', stage: 'AWSCURRENT' }, context),
          canvas,
        );
        assert.ok(
          text.split('\n').every((line) => line.length <= canvas.width),
          text,
        );

        assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f]/);
        assert.doesNotMatch(text, /EXAMPLE-/);
      }
    }
  });
});

describe('secrets list', () => {
  it('lists the family of a secret by name, with state and environment', async () => {
    const { store } = await filled();
    for (const name of ['jamf-mcp-server/dev', 'jamf-mcp-server/gone', 'other']) {
      await store.create({ name, description: '', tags: {}, fields: fields({ A: 'EXAMPLE-x' }), token: randomUUID() });
    }
    store.scheduleDeletion('jamf-mcp-server/gone');
    const result = await listSecrets({ store, prefix: familyOf(NAME) }, testContext());
    assert.deepEqual(
      result.secrets.map(({ name, environment, managed, stages }) => [name, environment, managed, stages]),
      [
        ['jamf-mcp-server/dev', null, false, ['AWSCURRENT']],
        ['jamf-mcp-server/gone', null, false, ['AWSCURRENT']],
        [NAME, 'production', true, ['AWSCURRENT', 'AWSPENDING']],
      ],
    );
    for (const canvas of WIDTHS) {
      const lines = drawList(result, canvas).split('\n');
      assert.ok(lines.every((line) => line.length <= canvas.width));
    }
    const text = drawList(result, { ink: new Chalk({ level: 0 }), width: 120 });
    assert.match(text, /gone +- +deleted on 2026-12-22/);
    assert.match(text, /production +production +rotation pending/);
    assert.equal((await listSecrets({ store, prefix: '' }, testContext())).secrets.length, 4);
  });

  it('goes on past a secret that cannot be looked at, and says which and why', async () => {
    const { store } = await filled();
    const tampered = new JamfMcpError('STORE_TAMPERED', 'x.age was changed by something else');
    const list: MemoryStore['list'] = (prefix, skip) => {
      skip?.('jamf-mcp-server/x', tampered);
      skip?.('jamf-mcp-server/a', tampered);
      return store.list(prefix);
    };
    const result = await listSecrets({ store: { ...store, list }, prefix: '' }, testContext());
    assert.deepEqual(
      result.secrets.map(({ name }) => name),
      [NAME],
    );
    assert.deepEqual(result.skipped, [
      { where: 'jamf-mcp-server/a', why: 'x.age was changed by something else' },
      { where: 'jamf-mcp-server/x', why: 'x.age was changed by something else' },
    ]);
    const canvas = { ink: new Chalk({ level: 0 }), width: 120 };
    assert.match(drawList(result, canvas), /^left out jamf-mcp-server\/a: x\.age was changed by something else$/m);
    assert.match(drawList({ ...result, secrets: [] }, canvas), /^left out jamf-mcp-server\/a/);
  });

  it('says so where there is none', async () => {
    const result = await listSecrets({ store: memoryStore(), prefix: 'x/' }, testContext());
    assert.equal(
      drawList(result, WIDTHS[0] ?? { ink: new Chalk(), width: 80 }),
      'no secrets in aws whose names begin with x/',
    );
  });

  it('knows the family of a name', () => {
    assert.deepEqual(['a/b/c', 'a', '/a'].map(familyOf), ['a/b/', 'a', '/']);
  });
});

describe('the text of secrets init', () => {
  const base = {
    secret: { name: NAME, arn: 'arn:x', store: 'aws', environment: 'production' },
    versionId: 'v',
    fields: ['A', 'B'],
    changedFields: ['B'],
    verified: { url: 'https://example.jamfcloud.com', account: 'mcp', privileges: [] },
    steps: [{ name: 'store' as const, state: 'planned' as const, text: 'create it' }],
  };
  const [canvas = { ink: new Chalk({ level: 0 }), width: 80 }] = WIDTHS;

  it('tells what was stored, that nothing changed, or what a dry run would do', () => {
    assert.match(
      drawInit({ ...base, changed: true, dryRun: false }, canvas),
      /^stored jamf-mcp-server\/production .*accepts the client mcp$/s,
    );
    assert.match(drawInit({ ...base, changed: false, dryRun: false }, canvas), /nothing was changed$/);
    assert.match(drawInit({ ...base, changed: false, dryRun: true }, canvas), /^dry run .*store +planned +create it$/s);
  });
});
