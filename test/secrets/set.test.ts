import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { ALPHABET_NAMES, generateValue, madeBy } from '../../src/lib/secrets/generate.ts';
import { schemaOf } from '../../src/lib/secrets/schema.ts';
import { setFields, unsetFields, type SetRequest } from '../../src/lib/secrets/set.ts';
import { AWSCURRENT, AWSPENDING, AWSPREVIOUS, versionWith } from '../../src/lib/secrets/store.ts';
import { Secret } from '../../src/lib/redact.ts';
import { testContext, type TestContext } from '../support/context.ts';
import { killAtEveryCall } from '../support/crash.ts';
import { memoryStore, type MemoryStore } from '../support/memory-store.ts';
import { assertInvariants, fields, plain, rejectsWith } from './contract.ts';

const NAME = 'jamf-mcp-server/production';

const EIGHT = {
  JAMF_URL: 'https://example.jamfcloud.com',
  JAMF_CLIENT_ID: '00000000-0000-4000-8000-000000000000',
  JAMF_CLIENT_SECRET: 'EXAMPLE-jamf',
  AUTH0_DOMAIN: 'example.eu.auth0.com',
  AUTH0_CLIENT_ID: 'EXAMPLEid',
  AUTH0_CLIENT_SECRET: 'EXAMPLE-auth0',
  AUTH0_AUDIENCE: 'https://mcp.example.com',
  REQUIRED_SCOPES: 'read:jamf write:jamf',
};

