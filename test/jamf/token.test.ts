import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { jamfClient } from '../../src/lib/jamf/client.ts';
import {
  fixedCredentials,
  tokenKeeper,
  type CredentialSource,
  type JamfCredentials,
} from '../../src/lib/jamf/token.ts';
import { Secret } from '../../src/lib/redact.ts';
import { testContext, type TestContext } from '../support/context.ts';

const HOUR = 3_600_000;
const LIFE = 600_000;

const pair = (name: string): JamfCredentials => ({
  url: 'https://example.jamfcloud.com',
  clientId: 'EXAMPLE-client',
  clientSecret: new Secret(`EXAMPLE-pair-${name}`),
});

const nameOf = ({ clientSecret }: JamfCredentials) => clientSecret.reveal().replace('EXAMPLE-pair-', '');

/** A Jamf that accepts some pairs, and a store that holds some. */
interface World {
  accepts: string[];
  current: string;
  others: string[];
  settling: boolean;
  /** What reading the store fails with. */
  failure: JamfMcpError | null;
  reads: number;
  /** Every pair that was tried, in order. */
  tried: string[];
  /** Called before each token is given. */
  before: () => unknown;
}

describe('the token of the Jamf client', () => {
  let context: TestContext;
  let world: World;
  let signal: AbortSignal;

  beforeEach(() => {
    context = testContext();
    ({ signal } = context);
    world = {
      accepts: ['one'],
      current: 'one',
      others: [],
      settling: false,
      failure: null,
      reads: 0,
      tried: [],
      before: () => undefined,
    };
  });

  const source: CredentialSource = {
    async current() {
      world.reads += 1;
      if (world.failure) throw world.failure;
      return Promise.resolve(pair(world.current));
    },
    async others() {
      world.reads += 1;
      if (world.failure) throw world.failure;
      return Promise.resolve({ pairs: [world.current, ...world.others].map(pair), settling: world.settling });
    },
    remedy: 'look at the secret',
  };

  const keeper = (credentials: JamfCredentials | CredentialSource = source) =>
    tokenKeeper(
      credentials,
      async (used) => {
        world.tried.push(nameOf(used));
        const askedAt = context.clock.now();
        await world.before();
        if (!world.accepts.includes(nameOf(used))) throw new JamfMcpError('CREDENTIALS_REFUSED', 'refused', 'check');
        const value = new Secret(`EXAMPLE-token-${nameOf(used)}-${String(world.tried.length)}`);
        return { value, scope: 'api-role:2', url: used.url, expiresInMs: LIFE, askedAt };
      },
      context,
    );
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  const told = (kind: string) =>
    context.events.flatMap((event) => (event.kind === kind && 'text' in event ? [event.text] : []));
  const unreachable = () => new JamfMcpError('UNREACHABLE', 'cannot reach Secrets Manager', 'check the network');

  it('is asked for once by many, and who goes away does not take it from the others', async () => {
    const tokens = keeper();
    const gate = Promise.withResolvers<undefined>();
    world.before = () => gate.promise;
    const leaving = new AbortController();
    const left = assert.rejects(tokens.live(leaving.signal), { code: 'INTERRUPTED' });
    const waiting = Array.from({ length: 9 }, () => tokens.live(signal));
    await settled();
    leaving.abort();
    await left;
    gate.resolve(undefined);
    const given = new Set(await Promise.all(waiting));
    assert.equal(given.size, 1);
    assert.deepEqual(world.tried, ['one']);
    assert.deepEqual(getEventListeners(leaving.signal, 'abort'), []);
  });

  it('that is due is renewed once, however many use the old one meanwhile', async () => {
    const tokens = keeper();
    const old = await tokens.live(signal);
    context.clock.advance(LIFE * 0.76);
    const gate = Promise.withResolvers<undefined>();
    world.before = () => gate.promise;
    for (let n = 0; n < 20; n += 1) assert.equal(await tokens.live(signal), old);
    assert.equal(world.tried.length, 2);
    gate.resolve(undefined);
    await settled();
    assert.notEqual(await tokens.live(signal), old);
    assert.equal(world.tried.length, 2);
  });

  it('is renewed at another moment each time', async () => {
    const due: number[] = [];
    for (let n = 0; n < 20; n += 1) {
      const tokens = keeper();
      await tokens.live(signal);
      const before = world.tried.length;
      let share = 0;
      for (; world.tried.length === before; share += 1) {
        await tokens.live(signal);
        context.clock.advance(LIFE / 100);
      }
      due.push(share - 1);
    }
    assert.ok(Math.min(...due) >= 65 && Math.max(...due) <= 75, due.join());
    assert.ok(new Set(due).size > 3, due.join());
  });

  it('is not sent any more in its last two seconds', async () => {
    const tokens = keeper();
    const first = await tokens.live(signal);
    world.before = () => Promise.reject(unreachable());
    context.clock.advance(LIFE - 2_001);
    assert.equal(await tokens.live(signal), first);
    context.clock.advance(2);
    await assert.rejects(tokens.live(signal), { code: 'UNREACHABLE' });
  });

  it('lives on while none can be had: told once, tried again ever later, told when it is over', async () => {
    const tokens = keeper();
    const old = await tokens.live(signal);
    context.clock.advance(LIFE * 0.76);
    world.accepts = [];
    for (let second = 0; second < 100; second += 1) {
      assert.equal(await tokens.live(signal), old);
      await settled();
      context.clock.advance(1_000);
    }
    const attempts = world.tried.length - 1;
    assert.ok(attempts >= 6 && attempts <= 12, String(attempts));
    assert.deepEqual(told('warning'), ['no new token from Jamf (refused); the one at hand lives for another 140 s']);
    world.accepts = ['one'];
    context.clock.advance(30_000);
    await tokens.live(signal);
    await settled();
    assert.notEqual(await tokens.live(signal), old);
    assert.deepEqual(told('progress'), ['Jamf gives tokens again']);
  });

  it('is got with the pair that was rotated meanwhile, and from then on with that one', async () => {
    const tokens = keeper();
    await tokens.live(signal);
    Object.assign(world, { accepts: ['two'], others: ['two'] });
    context.clock.advance(LIFE);
    assert.match((await tokens.live(signal)).value.reveal(), /two/);
    assert.deepEqual(world.tried, ['one', 'one', 'two']);
    context.clock.advance(LIFE);
    await tokens.live(signal);
    assert.deepEqual(world.tried.slice(3), ['two']);
    // The rotation was called off, and another pair is in use again.
    Object.assign(world, { accepts: ['three'], current: 'three', others: [] });
    context.clock.advance(LIFE);
    assert.match((await tokens.live(signal)).value.reveal(), /three/);
    assert.deepEqual(told('warning'), []);
  });

  it('is waited for while a pair is being replaced, by one for all', async () => {
    Object.assign(world, { accepts: [], settling: true });
    const tokens = keeper();
    let refusals = 0;
    world.before = () => {
      refusals += 1;
      if (refusals === 9) Object.assign(world, { accepts: ['two'], others: ['two'] });
    };
    const given = await Promise.all(Array.from({ length: 30 }, () => tokens.live(signal)));
    assert.equal(new Set(given).size, 1);
    assert.equal(world.tried.at(-1), 'two');
    assert.equal(world.tried.length, 10, 'one attempt at a time');
    const waited = context.clock.slept.reduce((sum, ms) => sum + ms, 0);
    assert.ok(waited > 5_000 && waited <= 30_000, String(waited));
  });

  it('is waited for no longer than half a minute, and not at all where nothing is being replaced', async () => {
    Object.assign(world, { accepts: [], settling: true });
    const tokens = keeper();
    await assert.rejects(tokens.live(signal), { code: 'CREDENTIALS_REFUSED', hint: 'look at the secret' });
    const waited = context.clock.slept.reduce((sum, ms) => sum + ms, 0);
    assert.ok(waited > 20_000 && waited <= 30_000, String(waited));
    world.settling = false;
    await assert.rejects(tokens.live(signal), { code: 'CREDENTIALS_REFUSED' });
    assert.equal(
      context.clock.slept.reduce((sum, ms) => sum + ms, 0),
      waited,
    );
  });

  it('that was refused for good is not asked for again within a second', async () => {
    world.accepts = [];
    const tokens = keeper();
    for (let n = 0; n < 5; n += 1) await assert.rejects(tokens.live(signal), { code: 'CREDENTIALS_REFUSED' });
    assert.deepEqual(world.tried, ['one']);
    context.clock.advance(-HOUR);
    await assert.rejects(tokens.live(signal), { code: 'CREDENTIALS_REFUSED' });
    assert.equal(world.tried.length, 2, 'a clock that was put back does not keep it');
    world.accepts = ['one'];
    context.clock.advance(1_001);
    await tokens.live(signal);
  });

  it('is got with the pair before, while a newer one that was read is not known to every node', async () => {
    const tokens = keeper();
    await tokens.live(signal);
    world.current = 'two';
    context.clock.advance(HOUR);
    await tokens.live(signal);
    await settled();
    await tokens.live(signal);
    await settled();
    assert.deepEqual(world.tried, ['one', 'one', 'two', 'one']);
    world.accepts = ['two'];
    context.clock.advance(LIFE);
    await tokens.live(signal);
    assert.deepEqual(world.tried.slice(4), ['two']);
    assert.deepEqual(told('warning'), []);
  });

  it('outlives a store that cannot be read: told once, and once that it can be again', async () => {
    const tokens = keeper();
    await tokens.live(signal);
    world.failure = unreachable();
    for (let n = 0; n < 4; n += 1) {
      context.clock.advance(HOUR);
      await tokens.live(signal);
      await settled();
    }
    assert.deepEqual(told('warning'), [
      'the Jamf credentials cannot be read again (cannot reach Secrets Manager); going on with those at hand',
    ]);
    assert.equal(world.reads, 5, 'tried at each renewal');
    world.failure = null;
    context.clock.advance(HOUR);
    await tokens.live(signal);
    await settled();
    assert.deepEqual(told('progress'), ['the Jamf credentials can be read again']);
  });

  it('lives on where the pair is refused and the store cannot be read; without one, both are told', async () => {
    const tokens = keeper();
    const old = await tokens.live(signal);
    Object.assign(world, { accepts: [], failure: unreachable() });
    context.clock.advance(LIFE * 0.8);
    for (let n = 0; n < 10; n += 1) {
      assert.equal(await tokens.live(signal), old);
      await settled();
    }
    assert.equal(told('warning').length, 1);
    assert.match(told('warning')[0] ?? '', /\(refused; whether it was rotated cannot be told: cannot reach Secrets/);
    context.clock.advance(LIFE);
    world.before = () => {
      // The store comes back while the call waits.
      if (context.clock.slept.length === 3) Object.assign(world, { accepts: ['two'], others: ['two'], failure: null });
    };
    assert.match((await tokens.live(signal)).value.reveal(), /two/);
    world.before = () => undefined;
    Object.assign(world, { accepts: [], failure: new JamfMcpError('ACCESS_DENIED', 'not allowed', 'allow it') });
    context.clock.advance(LIFE);
    const slept = context.clock.slept.length;
    await assert.rejects(tokens.live(signal), { code: 'CREDENTIALS_REFUSED', hint: 'allow it' });
    assert.equal(context.clock.slept.length, slept, 'what does not pass is not waited for');
  });

  it('that Jamf refuses before its time is replaced, and the store read again, though not at every refusal', async () => {
    const tokens = keeper();
    for (let n = 1; n <= 5; n += 1) {
      tokens.refused(await tokens.live(signal));
      await settled();
    }
    await tokens.live(signal);
    assert.equal(world.tried.length, 6);
    assert.equal(world.reads, 1);
    context.clock.advance(10_000);
    tokens.refused(await tokens.live(signal));
    world.current = 'two';
    await tokens.live(signal);
    await settled();
    assert.equal(world.reads, 2);
    world.accepts.push('two');
    await tokens.live(signal);
    assert.equal(world.tried.at(-1), 'two', 'the new pair is used at once');
  });

  it('is not replaced by the refusal of one that was replaced already', async () => {
    const tokens = keeper();
    const old = await tokens.live(signal);
    tokens.refused(old);
    const fresh = await tokens.live(signal);
    tokens.refused(old);
    assert.equal(await tokens.live(signal), fresh);
  });

  it('survives a clock that jumps', async () => {
    const tokens = keeper();
    const first = await tokens.live(signal);
    context.clock.advance(-24 * HOUR);
    assert.equal(await tokens.live(signal), first);
    // Jamf's clock went on: it says so.
    tokens.refused(first);
    const second = await tokens.live(signal);
    context.clock.advance(24 * HOUR);
    assert.notEqual(await tokens.live(signal), second);
  });

  it('of a single pair is told to nobody but a debug log', async () => {
    for (const [credentials, kind] of [
      [pair('one'), 'debug'],
      [fixedCredentials(pair('one'), 'restart'), 'warning'],
    ] as const) {
      world.accepts = ['one'];
      context.events.length = 0;
      const tokens = keeper(credentials);
      const old = await tokens.live(signal);
      world.accepts = [];
      context.clock.advance(LIFE * 0.76);
      assert.equal(await tokens.live(signal), old);
      await settled();
      assert.deepEqual(
        context.events.map((event) => event.kind),
        [kind],
      );
    }
    assert.equal(world.reads, 0);
  });

  it('leaves nothing behind after 1,000 renewals: no timer, no listener, no warning, no memory', async () => {
    let tokens = 0;
    const server = createServer((request, response) => {
      request.resume();
      const token = request.url === '/api/oauth/token';
      if (token) tokens += 1;
      const body = token ? { access_token: `EXAMPLE-token-${String(tokens)}`, expires_in: 600, scope: '' } : {};
      response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    const warnings: Error[] = [];
    const warned = (warning: Error) => warnings.push(warning);
    process.on('warning', warned);
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const calling = new AbortController();
    const current = { ...pair('one'), url };
    const client = jamfClient({ ...source, current: () => Promise.resolve(current) }, context);
    const call = async () => {
      await Promise.all(Array.from({ length: 7 }, () => client.request('GET', '/a', { signal: calling.signal })));
      context.clock.advance(590_000);
      context.events.length = 0;
    };
    try {
      for (let n = 0; n < 20; n += 1) await call();
      await settled();
      const before = timers();
      while (tokens < 1_000) await call();
      await settled();
      assert.ok(tokens >= 1_000);
      assert.ok(timers() <= before, `${String(before)} timers before, ${String(timers())} after`);
      assert.deepEqual(getEventListeners(context.signal, 'abort').length, 0);
      assert.deepEqual(getEventListeners(calling.signal, 'abort').length, 0);
      assert.deepEqual(warnings, []);
    } finally {
      process.off('warning', warned);
      server.closeAllConnections();
      server.close();
    }
  });
});
