/**
 * Rotations against moto 5.2.1, an emulator of AWS written by others: the labels really move there. Where moto is not AWS
 * (facts/rotation.md §3, by row) the store is watched: it refuses what AWS refuses, and nothing may lean on the rest.
 *
 * - row 1: a read without a stage answers the value before: every read has to name a version or a stage
 * - row 2: a put without stages leaves two versions with AWSCURRENT: every put has to name its stages
 * - row 3: AWSPENDING moved without a source while it is elsewhere ends on both; AWS refuses
 * - row 5: a label moved to a version that is not there is lost
 * - row 6: AWSCURRENT can be taken off without a place to go; AWS refuses
 * - row 7: AWSCURRENT moved from a version to itself takes AWSPREVIOUS away
 * - row 9: a version with AWSPENDING can be written over; AWS refuses
 */
import assert from 'node:assert/strict';
import { SecretsManagerClient, GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { JamfMcpError } from '../../src/lib/errors.ts';
import type { RotateResult } from '../../src/lib/rotation/rotate.ts';
import { schemaOf } from '../../src/lib/secrets/schema.ts';
import { AWSCURRENT, AWSPENDING, AWSPREVIOUS, versionWith, type SecretStore } from '../../src/lib/secrets/store.ts';
import { awsStore } from '../../src/lib/secrets/stores/aws.ts';
import type { TestContext } from '../support/context.ts';
import { hasMoto, startMoto } from '../support/moto.ts';
import {
  assertSound,
  currentValue,
  failureOf,
  FIELD,
  FIRST,
  FIRST_VALUE,
  KINDS,
  NAME,
  rotationWorld,
  type World,
} from '../support/rotation-world.ts';

const refused = (row: number, why: string) => new JamfMcpError('CONFLICT', `row ${String(row)}: ${why}`);

/** A store on moto that fails where AWS would, or where moto would do something else than AWS. */
function watched(context: TestContext): SecretStore {
  const store = awsStore({ aws: {}, schema: schemaOf('jamf') }, context);
  const holders = async (label: string) => {
    const { stages } = await store.describe(NAME);
    return { stages, of: Object.keys(stages).filter((id) => stages[id]?.includes(label)) };
  };
  const sound = async () => {
    assert.equal((await holders(AWSCURRENT)).of.length, 1, 'exactly one version is current');
    assert.ok((await holders(AWSPENDING)).of.length <= 1, 'at most one is pending');
  };
  return {
    ...store,
    async put(name, fields, options) {
      assert.ok(options.stages.length > 0, 'row 2: without stages');
      const { stages } = await holders(AWSPENDING);
      if (stages[options.token]?.includes(AWSPENDING)) throw refused(9, 'the version exists');
      const made = await store.put(name, fields, options);
      await sound();
      return made;
    },
    async moveLabel(name, label, from, to) {
      const { stages, of } = await holders(label);
      if (label === AWSPENDING && from === null && of.length > 0) throw refused(3, 'AWSPENDING is elsewhere');
      assert.ok(from === null || of.includes(from), 'row 4: from where it is not');
      if (to !== null) assert.ok(Object.hasOwn(stages, to), 'row 5: to a version that is not there');
      if (label === AWSCURRENT) assert.ok(to !== null && from !== to, 'rows 6 and 7');
      await store.moveLabel(name, label, from, to);
      await sound();
    },
  };
}

describe('rotate on moto', function () {
  if (!hasMoto()) {
    it('needs moto_server (pip install "moto[server]")');
    return;
  }
  this.timeout(60_000);
  let moto: Awaited<ReturnType<typeof startMoto>>;
  let outside: NodeJS.ProcessEnv;

  before(async () => {
    moto = await startMoto();
    outside = { ...process.env };
    for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) Reflect.deleteProperty(process.env, name);
    Object.assign(process.env, moto.environment);
  });
  after(async () => {
    process.env = outside;
    await moto.close();
  });
  afterEach(() => fetch(`${String(moto.environment.AWS_ENDPOINT_URL)}/moto-api/reset`, { method: 'POST' }));

  const world = (kind: (typeof KINDS)[number]) => rotationWorld(kind, { ecs: false, open: watched });

  /** Without a deployment the tasks keep what they have. */
  async function assertRotated(it: World): Promise<void> {
    it.tasks = await currentValue(it);
    await assertSound(it);
  }

  for (const kind of KINDS) {
    it(`moves the labels as they have to be, twice, ${kind}`, async () => {
      const it = await world(kind);
      const first = await it.rotate();
      await assertRotated(it);
      const second = await it.rotate();
      await assertRotated(it);
      assert.notEqual(it.tasks, FIRST_VALUE);
      const info = await it.place.describe(NAME);
      assert.equal(versionWith(info, AWSCURRENT), second.versionId);
      assert.equal(versionWith(info, AWSPREVIOUS), first.versionId, 'row 8: it follows AWSCURRENT');
      assert.equal(second.previousVersionId, first.versionId);
    });
  }

  it('reads what is current by its stage, where a read without one is late (row 1)', async () => {
    const it = await world('single');
    await it.rotate();
    const client = new SecretsManagerClient({});
    const read = async (stage: { VersionStage?: string }) => {
      const { SecretString = '' } = await client.send(new GetSecretValueCommand({ SecretId: NAME, ...stage }));
      return (JSON.parse(SecretString) as Record<string, string>)[FIELD];
    };
    assert.equal(await read({ VersionStage: AWSCURRENT }), await currentValue(it));
    assert.equal(await read({}), FIRST_VALUE, 'moto has come nearer to AWS: row 1 can go');
    client.destroy();
  });

  /** Killed at a call, then resumed. */
  async function killed(it: World, call: string, act: () => Promise<RotateResult>): Promise<void> {
    it.fault = { call, when: 'after', error: 'BUG', killed: true };
    await failureOf(act());
    it.fault = null;
    await it.resume();
  }

  for (const kind of ['single', 'drafted'] as const) {
    for (const call of ['put 1', 'moveLabel 1', 'mint 1', 'put 2', 'moveLabel 2', 'record 1']) {
      it(`goes on after it was killed at ${call}, ${kind}`, async () => {
        const it = await world(kind);
        await killed(it, call, () => it.rotate());
        if (it.records.length === 0) await it.rotate();
        assert.ok(it.records.length > 0);
        await assertRotated(it);
      });
    }
  }

  it('goes back to the version before, also where that was killed', async () => {
    for (const call of [null, 'moveLabel 1', 'moveLabel 2']) {
      const it = await world('alternate');
      await it.rotate();
      if (call === null) await it.undo();
      else await killed(it, call, () => it.undo());
      await assertRotated(it);
      assert.equal(versionWith(await it.place.describe(NAME), AWSCURRENT), FIRST);
      await fetch(`${String(moto.environment.AWS_ENDPOINT_URL)}/moto-api/reset`, { method: 'POST' });
    }
  });

  for (const call of ['moveLabel 1', 'put 2']) {
    it(`is refused while another one stands at ${call}, and can begin after abort`, async () => {
      const it = await world('alternate');
      it.fault = { call, when: 'after', error: 'BUG', killed: true };
      await failureOf(it.rotate());
      it.fault = null;
      const error = await failureOf(it.rotate({ isRunning: () => null }));
      assert.equal(error.code, 'CONFLICT');
      assert.match(error.message, /by tester@bench \(process 4711\) is under way/);
      assert.equal((await it.abort()).outcome, 'withdrawn');
      await assertRotated(it);
      assert.equal((await it.rotate()).outcome, 'rotated');
      await assertRotated(it);
    });
  }
});