describe('secrets set and unset', () => {
  let store: MemoryStore;
  let context: TestContext;
  let first: string;

  beforeEach(async () => {
    store = memoryStore();
    context = testContext();
    first = await create(store, EIGHT);
    store.calls.length = 0;
  });

  const create = async (into: MemoryStore, raw: Record<string, string>) =>
    (await into.create({ name: NAME, description: '', tags: {}, fields: fields(raw), token: randomUUID() })).versionId;
  const request = (more: Partial<SetRequest> = {}): SetRequest => ({
    store,
    secret: NAME,
    environment: 'production',
    schema: schemaOf('jamf'),
    names: ['AUTH0_CLIENT_SECRET'],
    given: null,
    generate: null,
    dryRun: false,
    ...more,
  });
  const current = async (of = store) => plain((await of.read(NAME, { stage: AWSCURRENT })).fields);
  const changes = () => store.calls.filter((call) => /^(create|put|moveLabel|remove|restore|tag) /.test(call));
  const warnings = () => context.events.flatMap((event) => (event.kind === 'warning' ? [event.text] : []));
  /** Somebody else's write, right before the n-th move of a label. */
  const meanwhile = (raw: Record<string, string>, ...moves: number[]) => {
    let seen = 0;
    store.before = async (method) => {
      if (method !== 'moveLabel') return;
      seen += 1;
      if (!moves.includes(seen)) return;
      const { before } = store;
      store.before = () => undefined;
      const now = await current();
      const next = Object.fromEntries(
        Object.entries(raw).map(([name, value]) => [name, value.replace('N', String(seen))]),
      );
      await store.put(NAME, fields({ ...now, ...next }), { token: randomUUID(), stages: [AWSCURRENT] });
      store.before = before;
    };
  };

  it('changes one field and leaves the other seven as they are', async () => {
    context.answer(true);
    const result = await setFields(request({ given: 'EXAMPLE-new\n' }), context);
    assert.deepEqual(await current(), { ...EIGHT, AUTH0_CLIENT_SECRET: 'EXAMPLE-new' });
    assert.deepEqual(Object.keys(await current()), Object.keys(EIGHT), 'in their order');
    const { stages } = await store.describe(NAME);
    assert.deepEqual(stages, { [first]: [AWSPREVIOUS], [result.versionId ?? '']: [AWSCURRENT] });
    assert.deepEqual(
      { ...result, versionId: 0, steps: result.steps.map(({ state }) => state) },
      {
        secret: { name: NAME, arn: (await store.describe(NAME)).arn, store: 'aws', environment: 'production' },
        versionId: 0,
        previousVersionId: first,
        fields: Object.keys(EIGHT),
        changedFields: ['AUTH0_CLIENT_SECRET'],
        changed: true,
        dryRun: false,
        steps: ['done'],
      },
    );
    assert.ok(!JSON.stringify([result, context.events, context.questions]).includes('EXAMPLE-'));
  });

  it('tells the target, asks, and writes nothing when declined', async () => {
    context.answer(false);
    await rejectsWith('DECLINED', setFields(request({ given: 'EXAMPLE-new' }), context));
    assert.deepEqual(changes(), []);
    assert.deepEqual(
      context.events.map(({ kind }) => kind),
      ['target'],
    );
    assert.match(context.questions[0]?.text ?? '', /jamf-mcp-server\/production: change AUTH0_CLIENT_SECRET\?$/);
  });

  it('asks for several fields, one after the other, secret ones without an echo', async () => {
    context.answer(new Secret('EXAMPLE-typed'), 'https://other.example.com', new Secret('EXAMPLE-mine'), true);
    const names = ['AUTH0_CLIENT_SECRET', 'AUTH0_AUDIENCE', 'MY_TOKEN'];
    const result = await setFields(request({ names }), context);
    assert.deepEqual(
      context.questions.map(({ kind }) => kind),
      ['secret', 'text', 'secret', 'confirm'],
    );
    assert.deepEqual(await current(), {
      ...EIGHT,
      AUTH0_CLIENT_SECRET: 'EXAMPLE-typed',
      AUTH0_AUDIENCE: 'https://other.example.com',
      MY_TOKEN: 'EXAMPLE-mine',
    });
    assert.equal(changes().filter((call) => call.startsWith('put')).length, 1, 'one version for all');
    assert.deepEqual(result.changedFields.toSorted(), names.toSorted());
    assert.match(warnings().join(), /no MY_TOKEN/);
  });

  it('checks an answer as it is typed', async () => {
    context.answer('https://other.example.com', true);
    await setFields(request({ names: ['AUTH0_AUDIENCE'] }), context);
    const [question] = context.questions;
    assert.ok(question?.kind === 'text');
    assert.match(String(question.check?.('no url')), /^AUTH0_AUDIENCE has to be a URL/);
    assert.match(String(question.check?.('')), /unset/);
    assert.equal(question.check?.('https://a.example.com'), true);
  });

  it('is told what is missing where there is nobody to ask', async () => {
    await rejectsWith('INPUT_MISSING', setFields(request(), context));
    assert.deepEqual(changes(), []);
  });

  it('takes a file to the letter but for the line break at its end', async () => {
    context.answer(true);
    await setFields(request({ names: ['CERTIFICATE'], given: ' one\r\ntwo\n\n' }), context);
    assert.equal((await current()).CERTIFICATE, ' one\r\ntwo\n');
  });

  it('refuses values that are wrong, without a look at the store where it can', async () => {
    const bad: [Partial<SetRequest>, RegExp][] = [
      [{ names: ['AUTH0_CLIENT_SECRET=EXAMPLE-typed'] }, /an argument has a =/],
      [{ names: ['JAMF_URL', 'a b'] }, /name of a field/],
      [{ names: ['AUTH0_CLIENT_SECRET', 'JAMF_URL'], given: 'EXAMPLE-x' }, /the value of one field, and 2 are named/],
    ];
    for (const [more, message] of bad) {
      assert.match((await rejectsWith('INPUT_INVALID', setFields(request(more), context))).message, message);
    }
    await rejectsWith('INPUT_MISSING', setFields(request({ names: [] }), context));
    assert.deepEqual(store.calls, []);
    const values: [string, string, RegExp][] = [
      ['JAMF_URL', 'EXAMPLE-no-url', /JAMF_URL has to be a URL/],
      ['JAMF_CLIENT_SECRET', 'EXAMPLE-a\nEXAMPLE-b', /line break/],
      ['JAMF_CLIENT_SECRET', '\n', /would be empty/],
      ['LARGE', 'x'.repeat(70_000), /65536/],
    ];
    for (const [name, given, message] of values) {
      context.answer(true);
      assert.match(
        (await rejectsWith('INPUT_INVALID', setFields(request({ names: [name], given }), context))).message,
        message,
      );
    }
    assert.deepEqual(await current(), EIGHT);
  });

  it('writes nothing where the value is the same', async () => {
    const result = await setFields(request({ given: EIGHT.AUTH0_CLIENT_SECRET }), context);
    assert.deepEqual([result.changed, result.versionId, result.changedFields], [false, first, []]);
    assert.deepEqual(changes(), []);
    assert.deepEqual(context.questions, []);
  });

  it('shows the same step in a dry run, and changes nothing', async () => {
    const dry = await setFields(request({ given: 'EXAMPLE-new', dryRun: true }), context);
    assert.deepEqual(changes(), []);
    context.answer(true);
    const real = await setFields(request({ given: 'EXAMPLE-new' }), context);
    assert.deepEqual(
      dry.steps.map(({ name, text }) => [name, text]),
      real.steps.map(({ name, text }) => [name, text]),
    );
    assert.deepEqual([dry.changed, dry.dryRun, dry.steps[0]?.state], [false, true, 'planned']);
  });

  it('generates a value, but not what somebody else issues', async () => {
    context.answer(true);
    await setFields(request({ names: ['SESSION_KEY'], generate: { length: 64, alphabet: 'hex' } }), context);
    assert.match((await current()).SESSION_KEY ?? '', /^[\da-f]{64}$/);
    const generate = { length: 40, alphabet: 'alnum' } as const;
    for (const [name, message] of [
      ['JAMF_CLIENT_SECRET', /issued by jamf/],
      ['AUTH0_CLIENT_SECRET', /issued by auth0/],
      ['JAMF_URL', /not a secret/],
    ] as const) {
      const error = await rejectsWith('INPUT_INVALID', setFields(request({ names: [name], generate }), context));
      assert.match(error.message, message);
    }
    await rejectsWith(
      'INPUT_INVALID',
      setFields(request({ names: ['X'], generate: { length: 15, alphabet: 'hex' } }), context),
    );
  });

  it('adds its change to that of somebody else, made at the same time to another field', async () => {
    meanwhile({ REQUIRED_SCOPES: 'read:jamf' }, 1);
    context.answer(true);
    const result = await setFields(request({ given: 'EXAMPLE-new' }), context);
    assert.deepEqual(await current(), { ...EIGHT, AUTH0_CLIENT_SECRET: 'EXAMPLE-new', REQUIRED_SCOPES: 'read:jamf' });
    assert.equal(result.changed, true);
    assert.equal(versionWith(await store.describe(NAME), AWSCURRENT), result.versionId);
    assert.equal(versionWith(await store.describe(NAME), AWSPREVIOUS), result.previousVersionId);
    assert.ok(context.events.some((event) => event.kind === 'progress'));
    await assertInvariants(store, NAME);
  });

  it('never writes over the same field of somebody else', async () => {
    meanwhile({ AUTH0_CLIENT_SECRET: 'EXAMPLE-theirs' }, 1);
    context.answer(true);
    const error = await rejectsWith('CONFLICT', setFields(request({ given: 'EXAMPLE-new' }), context));
    assert.match(error.message, /changed AUTH0_CLIENT_SECRET meanwhile/);
    assert.deepEqual(await current(), { ...EIGHT, AUTH0_CLIENT_SECRET: 'EXAMPLE-theirs' });
    assert.equal(versionWith(await store.describe(NAME), 'JAMFMCPDRAFT'), null);
  });

  it('tries once more and then tells', async () => {
    // moves: promote, draft off, promote again
    meanwhile({ OTHER: 'EXAMPLE-N' }, 1, 3);
    context.answer(true);
    await rejectsWith('CONFLICT', setFields(request({ given: 'EXAMPLE-new' }), context));
    assert.deepEqual(await current(), { ...EIGHT, OTHER: 'EXAMPLE-3' });
    await assertInvariants(store, NAME);
  });

  it('of 20 writers at once loses nothing that it called stored', async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, async (_, n) => {
        const own = testContext();
        own.answer(true);
        return setFields(request({ names: [`FIELD_${String(n)}`], given: `EXAMPLE-${String(n)}` }), own);
      }),
    );
    const now = await current();
    const stored = outcomes.flatMap(({ status }, n) => (status === 'fulfilled' ? [n] : []));
    assert.ok(stored.length > 0);
    for (const n of stored) assert.equal(now[`FIELD_${String(n)}`], `EXAMPLE-${String(n)}`);
    assert.equal(Object.keys(now).length, 8 + stored.length);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') assert.equal((outcome.reason as { code: string }).code, 'CONFLICT');
    }
  });

  it('warns where a rotation is under way', async () => {
    await store.put(NAME, fields(EIGHT), { token: randomUUID(), stages: [AWSPENDING] });
    context.answer(true);
    await setFields(request({ given: 'EXAMPLE-new' }), context);
    assert.match(warnings().join(), /rotation is under way/);
  });

  it('gives a secret without a value its first one', async () => {
    const document = store.documents.get(NAME);
    assert.ok(document);
    store.documents.set(NAME, { ...document, versions: [] });
    context.answer(true);
    const result = await setFields(request({ given: 'EXAMPLE-new' }), context);
    assert.deepEqual(await current(), { AUTH0_CLIENT_SECRET: 'EXAMPLE-new' });
    assert.equal(result.previousVersionId, null);
  });

  it('refuses a secret that is missing or scheduled for deletion before it asks for values', async () => {
    await rejectsWith('SECRET_NOT_FOUND', setFields(request({ secret: 'other' }), context));
    store.scheduleDeletion(NAME);
    await rejectsWith('SECRET_DELETED', setFields(request(), context));
    await rejectsWith('SECRET_DELETED', unsetFields(request(), context));
    assert.deepEqual(context.questions, []);
  });

  it('takes fields away, and only those', async () => {
    context.answer(true);
    const result = await unsetFields(request({ names: ['AUTH0_AUDIENCE'] }), context);
    const { AUTH0_AUDIENCE: gone, ...rest } = EIGHT;
    assert.ok(gone);
    assert.deepEqual(await current(), rest);
    assert.deepEqual(result.changedFields, ['AUTH0_AUDIENCE']);
    assert.deepEqual(result.fields, Object.keys(rest));
    assert.match(warnings().join(), /requires AUTH0_AUDIENCE/);
  });

  it('refuses a field that the secret never had, names the nearest, and changes nothing', async () => {
    const names = ['JAMF_URL', 'AUTH0_AUDIENC'];
    const error = await rejectsWith('NOT_FOUND', unsetFields(request({ names }), context));
    assert.match(error.message, /has no field AUTH0_AUDIENC; nothing was changed$/);
    assert.match(error.hint ?? '', /^did you mean AUTH0_AUDIENCE\? `jamf-mcp secrets show`/);
    const far = await rejectsWith('NOT_FOUND', unsetFields(request({ names: ['ABSENT'], dryRun: true }), context));
    assert.match(far.hint ?? '', /^`jamf-mcp secrets show`/);
    assert.deepEqual([context.questions, changes()], [[], []]);
  });

  it('is content with a field that the version before had: it has been taken away already', async () => {
    context.answer(true);
    await unsetFields(request({ names: ['AUTH0_AUDIENCE'] }), context);
    const written = changes().length;
    const again = await unsetFields(request({ names: ['AUTH0_AUDIENCE'] }), context);
    assert.deepEqual([again.changed, again.steps[0]?.state, changes().length], [false, 'skipped', written]);
  });

  it('does not take a field away without a confirmation', async () => {
    await rejectsWith('CONFIRMATION_REQUIRED', unsetFields(request({ names: ['JAMF_URL'] }), context));
    assert.deepEqual(changes(), []);
    // REQUIRED_SCOPES has a default: nothing is warned of
    context.answer(true);
    context.events.length = 0;
    await unsetFields(request({ names: ['REQUIRED_SCOPES'] }), context);
    assert.deepEqual(warnings(), []);
  });

  for (const [what, work, wanted] of [
    [
      'set',
      (of: MemoryStore, own: TestContext) => setFields(request({ store: of, given: 'EXAMPLE-new' }), own),
      { ...EIGHT, AUTH0_CLIENT_SECRET: 'EXAMPLE-new' },
    ],
    [
      'unset',
      (of: MemoryStore, own: TestContext) => unsetFields(request({ store: of, names: ['JAMF_URL'] }), own),
      Object.fromEntries(Object.entries(EIGHT).filter(([name]) => name !== 'JAMF_URL')),
    ],
  ] as const) {
    it(`${what}, killed at any call to the store, is finished by running it again`, async () => {
      const calls = await killAtEveryCall(
        async () => {
          const of = memoryStore();
          await create(of, EIGHT);
          return { stores: [of], of };
        },
        ({ of }) => {
          const own = testContext();
          own.answer(true);
          return work(of, own);
        },
        async ({ of }, when) => {
          assert.deepEqual(await current(of), wanted, when);
          await assertInvariants(of, NAME);
          const { stages } = await of.describe(NAME);
          assert.deepEqual(Object.values(stages).flat().sort(), [AWSCURRENT, AWSPREVIOUS], when);
        },
      );
      assert.equal(calls, 5, 'describe, read, put, and two moves');
    });
  }
});

