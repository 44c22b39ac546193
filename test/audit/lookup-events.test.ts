import assert from 'node:assert/strict';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { lookupEvents } from '../../src/lib/audit/sources/lookup-events.ts';
import type { SourceResult } from '../../src/lib/audit/sources/source.ts';
import { withSandbox } from '../support/sandbox.ts';
import { contextIn, type SandboxContext } from '../support/sandbox-context.ts';
import { record } from '../support/trail.ts';

const DAY = 86_400_000;

describe('audit: LookupEvents', () => {
  const sandbox = withSandbox();

  /** Plant events at even distances, back from a minute ago; their ids, newest first. */
  function plant(count: number, apartMs = 10_000): string[] {
    return Array.from({ length: count }, (_, index) => {
      const planted = record({ eventTime: new Date(sandbox().clock.now() - 60_000 - index * apartMs).toISOString() });
      sandbox().trail.plant(planted as never);
      return String(planted.eventID);
    });
  }

  async function look(
    context: SandboxContext,
    window?: { since: number; until: number },
  ): Promise<SourceResult & { ids: string[] }> {
    const now = sandbox().clock.now();
    const ids: string[] = [];
    const query = {
      aws: {},
      region: 'us-east-1',
      account: '000000000000',
      window: window ?? { since: now - 7 * DAY, until: now },
    };
    const result = await lookupEvents(query).read(({ eventId }) => {
      ids.push(eventId);
    }, context);
    return { ...result, ids };
  }

  const lookups = () => sandbox().calls.filter(({ operation }) => operation === 'LookupEvents');

  const throttled = () => lookups().filter(({ outcome }) => outcome.includes('Throttling')).length;

  it('reads every page to the end, each event once, without a throttled call', async () => {
    const planted = plant(420);
    const context = contextIn(sandbox());
    const { report, ids } = await look(context);
    assert.deepEqual(ids, planted);
    assert.deepEqual(report, {
      kind: 'lookup-events',
      region: 'us-east-1',
      account: '000000000000',
      events: 420,
      complete: true,
      calls: 9,
      cached: 0,
    });
    assert.equal(lookups().length, 9);
    assert.equal(throttled(), 0);
    assert.ok(context.events.filter(({ kind }) => kind === 'progress').length >= 9);
  });

  it('keeps to two calls a second and wastes none of them', async () => {
    plant(501);
    const context = contextIn(sandbox());
    await look(context);
    const starts = lookups().map(({ at }) => at);
    assert.equal(starts.length, 11);
    for (const [index, at] of starts.entries()) {
      const before = starts[index - 2];
      if (before !== undefined) assert.ok(at - before >= 1_000, `${String(at - before)} ms for three calls`);
    }
    const waited = context.slept.reduce((sum, ms) => sum + ms, 0);
    assert.ok(waited >= 5_000 && waited < 5_200, `${String(waited)} ms for eleven calls`);
  });

  it('asks for Secrets Manager only, in the same window on every page', async () => {
    plant(120);
    sandbox().trail.plant(
      record({
        eventSource: 's3.amazonaws.com',
        eventTime: new Date(sandbox().clock.now() - 90_000).toISOString(),
      }) as never,
    );
    const { report, skipped } = await look(contextIn(sandbox()));
    assert.equal(report.events, 120);
    assert.deepEqual(
      skipped.map(({ why }) => why),
      ['CloudTrail delivers events 5 to 15 minutes late: the newest accesses may be missing'],
    );
  });

  it('says nothing of late delivery where the window ended long ago', async () => {
    const now = sandbox().clock.now();
    const { skipped } = await look(contextIn(sandbox()), { since: now - 2 * DAY, until: now - DAY });
    assert.deepEqual(skipped, []);
  });

  it('outlasts throttling, waiting longer each time', async () => {
    const planted = plant(160);
    for (const nth of [2, 3, 4])
      sandbox().inject({ operation: 'cloudtrail:LookupEvents', nth, fault: { kind: 'throttle' } });
    const context = contextIn(sandbox());
    const { report, ids } = await look(context);
    assert.deepEqual(ids, planted);
    assert.ok(report.complete);
    assert.equal(throttled(), 3);
    const waits = context.events.flatMap((event) => {
      const told = event.kind === 'progress' ? /again in (\d+) ms$/.exec(event.text) : null;
      return told ? [Number(told[1])] : [];
    });
    assert.equal(waits.length, 3);
    for (const [index, wait] of waits.entries()) {
      const longest = 1_000 * 2 ** index;
      assert.ok(wait >= longest / 2 && wait <= longest, `wait ${String(index + 1)}: ${String(wait)} ms`);
      assert.ok(context.slept.includes(wait));
    }
  });

  it('gives up throttling in the end: with what it has, and saying what is missing', async () => {
    plant(160);
    for (let nth = 3; nth < 30; nth += 1)
      sandbox().inject({ operation: 'cloudtrail:LookupEvents', nth, fault: { kind: 'throttle' } });
    const { report, skipped, ids } = await look(contextIn(sandbox()));
    assert.equal(report.complete, false);
    assert.equal(report.events, 100);
    assert.equal(ids.length, 100);
    assert.match(skipped.at(-1)?.why ?? '', /broke off after 2 pages, the older events are missing: .*Rate exceeded/);
  });

  it('fails where not even the first page comes', async () => {
    sandbox().inject({ operation: 'cloudtrail:LookupEvents', nth: 'every', fault: { kind: 'throttle' } });
    await assert.rejects(
      look(contextIn(sandbox())),
      (error) => error instanceof JamfMcpError && error.code === 'THROTTLED',
    );
    assert.equal(lookups().length, 7);
  });

  it('does not repeat what will be refused again', async () => {
    sandbox().inject({
      operation: 'cloudtrail:LookupEvents',
      nth: 'every',
      fault: {
        kind: 'error',
        code: 'AccessDeniedException',
        message: 'User: x is not authorized to perform: cloudtrail:LookupEvents',
      },
    });
    await assert.rejects(
      look(contextIn(sandbox())),
      (error) => error instanceof JamfMcpError && error.code === 'ACCESS_DENIED',
    );
    assert.equal(lookups().length, 1);
  });

  it('goes on after a broken connection and a fault of the server', async () => {
    const planted = plant(120);
    sandbox().inject({ operation: 'cloudtrail:LookupEvents', nth: 1, fault: { kind: 'reset', when: 'before' } });
    sandbox().inject({
      operation: 'cloudtrail:LookupEvents',
      nth: 3,
      fault: { kind: 'error', code: 'InternalFailure', message: 'try again', status: 500 },
    });
    const { ids } = await look(contextIn(sandbox()));
    assert.deepEqual(ids, planted);
  });

  it('goes on with a new token where the old one is no longer taken, without a gap or a double', async () => {
    const planted = plant(230, 150);
    for (const nth of [2, 5]) {
      sandbox().inject({
        operation: 'cloudtrail:LookupEvents',
        nth,
        fault: { kind: 'error', code: 'InvalidNextTokenException', message: 'The NextToken is not valid.' },
      });
    }
    const { report, ids } = await look(contextIn(sandbox()));
    assert.deepEqual(ids, planted);
    assert.ok(report.complete);
  });

  it('gives up where a new token brings it no further back', async () => {
    const eventTime = new Date(sandbox().clock.now() - 60_000).toISOString();
    for (let number = 0; number < 130; number += 1) sandbox().trail.plant(record({ eventTime }) as never);
    for (let nth = 2; nth < 40; nth += 2) {
      sandbox().inject({
        operation: 'cloudtrail:LookupEvents',
        nth,
        fault: { kind: 'error', code: 'InvalidNextTokenException', message: 'The NextToken is not valid.' },
      });
    }
    const { report, skipped } = await look(contextIn(sandbox()));
    assert.deepEqual([report.complete, report.events, lookups().length], [false, 50, 4]);
    assert.match(skipped.at(-1)?.why ?? '', /NextToken is not valid/);
  });

  it('drops events that come twice', async () => {
    const twice = record({ eventTime: new Date(sandbox().clock.now() - 60_000).toISOString() });
    sandbox().trail.plant(twice as never);
    sandbox().trail.plant(twice as never);
    const { report, ids } = await look(contextIn(sandbox()));
    assert.deepEqual([report.events, ids], [1, [twice.eventID]]);
  });

  it('stops at once when interrupted between two pages', async () => {
    plant(300);
    const context = contextIn(sandbox());
    const stopping = {
      ...context,
      host: {
        ...context.host,
        notify: (event: Parameters<typeof context.host.notify>[0]) => {
          if (event.kind === 'progress') context.abort();
        },
      },
    };
    await assert.rejects(
      look(stopping),
      (error) =>
        error instanceof Error &&
        (error.name === 'AbortError' || (error instanceof JamfMcpError && error.code === 'INTERRUPTED')),
    );
    assert.equal(lookups().length, 1);
  });
});
