import assert from 'node:assert/strict';
import { Secret } from '../../../src/lib/redact.ts';
import { askIssuer, promptFor } from '../../../src/lib/rotation/issuers/ask.ts';
import { auth0Issuer } from '../../../src/lib/rotation/issuers/auth0.ts';
import { jamfIssuer } from '../../../src/lib/rotation/issuers/jamf.ts';
import { fieldsFrom, schemaOf, type FieldSpec } from '../../../src/lib/secrets/schema.ts';
import type { Fields } from '../../../src/lib/secrets/store.ts';
import { withPartner } from '../../support/jamf-clients.ts';
import { contextIn, type SandboxContext } from '../../support/sandbox-context.ts';
import { withSandbox, type TestSandbox } from '../../support/sandbox.ts';
import { keepsTheContract } from './contract.ts';

const specsOf = (schema: string, ...names: string[]): FieldSpec[] =>
  schemaOf(schema).fields.filter(({ name }) => names.includes(name));

/** Somebody has made a new client secret on the pages of Jamf. */
function madeInJamf({ jamf }: TestSandbox, secret: string): void {
  const [first] = jamf.integrations;
  assert.ok(first?.credential);
  first.credential.secret = secret;
}

describe('the issuer ask, for a client secret of Jamf', () => {
  keepsTheContract({
    make: (context, sandbox) => {
      const secret = 'EXAMPLE-made-on-the-pages-of-jamf';
      return askIssuer({
        specs: specsOf('jamf', 'JAMF_CLIENT_SECRET'),
        answers: () => {
          madeInJamf(sandbox, secret);
          return Promise.resolve(new Map([['JAMF_CLIENT_SECRET', new Secret(secret)]]));
        },
        tester: jamfIssuer(null, context, { timeoutMs: 200 }),
      });
    },
    strategy: 'single',
    mint: null,
    refusal: 'CREDENTIALS_REFUSED',
    typed: true,
  });
});

describe('the issuer ask, for a secret of Auth0', () => {
  keepsTheContract({
    make: (context, sandbox) =>
      askIssuer({
        specs: specsOf('jamf', 'AUTH0_CLIENT_SECRET'),
        answers: () => {
          const secret = 'EXAMPLE-made-on-the-pages-of-auth0';
          const [first] = sandbox.auth0.clients;
          assert.ok(first);
          first.clientSecret = secret;
          return Promise.resolve(new Map([['AUTH0_CLIENT_SECRET', new Secret(secret)]]));
        },
        tester: auth0Issuer(null, context, { timeoutMs: 200 }),
      }),
    strategy: 'single',
    mint: null,
    refusal: 'CREDENTIALS_REFUSED',
    typed: true,
  });
});

