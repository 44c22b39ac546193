/** What every issuer has to keep to: the rotation relies on each of these sentences. */
import assert from 'node:assert/strict';
import { JamfMcpError, type ErrorCode } from '../../../src/lib/errors.ts';
import type { Context } from '../../../src/lib/host.ts';
import { formsOf, redact, Secret } from '../../../src/lib/redact.ts';
import type { Issuer, Strategy } from '../../../src/lib/rotation/issuer.ts';
import type { FaultRule } from '../../../src/lib/sandbox/service.ts';
import { fieldsFrom, isSecretField, schemaOf, type SecretSchema } from '../../../src/lib/secrets/schema.ts';
import type { Fields } from '../../../src/lib/secrets/store.ts';
import { contextIn, type SandboxContext } from '../../support/sandbox-context.ts';
import { withSandbox, type TestSandbox } from '../../support/sandbox.ts';

/** What the contract needs to know of an issuer. */
export interface Subject {
  /** Brings the sandbox into the state that the rotation begins with. */
  arrange?: (sandbox: TestSandbox) => void;
  /** The fields that are current; those of the sandbox unless given. */
  current?: (sandbox: TestSandbox) => Fields;
  schema?: SecretSchema;
  /** Made with requests that time out within 0.2 s. */
  make: (context: Context, sandbox: TestSandbox, fields: Fields) => Issuer;
  strategy: Strategy;
  /** The operation that takes effect, as fault rules spell it; null for an issuer that calls nobody. */
  mint: string | null;
  /** What a wrong value is refused with. */
  refusal: ErrorCode;
  /** Secrets that must not show beside those of the fields. */
  secrets?: (sandbox: TestSandbox) => readonly string[];
  /** A person brings the value, and has made the issuer accept it by then. */
  typed?: boolean;
}

const IN_DOUBT: readonly string[] = ['UNREACHABLE', 'TIMED_OUT', 'REMOTE_FAILED', 'THROTTLED'];

const FAULTS: readonly [string, FaultRule['fault'], 'may pass' | 'in doubt'][] = [
  ['is never answered', { kind: 'timeout' }, 'may pass'],
  ['loses its connection before it took effect', { kind: 'reset', when: 'before' }, 'may pass'],
  ['loses its connection after it took effect', { kind: 'reset', when: 'after' }, 'may pass'],
  ['is throttled', { kind: 'throttle' }, 'may pass'],
  ['is answered with 500', { kind: 'error', code: 'INTERNAL', message: 'out of order', status: 500 }, 'in doubt'],
  ['is answered with 503', { kind: 'error', code: 'INTERNAL', message: 'out of order', status: 503 }, 'may pass'],
];

