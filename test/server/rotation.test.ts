import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { Secret } from '../../src/lib/redact.ts';
import { claimFields, claimIdOf, type Claim } from '../../src/lib/rotation/claim.ts';
import { dueText, EVERY_TAG } from '../../src/lib/secrets/due.ts';
import { fieldsFrom, schemaOf } from '../../src/lib/secrets/schema.ts';
import { rotationOutlook, rotationWatch, type RotationOutlook } from '../../src/lib/server/rotation.ts';
import { serveStdio } from '../../src/lib/server/serve.ts';
import { testContext, type TestContext } from '../support/context.ts';
import { memoryStore, type MemoryStore } from '../support/memory-store.ts';
import { connectClient, resultText, SECRET, testDeps } from '../support/mcp.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const FIRST = '1'.repeat(36);
const ROTATION = '22222222-2222-4222-8222-222222222222';

const fields = fieldsFrom(schemaOf('jamf'), {
  JAMF_URL: 'https://example.jamfcloud.com',
  JAMF_CLIENT_ID: 'EXAMPLE-id',
  JAMF_CLIENT_SECRET: 'EXAMPLE-outlook-secret',
});

describe('what the server tells of the rotation of its secret', () => {
  let context: TestContext;
  let store: MemoryStore;

  beforeEach(async () => {
    context = testContext();
    store = memoryStore({ now: () => context.clock.now() });
    await store.create({ name: SECRET, description: '', tags: {}, fields, token: FIRST });
  });

  const claim = (): Claim => ({
    kind: 'rotation',
    rotationId: ROTATION,
    by: { user: 'alice', host: 'laptop', pid: 4711 },
    since: new Date(context.clock.now()).toISOString(),
    reason: null,
    issuer: 'jamf',
    fields: ['JAMF_CLIENT_SECRET'],
    strategy: 'single',
    ecs: null,
    proof: null,
    mode: null,
    base: FIRST,
    target: null,
    follows: [],
    windowFrom: null,
    keep: new Map([['TOKEN', new Secret('EXAMPLE-kept-token-of-a-claim')]]),
  });
  const put = (token: string, values = fields, stages = ['JAMFMCPROTATION']) =>
    store.put(SECRET, values, { token, stages });
  const outlook = async (): Promise<RotationOutlook> => rotationOutlook(store, await store.describe(SECRET), context);
  const warnings = () => context.events.flatMap((event) => (event.kind === 'warning' ? [event.text] : []));

  it('is nothing where no schedule was set and nothing is under way', async () => {
    assert.deepEqual(await outlook(), { due: null, underWay: null, warnings: [] });
    assert.deepEqual(store.calls.slice(1), [`describe ${SECRET}`], 'one call');
  });

  it('is a date that comes near, seven days before it, and one that has passed', async () => {
    await store.tag(SECRET, { [EVERY_TAG]: '90d' });
    context.clock.advance(82 * DAY);
    assert.deepEqual((await outlook()).warnings, []);
    context.clock.advance(DAY);
    assert.deepEqual((await outlook()).warnings, [
      `secret ${SECRET}: to be rotated by 2027-02-20, in 7 days; \`jamf-mcp rotate\` does it`,
    ]);
    context.clock.advance(10 * DAY);
    const { due, warnings: late } = await outlook();
    assert.ok(due?.overdue);
    assert.deepEqual(late, [`secret ${SECRET}: ${dueText(due)}; \`jamf-mcp rotate\` does it`]);
    assert.match(late.join(), /2027-02-20 .*late/);
  });

  it('is a schedule of AWS that did not keep its date, and not one that will', async () => {
    const describe = store.describe.bind(store);
    const next = context.clock.now() + 3 * DAY;
    store.describe = async (name) => ({
      ...(await describe(name)),
      rotation: { enabled: true, everyDays: 90, lastRotatedAt: null, nextRotationAt: new Date(next).toISOString() },
    });
    assert.deepEqual((await outlook()).warnings, []);
    context.clock.advance(5 * DAY);
    assert.match(
      (await outlook()).warnings.join(),
      /^secret .*: the rotation that was due on 2026-11-25 .*; `jamf-mcp rotate schedule status` tells why$/,
    );
  });

  it('is who rotates and how far that has come, and a warning once it is older than a rotation takes', async () => {
    const since = new Date(context.clock.now()).toISOString();
    const claimed = claimFields(fields, claim());
    await put(claimIdOf(ROTATION), claimed);
    await store.moveLabel(SECRET, 'AWSPENDING', null, claimIdOf(ROTATION));
    const by = 'alice@laptop (process 4711)';
    const underWay = { state: 'claimed', versionId: claimIdOf(ROTATION), by, since, stuck: false };
    assert.deepEqual(await outlook(), { due: null, underWay, warnings: [] });
    context.clock.advance(HOUR + 60_000);
    const stuck = await outlook();
    assert.equal(stuck.underWay?.stuck, true);
    assert.match(
      stuck.warnings.join(),
      /^the rotation of secret .* by alice@laptop \(process 4711\), since 2026-11-22T00:00:00Z \(61 min\) was left unfinished: it has claimed the secret.*: see `jamf-mcp rotate status`$/,
    );

    await put(ROTATION, fields, ['AWSPENDING', 'JAMFMCPROTATION']);
    assert.deepEqual([(await outlook()).underWay?.state, (await outlook()).underWay?.since], ['staged', since]);
    await store.moveLabel(SECRET, 'AWSCURRENT', FIRST, ROTATION);
    const promoted = await outlook();
    assert.deepEqual([promoted.underWay?.state, promoted.warnings.length], ['promoted', 1]);
    await store.moveLabel(SECRET, 'AWSPENDING', ROTATION, null);
    assert.deepEqual((await outlook()).underWay, null);
    assert.ok(!JSON.stringify([stuck, promoted]).includes('EXAMPLE-'), 'nothing that the claim keeps');
  });

  it('is an AWSPENDING of somebody else, by the age of its version', async () => {
    await put('3'.repeat(36), fields, ['AWSPENDING']);
    const fresh = await outlook();
    assert.deepEqual([fresh.underWay?.state, fresh.underWay?.stuck, fresh.warnings], ['foreign', false, []]);
    context.clock.advance(2 * HOUR);
    assert.match(
      (await outlook()).warnings.join(),
      /which this program did not put it on, since .*\(2 h\): see `jamf-mcp rotate status`$/,
    );
    store.before = (method) => {
      if (method === 'versions') throw new JamfMcpError('ACCESS_DENIED', 'not for you');
    };
    assert.deepEqual((await outlook()).warnings, [], 'its age may not be asked');
  });

  it('comes with secret_status', async () => {
    await store.tag(SECRET, { [EVERY_TAG]: '90d' });
    await put('3'.repeat(36), fields, ['AWSPENDING']);
    context.clock.advance(100 * DAY);
    const client = await connectClient(testDeps({ store: () => Promise.resolve(store) }), context);
    const result = await client.callTool({ name: 'secret_status', arguments: {} });
    assert.ok(!result.isError, resultText(result));
    const status = result.structuredContent as Record<string, unknown> & { warnings: string[] };
    assert.deepEqual(status.underWay, { state: 'foreign', by: null, since: '2026-11-22T00:00:00.000Z', stuck: true });
    assert.deepEqual(status.warnings.length, 2);
    assert.deepEqual((status.rotation as Record<string, unknown>).overdue, true);
  });

  it('is told a moment after the start, again after a day, and each thing once', async () => {
    await store.tag(SECRET, { [EVERY_TAG]: '1d' });
    const watch = rotationWatch(() => Promise.resolve(store), SECRET, context);
    context.clock.advance(2 * DAY);
    await watch.begin();
    assert.deepEqual(context.clock.slept, [1_000]);
    assert.match(warnings().join(), /was to be rotated by 2026-11-23/);
    const calls = store.calls.length;
    await watch.again();
    assert.equal(store.calls.length, calls, 'the last look was a moment ago');
    await put('3'.repeat(36), fields, ['AWSPENDING']);
    context.clock.advance(DAY);
    await watch.again();
    assert.equal(warnings().length, 3, 'it is later by a day, and there is something new');
    context.clock.advance(HOUR);
    await watch.again();
    assert.equal(warnings().length, 3);
  });

  it('is not told, nor anything else, where the store cannot be read or the server ends first', async () => {
    const failing = rotationWatch(() => Promise.reject(new JamfMcpError('UNREACHABLE', 'no way')), SECRET, context);
    await failing.begin();
    assert.deepEqual(
      context.events.map(({ kind }) => kind),
      ['debug'],
    );
    context.abort();
    await rotationWatch(() => Promise.resolve(store), SECRET, context).begin();
    assert.equal(store.calls.length, 1);
  });

  it('does not keep a server from ending, and needs no store where the environment has the credentials', async () => {
    const settings = { secret: SECRET, store: 'aws', aws: { region: 'us-east-1' } };
    const environment = {
      JAMF_URL: 'https://example.jamfcloud.com',
      JAMF_CLIENT_ID: 'EXAMPLE-i',
      JAMF_CLIENT_SECRET: 'EXAMPLE-s',
    };
    for (const env of [environment, {}]) {
      const input = new PassThrough();
      const options = { settings: settings as never, environment: env, version: '0' };
      const clock = { now: () => 0, sleep: (_ms: number, signal?: AbortSignal) => aborted(signal) };
      const done = serveStdio(options, { input, output: new PassThrough() }, { ...context, clock });
      input.end();
      await done;
    }
  });
});

const aborted = (signal?: AbortSignal) =>
  new Promise<never>((_resolve, reject) => {
    signal?.addEventListener('abort', () => {
      reject(new DOMException('ended', 'AbortError'));
    });
  });