describe('the issuer ask', () => {
  const sandbox = withSandbox();
  let context: SandboxContext;
  let current: Fields;

  beforeEach(() => {
    context = contextIn(sandbox());
    current = fieldsFrom(schemaOf('jamf'), sandbox().fields);
  });

  const answersOf = (raw: Record<string, string>) => () => Promise.resolve(fieldsFrom(schemaOf('jamf'), raw));
  const tester = () => jamfIssuer(null, context);

  it('refuses what Jamf refuses before anything is changed; what was typed need not be typed again', async () => {
    let asked = 0;
    const issuer = askIssuer({
      specs: specsOf('jamf', 'JAMF_CLIENT_SECRET'),
      answers: () => {
        asked += 1;
        return Promise.resolve(new Map([['JAMF_CLIENT_SECRET', new Secret(`EXAMPLE-typed-wrong-${String(asked)}`)]]));
      },
      tester: tester(),
    });
    const message = /^the value given for JAMF_CLIENT_SECRET is not accepted: http.* \(401.*; nothing was changed$/;
    await assert.rejects(issuer.prove(current, null), { code: 'CREDENTIALS_REFUSED', message });
    await assert.rejects(issuer.prove(current, null), { code: 'CREDENTIALS_REFUSED' });
    assert.equal(asked, 1, 'what was refused may be accepted in a moment');
  });

  it('asks once: what was tried is what is stored', async () => {
    let asked = 0;
    madeInJamf(sandbox(), 'EXAMPLE-made-on-the-pages');
    const issuer = askIssuer({
      specs: specsOf('jamf', 'JAMF_CLIENT_SECRET'),
      answers: () => {
        asked += 1;
        return Promise.resolve(new Map([['JAMF_CLIENT_SECRET', new Secret('EXAMPLE-made-on-the-pages')]]));
      },
      tester: tester(),
    });
    const { text, strategy } = await issuer.prove(current, null);
    assert.match(text, /^Jamf says of JAMF_CLIENT_SECRET: accepted, with \d+ privileges$/);
    assert.equal(strategy, 'single');
    assert.equal((await issuer.draft?.(current))?.get('JAMF_CLIENT_SECRET')?.reveal(), 'EXAMPLE-made-on-the-pages');
    assert.equal(asked, 1);
  });

  it('finds out that the credential before stays valid, where another client is given', async () => {
    withPartner(sandbox());
    const partner = sandbox().jamf.integrations.find(({ id }) => id === 7);
    assert.ok(partner);
    partner.credential = { secret: 'EXAMPLE-secret-of-the-other', roleIds: ['2'], madeAt: 0, node: 'a' };
    const issuer = askIssuer({
      specs: specsOf('jamf', 'JAMF_CLIENT_ID', 'JAMF_CLIENT_SECRET'),
      answers: answersOf({ JAMF_CLIENT_ID: partner.clientId, JAMF_CLIENT_SECRET: partner.credential.secret }),
      tester: tester(),
    });
    assert.equal((await issuer.prove(current, null)).strategy, 'alternate');
    assert.deepEqual(
      [...((await issuer.draft?.(current)) ?? [])].map(([name]) => name),
      ['JAMF_CLIENT_ID', 'JAMF_CLIENT_SECRET'],
    );
  });

  it('asks nobody on a dry run, nor where a run is taken up again', async () => {
    const answers = () => assert.fail('somebody was asked');
    const specs = specsOf('jamf', 'JAMF_CLIENT_SECRET');
    const dry = await askIssuer({ specs, answers, tester: tester(), dryRun: true }).prove(current, null);
    assert.equal(dry.text, 'JAMF_CLIENT_SECRET will be asked for and tried with Jamf');
    await askIssuer({ specs, answers, tester: tester() }).prove(current, new Map());
  });

  it('says that it cannot try what nobody here issues', async () => {
    const specs = specsOf('database', 'DB_PASSWORD');
    const answers = () => Promise.resolve(new Map([['DB_PASSWORD', new Secret('EXAMPLE-new-password')]]));
    const issuer = askIssuer({ specs, answers, tester: null });
    const before = new Map([['DB_PASSWORD', new Secret('EXAMPLE-old-password')]]);
    const { text } = await issuer.prove(before, null);
    assert.equal(text, 'DB_PASSWORD cannot be tried here: whether it is right shows when it is used');
    assert.ok(!('accepts' in issuer) && !('revert' in issuer));
    const drafted = await issuer.draft?.(before);
    assert.equal(await issuer.test(drafted ?? new Map()), text);
    await assert.rejects(issuer.test(new Map([['DB_PASSWORD', new Secret('')]])), { code: 'SECRET_MALFORMED' });
    await assert.rejects(issuer.prove(new Map(), null), /has no DB_PASSWORD/);
  });

  const bad: [string, Record<string, string>, RegExp, string][] = [
    ['nothing', {}, /no value is given for JAMF_CLIENT_SECRET/, 'INPUT_MISSING'],
    ['an empty value', { JAMF_CLIENT_SECRET: '' }, /would be empty/, 'INPUT_INVALID'],
    ['two lines', { JAMF_CLIENT_SECRET: 'EXAMPLE-a\nb' }, /line break/, 'INPUT_INVALID'],
  ];
  for (const [what, raw, text, code] of bad) {
    it(`refuses ${what}`, async () => {
      const specs = specsOf('jamf', 'JAMF_CLIENT_SECRET');
      const issuer = askIssuer({ specs, answers: answersOf(raw), tester: tester() });
      await assert.rejects(issuer.prove(current, null), { code, message: text });
    });
  }

  it('refuses the value that is in use', async () => {
    const specs = specsOf('jamf', 'JAMF_CLIENT_SECRET');
    const answers = () => Promise.resolve(current);
    const issuer = askIssuer({ specs, answers, tester: tester() });
    await assert.rejects(issuer.prove(current, null), /is the one in use already; nothing was changed/);
  });

  it('prompts for each field, secret ones without an echo, and checks what is typed', async () => {
    const specs = specsOf('jamf', 'JAMF_CLIENT_ID', 'JAMF_CLIENT_SECRET');
    context.answer('a-client-id', new Secret('EXAMPLE-typed-secret'));
    const fields = await promptFor(specs, context)();
    assert.deepEqual(
      [...fields].map(([name, value]) => [name, value.reveal()]),
      [
        ['JAMF_CLIENT_ID', 'a-client-id'],
        ['JAMF_CLIENT_SECRET', 'EXAMPLE-typed-secret'],
      ],
    );
    assert.deepEqual(
      context.questions.map(({ kind }) => kind),
      ['text', 'secret'],
    );
    const [, question] = context.questions;
    assert.ok(question?.kind === 'secret' && question.check);
    assert.equal(question.check('EXAMPLE-fine'), true);
    assert.equal(question.check(''), 'JAMF_CLIENT_SECRET would be empty');
    assert.match(String(question.check(' x')), /white space/);
    await assert.rejects(promptFor(specs, contextIn(sandbox()))(), { code: 'INPUT_MISSING' });
  });
});
