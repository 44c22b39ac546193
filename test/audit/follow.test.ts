import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Chalk } from 'chalk';
import type { AuditRequest } from '../../src/lib/audit/audit.ts';
import {
  drawFollowed,
  drawSummary,
  follow,
  followInto,
  type FollowEvent,
  type FollowSummary,
} from '../../src/lib/audit/follow.ts';
import { AUDIT_DEFAULTS } from '../../src/lib/config/settings.ts';
import { JamfMcpError } from '../../src/lib/errors.ts';
import type { Context } from '../../src/lib/host.ts';
import { namesFor } from '../../src/lib/rotation/schedule/names.ts';
import { schemaOf } from '../../src/lib/secrets/schema.ts';
import { AWSCURRENT } from '../../src/lib/secrets/store.ts';
import { localStore } from '../../src/lib/secrets/stores/local.ts';
import { fields } from '../secrets/contract.ts';
import { testContext, type TestContext } from '../support/context.ts';
import { withSandbox } from '../support/sandbox.ts';
import { contextIn } from '../support/sandbox-context.ts';
import { ACCOUNT, ARN, NAME, record, session, user, type Json } from '../support/trail.ts';

const REQUEST: AuditRequest = {
  secret: NAME,
  store: 'aws',
  aws: {},
  ecs: { cluster: 'jamf-mcp-cluster', service: 'jamf-mcp-service' },
  settings: AUDIT_DEFAULTS,
  baseline: null,
  local: { folder: '/nonexistent', user: null, localKey: null },
};

/** The secret, in the account of the sandbox. */
const HERE = ARN.replace(ACCOUNT, '000000000000');

const ink = new Chalk({ level: 0 });

/** Follow, and do one thing in each pause; interrupted in the pause after the last. */
async function followed(
  request: AuditRequest,
  context: TestContext,
  deeds: readonly (() => unknown)[],
): Promise<{ events: FollowEvent[]; summary: FollowSummary; pauses: number[] }> {
  const left = [...deeds];
  const events: FollowEvent[] = [];
  const pauses: number[] = [];
  const stepping: Context = {
    ...context,
    clock: {
      now: () => context.clock.now(),
      async sleep(ms, signal) {
        // The source waits by the same clock, for its pace.
        if (ms < 2_000) {
          await context.clock.sleep(ms, signal);
          return;
        }
        pauses.push(ms);
        const deed = left.shift();
        if (!deed) context.abort();
        await deed?.();
        await context.clock.sleep(ms, signal);
      },
    },
  };
  const summary = await follow(request, (event) => void events.push(event), stepping);
  return { events, summary, pauses };
}

