import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { JamfMcpError } from '../../src/lib/errors.ts';
import type { PreparedChild } from '../../src/lib/secrets/exec.ts';
import { superviseChild, type RunningChild, type Supervision } from '../../src/lib/secrets/exec-watch.ts';
import { fieldsFrom, schemaOf } from '../../src/lib/secrets/schema.ts';
import { testContext } from '../support/context.ts';
import { memoryStore } from '../support/memory-store.ts';

const NAME = 'jamf-mcp-server/production';

/** A world with one secret, children that do as they are told, and a list of all that happened. */
async function world(changes: Partial<Supervision> = {}) {
  const store = memoryStore();
  const context = testContext();
  const log: string[] = [];
  const write = async (value: string) => {
    const fields = fieldsFrom(schemaOf('jamf'), { A: value });
    const token = randomUUID();
    if (store.documents.has(NAME)) await store.put(NAME, fields, { token, stages: ['AWSCURRENT'] });
    else await store.create({ name: NAME, description: '', tags: {}, fields, token });
    return token;
  };
  const children: { end(code: number): void; obedient: boolean }[] = [];
  const ids = new Map<string, string>([[await write('one'), 'v1']]);
  const next = async (label: string) => ids.set(await write(label), label);
  const prepare = async (): Promise<PreparedChild> => {
    log.push('read');
    const { versionId } = await store.read(NAME, { stage: 'AWSCURRENT' });
    return { env: {}, variables: [], secrets: [], versionId };
  };
  const start = (prepared: PreparedChild): RunningChild => {
    const number = children.length + 1;
    log.push(`start ${String(number)} with ${ids.get(prepared.versionId) ?? '?'}`);
    let settle: (code: number) => void = () => undefined;
    const ended = new Promise<number>((resolve) => (settle = resolve));
    const child = { end: settle, obedient: true };
    children.push(child);
    return {
      ended,
      signal: (name) => {
        log.push(`${name} to ${String(number)}`);
        if (name === 'SIGKILL' || (name === 'SIGTERM' && child.obedient)) settle(name === 'SIGKILL' ? 137 : 143);
      },
    };
  };
  store.calls.length = 0;
  const done = (overrides: Partial<Supervision> = {}) =>
    superviseChild(
      {
        store,
        secret: NAME,
        stage: 'AWSCURRENT',
        intervalMs: 30_000,
        stopWithinMs: 10_000,
        onChange: { kind: 'restart' },
        askedToEnd: () => 0,
        prepare,
        start,
        ...changes,
        ...overrides,
      },
      context,
    );
  /** Do this at the n-th look at the version. */
  const atLook = (looks: Record<number, () => unknown>) => {
    let count = 0;
    store.before = async (method) => {
      if (method !== 'describe') return;
      count += 1;
      await looks[count]?.();
      // A fault must fail the test, not run for ever on a clock that never waits.
      if (count === 50) throw new Error('nobody ends the children');
      if (count > 50) for (const child of children) child.end(99);
    };
  };
  return { store, context, log, children, next, done, atLook };
}

const denied = () => {
  throw new JamfMcpError('ACCESS_DENIED', 'not authorized');
};