/** Let an issuer pass the contract; call it inside a `describe`. */
export function keepsTheContract(subject: Subject): void {
  const sandbox = withSandbox();
  let context: SandboxContext;
  let issuer: Issuer;
  let current: Fields;
  const seen: Secret[] = [];
  const thrown: unknown[] = [];

  const see = (fields: Fields): Fields => {
    const schema = subject.schema ?? schemaOf('jamf');
    seen.push(...[...fields].filter(([name]) => isSecretField(schema, name)).map(([, value]) => value));
    return fields;
  };
  const fresh = (): Issuer => {
    context = contextIn(sandbox());
    return subject.make(context, sandbox(), current);
  };
  const failing = async (work: Promise<unknown>): Promise<JamfMcpError> => {
    const error: unknown = await work.then(
      () => assert.fail('it should have failed'),
      (reason: unknown) => reason,
    );
    thrown.push(error);
    assert.ok(error instanceof JamfMcpError, String(error));
    return error;
  };
  /** Everything up to the new value's being accepted; what comes of it are all its fields. */
  const renew = async (one: Issuer): Promise<Fields> => {
    await one.prove(current, null);
    const drafted = see(new Map([...current, ...((await one.draft?.(current)) ?? [])]));
    return see(new Map([...drafted, ...(await one.mint(drafted))]));
  };
  const wrong = (fields: Fields): Fields => {
    const [field = ''] = issuer.replaces.filter((name) => /SECRET|KEY|secret|key/.test(name));
    return new Map([...fields, [field, new Secret(`EXAMPLE-wrong-value-of-${field}`)]]);
  };
  const accepted = async (one: Issuer, fields: Fields): Promise<boolean | 'nobody knows'> =>
    (await one.accepts?.(fields)) ?? 'nobody knows';
  /** What counts is Jamf's and Auth0's state, not the tokens that they gave. */
  const stateOf = ({ jamf, auth0 }: TestSandbox) =>
    JSON.stringify([jamf.integrations, jamf.roles, auth0.clients], (_key, value: unknown) =>
      value === -Infinity ? 'long ago' : value,
    );

  beforeEach(() => {
    seen.length = 0;
    thrown.length = 0;
    subject.arrange?.(sandbox());
    current = see(subject.current?.(sandbox()) ?? fieldsFrom(schemaOf('jamf'), sandbox().fields));
    issuer = fresh();
  });

  afterEach('shows no value, in no error and no event', () => {
    const { jamf, auth0 } = sandbox();
    const values = [
      ...seen.map((value) => value.reveal()),
      ...jamf.integrations.map(({ credential }) => credential?.secret ?? ''),
      ...auth0.clients.map(({ clientSecret }) => clientSecret),
      ...(subject.secrets?.(sandbox()) ?? []),
    ].filter((value) => value.length > 5);
    const texts = [...thrown].map((error) =>
      error instanceof JamfMcpError ? [error.message, error.hint, error.details] : String(error),
    );
    const told = JSON.stringify([context.events, context.questions, texts]);
    for (const form of values.flatMap(formsOf)) assert.ok(!told.includes(form), 'a value was told');
    assert.doesNotMatch(told, /\beyJ[\w-]{8,}\./, 'a token was told');
  });

  it('says who it is', () => {
    assert.match(issuer.name, /^[a-z\d-]+$/);
    assert.ok(issuer.replaces.length > 0);
    assert.ok(issuer.recovery.length > 10 && !issuer.recovery.includes('\n'));
  });

  it('proves without changing anything, as often as it is asked to', async () => {
    const before = stateOf(sandbox());
    const first = await issuer.prove(current, null);
    const again = await fresh().prove(current, null);
    assert.deepEqual([again.text, again.strategy], [first.text, first.strategy]);
    assert.equal(first.strategy, subject.strategy);
    assert.match(first.text, /^[^\n]{10,}$/);
    if (!subject.typed) assert.equal(stateOf(sandbox()), before);
    const changes = sandbox().calls.filter(({ operation }) => !/^GET |\/oauth\/token$/.test(operation));
    assert.deepEqual(changes, []);
  });

  it('is told of a drafted value only when it is minted', async () => {
    await issuer.prove(current, null);
    if (!issuer.draft) {
      const minted = see(await issuer.mint(current));
      for (const name of issuer.replaces) assert.ok(minted.has(name), `${name} is among what was minted`);
      return;
    }
    const before = stateOf(sandbox());
    const drafted = see(await issuer.draft(current));
    assert.deepEqual([...drafted.keys()], [...issuer.replaces]);
    for (const [name, value] of drafted) assert.notEqual(value.reveal(), current.get(name)?.reveal());
    assert.equal(stateOf(sandbox()), before, 'nobody knows it yet');
    const fields = new Map([...current, ...drafted]);
    assert.equal((await issuer.mint(fields)).size, 0, 'what was drafted is not made anew');
    await issuer.test(fields);
  });

  it('makes a value that it accepts, and the one before is what the strategy says', async () => {
    if (issuer.accepts) assert.equal(await issuer.accepts(current), true);
    const fields = await renew(issuer);
    assert.match(await issuer.test(fields), /^[^\n]{5,}$/);
    const one = fresh();
    assert.match(await one.test(fields), /^[^\n]{5,}$/, 'also one that has proved nothing');
    if (!one.accepts) return;
    assert.deepEqual(
      [await accepted(one, fields), await accepted(one, current)],
      [true, subject.strategy === 'alternate'],
    );
    assert.equal(await one.accepts(wrong(fields)), false);
  });

  it('may be asked to mint again: the value made last is accepted', async () => {
    const first = await renew(issuer);
    const drafted = issuer.draft ? first : current;
    const second = see(new Map([...drafted, ...(await issuer.mint(drafted))]));
    await issuer.test(second);
    if (issuer.draft) assert.deepEqual(second, first);
    else assert.equal(await accepted(issuer, first), false);
  });

  it('refuses a wrong value', async () => {
    const fields = await renew(issuer);
    const error = await failing(issuer.test(wrong(fields)));
    assert.equal(error.code, subject.refusal, error.message);
    assert.equal((await failing(fresh().test(wrong(fields)))).code, subject.refusal);
  });

  it('makes the value before accepted again, where it can', async () => {
    const fields = await renew(issuer);
    if (!issuer.revert) return;
    await issuer.revert(current, { newer: fields, kept: null });
    await issuer.revert(current, { newer: fields, kept: null });
    if (issuer.accepts) {
      assert.deepEqual([await issuer.accepts(current), await issuer.accepts(fields)], [true, false]);
      await issuer.test(current);
    }
  });

  it('goes on after a crash with what it kept', async () => {
    const { keep } = await issuer.prove(current, null);
    const drafted = see(new Map([...current, ...((await issuer.draft?.(current)) ?? [])]));
    see(await issuer.mint(drafted));
    // Nothing but the claim is left: the value is made anew, or the stored draft is made accepted again.
    const kept = new Map([...keep].map(([name, value]) => [name, new Secret(value.reveal())]));
    const next = fresh();
    const proof = await next.prove(current, kept);
    assert.equal(proof.strategy, subject.strategy);
    const fields = see(new Map([...drafted, ...(await next.mint(drafted))]));
    await next.test(fields);
    assert.equal(redact(`${subject.strategy} api-role:2 read:jamf`), `${subject.strategy} api-role:2 read:jamf`);
  });

  if (subject.mint === null) return;
  const operation = subject.mint;

  for (const [what, fault, kind] of FAULTS) {
    it(`can be asked again where the call ${what}`, async () => {
      await issuer.prove(current, null);
      const drafted = see(new Map([...current, ...((await issuer.draft?.(current)) ?? [])]));
      sandbox().inject({ operation, fault });
      const first = await issuer.mint(drafted).catch((error: unknown) => {
        thrown.push(error);
        assert.ok(error instanceof JamfMcpError && IN_DOUBT.includes(error.code), String(error));
        return null;
      });
      if (kind === 'in doubt') assert.equal(first, null, 'what is in doubt is said to be');
      const fields = see(new Map([...drafted, ...(await issuer.mint(drafted))]));
      await issuer.test(fields);
    });
  }

  it('says so where it cannot reach anybody, however often it tries', async () => {
    await issuer.prove(current, null);
    const drafted = see(new Map([...current, ...((await issuer.draft?.(current)) ?? [])]));
    sandbox().inject({ operation, nth: 'every', fault: { kind: 'reset', when: 'after' } });
    const error = await failing(issuer.mint(drafted));
    assert.equal(error.code, 'UNREACHABLE');
    assert.ok(error.hint);
  });

  it('leaves nothing in doubt where it was refused', async () => {
    await issuer.prove(current, null);
    const drafted = see(new Map([...current, ...((await issuer.draft?.(current)) ?? [])]));
    const fault = { kind: 'error', code: 'FORBIDDEN', message: 'Forbidden', status: 403 } as const;
    sandbox().inject({ operation, nth: 'every', fault });
    assert.equal((await failing(issuer.mint(drafted))).code, 'ACCESS_DENIED');
  });

  it('can be interrupted', async () => {
    await issuer.prove(current, null);
    const drafted = see(new Map([...current, ...((await issuer.draft?.(current)) ?? [])]));
    sandbox().inject({ operation, nth: 'every', fault: { kind: 'timeout' } });
    const work = issuer.mint(drafted);
    setImmediate(() => {
      context.abort();
    });
    assert.equal((await failing(work)).code, 'INTERRUPTED');
    assert.equal((await failing(issuer.test(current))).code, 'INTERRUPTED');
  });
}