describe('audit: following CloudTrail', () => {
  const sandbox = withSandbox();
  const iso = (ago = 0) => `${new Date(sandbox().clock.now() - ago).toISOString().slice(0, 19)}Z`;
  const plant = (more: Json) => {
    sandbox().trail.plant(
      record({ requestParameters: { secretId: HERE }, recipientAccountId: '000000000000', ...more }) as never,
    );
  };
  const told = (events: readonly FollowEvent[]) =>
    events.map(({ kind, access }) => [kind, access.eventId, access.explanation?.kind ?? null]);

  it('tells each new access once, late deliveries too, and what explains one later', async () => {
    const name = namesFor('us-east-1', NAME).function;
    const byAws = {
      eventType: 'AwsServiceEvent',
      eventName: 'RotationStarted',
      userIdentity: { accountId: '000000000000', invokedBy: 'secretsmanager.amazonaws.com' },
      requestParameters: null,
      additionalEventData: { SecretId: HERE },
    };
    plant({ eventID: 'before', eventTime: iso(60_000) });
    const { events, summary, pauses } = await followed(REQUEST, contextIn(sandbox()), [
      () => {
        plant({ eventID: 'first', eventTime: iso() });
      },
      () => {
        sandbox().clock.advance(12 * 60_000);
      },
      () => {
        plant({ eventID: 'late', eventTime: iso(10 * 60_000) });
        plant({ eventID: 'function', eventTime: iso(5_000), userIdentity: session(name, name) });
        plant({ eventID: 'another secret', eventTime: iso(), requestParameters: { secretId: 'other' } });
      },
      () => {
        plant({ ...byAws, eventID: 'started', eventTime: iso(30_000) });
      },
      () => undefined,
    ]);
    assert.deepEqual(told(events), [
      ['access', 'first', null],
      ['access', 'late', null],
      ['access', 'function', null],
      ['access', 'started', 'aws-service'],
      ['explained', 'function', 'rotation-function'],
    ]);
    const [, late] = events;
    assert.ok(late?.kind === 'access' && (late.lateMs ?? 0) >= 10 * 60_000);
    assert.deepEqual(
      { ...summary, since: '', until: '' },
      { since: '', until: '', polls: 6, accesses: 4, unexplained: 2, failed: 0 },
    );
    assert.deepEqual(new Set(pauses), new Set([15_000]));
    const [line = '', , , , again = ''] = events.map((event) => drawFollowed(event, ink));
    assert.match(
      line,
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d GetSecretValue jamf-mcp-server\/production by user\/alice of 111122223333 from 192\.0\.2\.7 unexplained$/,
    );
    assert.match(again, / now explained: .* rotation-function: function /);
    assert.match(drawFollowed(late, ink), / \(1\d min late\) /);
    assert.match(drawSummary(summary, ink), /^2 of 4 accesses unexplained, /);
  });

  it('tells what was before, where it is asked to, and only of the principal that it is asked about', async () => {
    plant({ eventID: 'alice', eventTime: iso(60_000) });
    plant({ eventID: 'bob', eventTime: iso(50_000), userIdentity: user('bob', 'AKIABOB0000000EXAMPLE') });
    const one = await followed({ ...REQUEST, since: '1h', principals: ['user/bob'] }, contextIn(sandbox()), []);
    assert.deepEqual(told(one.events), [['access', 'bob', null]]);
    const [event] = one.events;
    assert.ok(event?.kind === 'access' && event.lateMs === null, 'when it came, nobody saw');
  });

  it('goes on past what passes, tells it, and ends with what does not', async () => {
    const fault = { kind: 'error', code: 'InternalFailure', message: 'try again', status: 500 } as const;
    const context = contextIn(sandbox());
    const going = await followed(REQUEST, context, [
      () => {
        // Three attempts each: one poll fails.
        for (const nth of [1, 2, 3]) sandbox().inject({ operation: 'cloudtrail:LookupEvents', nth, fault });
      },
      () => {
        plant({ eventID: 'after', eventTime: iso() });
      },
    ]);
    assert.deepEqual(told(going.events), [['access', 'after', null]]);
    assert.equal(going.summary.failed, 1);
    assert.match(
      context.events.flatMap((event) => (event.kind === 'warning' ? [event.text] : [])).join('\n'),
      /^this poll failed, and is made again: .*try again/,
    );
    await assert.rejects(
      followed(REQUEST, contextIn(sandbox()), [
        () => {
          sandbox().inject({
            operation: 'cloudtrail:LookupEvents',
            nth: 'every',
            fault: { kind: 'error', code: 'AccessDeniedException', message: 'no more' },
          });
        },
      ]),
      (error) => error instanceof JamfMcpError && error.code === 'ACCESS_DENIED',
    );
  });

  it('writes lines, and refuses a report that is written at the end', async () => {
    plant({ eventID: 'one', eventTime: iso(60_000) });
    const context = contextIn(sandbox());
    const lines: [object, string][] = [];
    const write = (line: object, text: string) => {
      lines.push([line, text]);
      context.abort();
    };
    await followInto({ ...REQUEST, since: '1h' }, { format: 'ndjson', ink, write }, context);
    assert.deepEqual(
      lines.map(([line]) => (line as { kind: string }).kind),
      ['access', 'end'],
    );
    assert.match(lines[0]?.[1] ?? '', / by user\/alice .* unexplained$/);
    assert.match(lines[1]?.[1] ?? '', /^1 of 1 access unexplained, /);
    for (const format of ['html', 'sarif', 'json'] as const) {
      await assert.rejects(followInto(REQUEST, { format, ink, write }, context), { code: 'USAGE' });
    }
  });

  it('follows no files, and nothing with an end', async () => {
    for (const more of [{ files: { paths: ['x'] } }, { until: '1h' }]) {
      await assert.rejects(
        followed({ ...REQUEST, ...more }, contextIn(sandbox()), []),
        (error) => error instanceof JamfMcpError && error.code === 'USAGE',
      );
    }
  });
});

describe('audit: following the local store', () => {
  it('tells each line of its log once', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-follow-'));
    const context = testContext();
    const local = (by = 'tester') => ({ folder, user: by, localKey: 'file' as const });
    const open = (by?: string) => localStore({ ...local(by), schema: schemaOf('jamf') }, context);
    await open().create({
      ...{ name: 'one', description: '', tags: {}, fields: fields({ A: 'EXAMPLE-a' }), token: randomUUID() },
    });
    context.clock.advance(60_000);
    const { events, summary, pauses } = await followed(
      { ...REQUEST, store: 'local', secret: 'one', local: local() },
      context,
      [() => open('mallory').read('one', { stage: AWSCURRENT }), () => open().read('one', { stage: AWSCURRENT })],
    );
    assert.deepEqual(
      events.map(({ access }) => [access.eventId, access.explanation?.kind ?? null]),
      [
        ['line:2', null],
        ['line:3', 'self'],
      ],
    );
    assert.deepEqual([summary.accesses, summary.unexplained, pauses[0]], [2, 1, 2_000]);
    await rm(folder, { recursive: true });
  });
});