describe('following a secret while a child runs', () => {
  it('ends with the child, and reads the value once', async () => {
    const { done, log, children, atLook, store, context } = await world();
    atLook({ 4: () => children[0]?.end(7) });
    assert.equal(await done(), 7);
    assert.deepEqual(log, ['read', 'start 1 with v1']);
    assert.deepEqual([...new Set(store.calls)], [`describe ${NAME}`, `read ${NAME}`]);
    assert.equal(store.calls.filter((call) => call.startsWith('read')).length, 1);
    assert.deepEqual(context.clock.slept.slice(0, 3), [30_000, 30_000, 30_000]);
  });

  it('starts nothing where the version cannot be seen', async () => {
    const { done, log, atLook } = await world();
    atLook({ 1: denied });
    await assert.rejects(done(), { code: 'ACCESS_DENIED' });
    assert.deepEqual(log, []);
  });

  it('restarts for a new version: reads, stops, starts', async () => {
    const { done, log, children, atLook, next } = await world();
    atLook({ 3: () => next('v2'), 5: () => children[1]?.end(0) });
    assert.equal(await done(), 0);
    assert.deepEqual(log, ['read', 'start 1 with v1', 'read', 'SIGTERM to 1', 'start 2 with v2']);
  });

  it('restarts when the label moves back', async () => {
    const { done, log, children, atLook, next, store } = await world();
    const old = (await store.read(NAME, { stage: 'AWSCURRENT' })).versionId;
    atLook({
      2: () => next('v2'),
      3: async () => {
        const current = (await store.read(NAME, { stage: 'AWSCURRENT' })).versionId;
        await store.moveLabel(NAME, 'AWSCURRENT', current, old);
      },
      4: () => children[2]?.end(3),
    });
    assert.equal(await done(), 3);
    assert.deepEqual(
      log.filter((line) => line.startsWith('start')),
      ['start 1 with v1', 'start 2 with v2', 'start 3 with v1'],
    );
  });

  it('kills a child that does not end in time', async () => {
    const { done, log, children, atLook, next, context } = await world();
    atLook({
      2: () => {
        if (children[0]) children[0].obedient = false;
        return next('v2');
      },
      3: () => children[1]?.end(0),
    });
    await done();
    assert.deepEqual(log.slice(2), ['read', 'SIGTERM to 1', 'SIGKILL to 1', 'start 2 with v2']);
    assert.ok(context.clock.slept.includes(10_000));
  });

  it('does not restart a child after somebody asked for the end', async () => {
    const { done, log, children, atLook, next } = await world();
    let asked = 0;
    atLook({
      2: () => {
        const [child] = children;
        if (child) child.obedient = false;
        return next('v2');
      },
    });
    const code = await done({
      askedToEnd: () => {
        asked += 1;
        return asked - 1;
      },
    });
    assert.equal(code, 137);
    assert.ok(!log.some((line) => line.startsWith('start 2')), log.join());
  });

  it('only signals where that is asked for, without reading a value', async () => {
    const { done, log, children, atLook, next } = await world();
    atLook({ 2: () => next('v2'), 3: () => next('v3'), 6: () => children[0]?.end(0) });
    await done({ onChange: { kind: 'signal', signal: 'SIGHUP' } });
    assert.deepEqual(log, ['read', 'start 1 with v1', 'SIGHUP to 1', 'SIGHUP to 1']);
  });

  it('keeps the child through failures, and tells each once', async () => {
    const { done, log, children, atLook, next, context } = await world();
    atLook({ 2: denied, 3: denied, 4: () => next('v2'), 5: denied, 6: () => children[1]?.end(0) });
    assert.equal(await done(), 0);
    assert.deepEqual(
      log.filter((line) => line.startsWith('start')),
      ['start 1 with v1', 'start 2 with v2'],
    );
    const warnings = context.events.filter(({ kind }) => kind === 'warning');
    assert.equal(warnings.length, 2, JSON.stringify(warnings));
  });

  it('keeps the child where the new value cannot be read, and tries again', async () => {
    const { done, log, children, atLook, next, store } = await world();
    let reads = 0;
    atLook({ 2: () => next('v2'), 6: () => children[1]?.end(0) });
    const before = store.before;
    store.before = async (method, name) => {
      await before(method, name);
      if (method !== 'read') return;
      reads += 1;
      if (reads === 2) denied();
    };
    assert.equal(await done(), 0);
    assert.deepEqual(log, ['read', 'start 1 with v1', 'read', 'read', 'SIGTERM to 1', 'start 2 with v2']);
  });

  it('tells where a new child cannot be started', async () => {
    const { done, atLook, next } = await world();
    let starts = 0;
    atLook({ 2: () => next('v2') });
    const start = (): RunningChild => {
      starts += 1;
      if (starts === 2) throw new JamfMcpError('NOT_FOUND', 'x: no such program');
      let settle: (code: number) => void = () => undefined;
      const ended = new Promise<number>((resolve) => (settle = resolve));
      return {
        ended,
        signal: () => {
          settle(143);
        },
      };
    };
    await assert.rejects(done({ start }), { code: 'NOT_FOUND' });
  });
});