describe('generated values', () => {
  it('have the length and the characters asked for, all of them in the end', () => {
    const sizes = { alnum: 62, hex: 16, base64: 64, base64url: 64, ascii: 94 };
    for (const alphabet of ALPHABET_NAMES) {
      const many = Array.from({ length: 20 }, () => generateValue({ length: 1000, alphabet }));
      assert.ok(many.every((value) => value.length === 1000 && /^[\x21-\x7e]+$/.test(value)));
      const counts = new Map<string, number>();
      for (const character of many.join('')) counts.set(character, (counts.get(character) ?? 0) + 1);
      assert.equal(counts.size, sizes[alphabet]);
      // 20,000 draws: seven standard deviations around the mean leave no room for a skewed choice, and none for luck.
      const mean = 20_000 / sizes[alphabet];
      for (const count of counts.values()) assert.ok(Math.abs(count - mean) < 7 * Math.sqrt(mean), alphabet);
      assert.equal(new Set(many).size, 20);
      assert.ok(many.every((value) => madeBy({ length: 1000, alphabet }, value)));
    }
    assert.ok(!madeBy({ length: 20, alphabet: 'hex' }, 'g'.repeat(20)));
    assert.ok(!madeBy({ length: 20, alphabet: 'hex' }, 'a'.repeat(21)));
  });

  it('in base64 can be decoded', () => {
    const value = generateValue({ length: 44, alphabet: 'base64' });
    assert.equal(Buffer.from(value, 'base64').toString('base64'), value);
    assert.throws(() => generateValue({ length: 42, alphabet: 'base64' }), /multiple of 4/);
  });
});
