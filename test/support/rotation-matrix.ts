/** The columns of the crash matrix: a sandbox, a secret in it, whoever issues it, and what has to be true in the end. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { Secret } from '../../src/lib/redact.ts';
import { issuersWith, type IssuerOptions } from '../../src/lib/rotation/issuers/index.ts';
import { NO_ROTATORS, type Rotators } from '../../src/lib/rotation/issuers/rotators.ts';
import { fileRecorder, readRecords } from '../../src/lib/rotation/record.ts';
import { resumeRotation } from '../../src/lib/rotation/resume.ts';
import { rotate } from '../../src/lib/rotation/rotate.ts';
import type { RotateInput, RotateResult } from '../../src/lib/rotation/work.ts';
import { manualClock } from '../../src/lib/sandbox/clock.ts';
import { startSandbox } from '../../src/lib/sandbox/index.ts';
import { fieldsFrom, schemaOf } from '../../src/lib/secrets/schema.ts';
import {
  AWSCURRENT,
  AWSPENDING,
  versionWith,
  type Fields,
  type SecretInfo,
  type SecretStore,
} from '../../src/lib/secrets/store.ts';
import { rotatorOf, withPartner } from './jamf-clients.ts';
import { ON_AWS, type Place } from './matrix-places.ts';
import { command, RUNNER, SECRET, SEEDED_VERSION } from './rotation.ts';
import { contextIn } from './sandbox-context.ts';
import type { TestSandbox } from './sandbox.ts';
import type { Passed, Trap, Wire } from './wire.ts';

const schema = schemaOf('jamf');

/** Field values in the clear. */
type Values = Record<string, string>;

/** A strategy, an issuer, and where the secret is. */
export interface Column {
  title: string;
  issuer: string;
  /** The field that gets a new value. */
  field: string;
  /** Whether a one-off task first shows that tasks can be given the value. */
  proof?: boolean;
  /** The calls that no other column has; all unless given. */
  calls?: RegExp;
  /** What is set up before the rotation begins. */
  arrange?: (sandbox: TestSandbox) => void;
  issuers?: (sandbox: TestSandbox) => Partial<IssuerOptions>;
  /** Whether the issuer accepts what is current: looked up in the sandbox itself. */
  accepts: (sandbox: TestSandbox, values: Values) => boolean;
  /** What the same command again is refused with where all was done already. */
  repeated?: RegExp;
  /** A rotation that stopped is found so late that what it kept is of no use any more. */
  late?: Late;
}

/** What helps where the one value that worked was made and lost. */
export interface Late {
  /** Until it is found, in ms. */
  afterMs: number;
  /** What is told: the two ways out. */
  hint: RegExp;
  /** One of them: a client of its own that makes the new value. */
  rotators: (sandbox: TestSandbox) => Rotators;
  /** The other: a person makes one. */
  byHand: (sandbox: TestSandbox, secret: string) => void;
}

/** A value that a person has made in Jamf. */
const BROUGHT = 'EXAMPLE-value-that-a-person-brings';

const jamfAccepts: Column['accepts'] = ({ jamf }, { JAMF_CLIENT_ID: id, JAMF_CLIENT_SECRET: secret }) =>
  jamf.integrations.some(({ clientId, credential }) => clientId === id && credential?.secret === secret);
const auth0Accepts: Column['accepts'] = ({ auth0 }, { AUTH0_CLIENT_ID: id, AUTH0_CLIENT_SECRET: secret }) =>
  auth0.clients.some(({ clientId, clientSecret }) => clientId === id && clientSecret === secret);

const JAMF = { issuer: 'jamf', field: 'JAMF_CLIENT_SECRET', accepts: jamfAccepts };
const AUTH0 = { issuer: 'auth0', field: 'AUTH0_CLIENT_SECRET', accepts: auth0Accepts };

/** A person makes a new client secret in Jamf: the one before is refused from then on. */
function makeInJamf({ jamf }: TestSandbox, secret: string): void {
  const [live] = jamf.integrations;
  assert.ok(live?.credential);
  live.credential.secret = secret;
}

/** Every strategy and issuer. */
export const COLUMNS = {
  single: { ...JAMF, title: 'jamf single, which mints for itself' },
  rotator: {
    ...JAMF,
    title: 'jamf single, with a rotator',
    issuers: (sandbox) => ({ rotators: { ...NO_ROTATORS, jamf: rotatorOf(sandbox) } }),
  },
  alternate: { ...JAMF, title: 'jamf alternate', arrange: withPartner },
  proof: {
    ...JAMF,
    title: 'jamf alternate, the proof of injection',
    arrange: withPartner,
    proof: true,
    calls: /^ecs:(\w+TaskDefinitions? |RunTask |DescribeServices 2|DescribeTasks 1)/,
  },
  patch: { ...AUTH0, title: 'auth0 patch' },
  rotateSecret: { ...AUTH0, title: 'auth0 rotate-secret', issuers: () => ({ auth0Mode: 'rotate-secret' }) },
  generate: {
    title: 'generate',
    issuer: 'generate',
    field: 'SESSION_KEY',
    accepts: (_sandbox, { SESSION_KEY: key = '' }) => /^[A-Za-z0-9]{40}$/.test(key),
  },
  ask: {
    ...JAMF,
    title: 'ask',
    issuer: 'ask',
    arrange: (sandbox) => {
      makeInJamf(sandbox, BROUGHT);
    },
    repeated: /^the value given for JAMF_CLIENT_SECRET is the one in use already; nothing was changed$/,
    issuers: () => ({ answers: () => Promise.resolve(new Map([['JAMF_CLIENT_SECRET', new Secret(BROUGHT)]])) }),
  },
} satisfies Record<string, Column>;

/** A person makes a new client secret in Auth0. */
function makeInAuth0({ auth0 }: TestSandbox, secret: string): void {
  const own = auth0.clients.find(({ clientId }) => clientId === auth0.client.clientId);
  assert.ok(own);
  own.clientSecret = secret;
}

/** As {@link COLUMNS}, found when the token that was kept has ended: Jamf's lives for 600 s here, Auth0's for a day. */
export const LATE = {
  single: {
    ...COLUMNS.single,
    title: `${COLUMNS.single.title}, found late`,
    late: {
      afterMs: 601_000,
      hint: /^make a new client secret in Jamf and store it with `jamf-mcp secrets init --update --from-file -`.*; or repeat the command with JAMF_MCP_ROTATOR_CLIENT_ID and _CLIENT_SECRET set/,
      rotators: (sandbox) => ({ ...NO_ROTATORS, jamf: rotatorOf(sandbox) }),
      byHand: makeInJamf,
    },
  },
  rotateSecret: {
    ...COLUMNS.rotateSecret,
    title: `${COLUMNS.rotateSecret.title}, found late`,
    late: {
      afterMs: 86_401_000,
      hint: /^set JAMF_MCP_AUTH0_ROTATOR_CLIENT_ID and _CLIENT_SECRET; or make a new secret in the dashboard and store it with `jamf-mcp secrets set AUTH0_CLIENT_SECRET`$/,
      rotators: ({ auth0: { rotator } }) => ({
        ...NO_ROTATORS,
        auth0: { clientId: rotator.clientId, clientSecret: new Secret(rotator.clientSecret) },
      }),
      byHand: makeInAuth0,
    },
  },
} satisfies Record<string, Column>;

/** The command that is typed after a rotation stopped. */
export type Verb = 'resume' | 'rotate';

/** One cell: everything is fresh. */
export interface Cell {
  readonly sandbox: TestSandbox;
  /** Run a command as a process of its own. @param issuers - other than the column's own */
  run(verb: Verb, trap?: Trap | null, issuers?: Partial<IssuerOptions>): Promise<Passed<RotateResult>>;
  /** Time passes until somebody looks. */
  found(): void;
  /** Version id to its labels, as the store has them. */
  stages(): Promise<SecretInfo['stages']>;
  /** Store what a person made for the column's field, as `secrets init --update` does. */
  store(value: string): Promise<void>;
  /** How many records there are. */
  records(): Promise<number>;
  /** Everything that has to be true after it ended. @param when - what was done, for messages */
  assertSound(when: string): Promise<void>;
  close(): Promise<void>;
}

/** The waits of ECS are divided by it, so that a deployment is looked at a few times and not a dozen. */
const SPEED = 10;

const SERVICE = { cluster: 'jamf-mcp-cluster', service: 'jamf-mcp-service' };
const UNTOUCHED = 'EXAMPLEsessionKeyBefore00000000000000001';

/** Begin a cell: a sandbox of its own, a secret that its issuer accepts, and a service that runs on it. */
export async function openCell(column: Column, place: Place, wire: Wire): Promise<Cell> {
  const clock = manualClock();
  const sandbox: TestSandbox = Object.assign(await startSandbox({ clock, speed: SPEED }), { clock });
  Object.assign(process.env, sandbox.environment);
  const folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-matrix-'));
  const values: Values = { ...sandbox.fields, SESSION_KEY: UNTOUCHED };
  const fields = fieldsFrom(schema, values);
  const own = contextIn(sandbox);
  const { name, open, close } = await place.begin();
  const created = { description: '', tags: {}, fields, token: SEEDED_VERSION };
  const store = open(own, null);
  await store.create({ ...created, name });
  // The tasks of the sandbox read the secret from Secrets Manager, wherever it is that is rotated.
  if (place.kind !== 'aws') await (await ON_AWS.begin()).open(own, null).create({ ...created, name: SECRET });
  column.arrange?.(sandbox);
  /** When AWSCURRENT was last asked to move. */
  let promotedAt = 0;
  wire.lead({
    advance: (ms) => {
      clock.advance(ms);
    },
    spoil: (call, fault) => {
      if (call.startsWith(`${place.kind}:`)) place.spoil?.(fault);
      else sandbox.inject({ operation: call, fault });
    },
    nameOf: (method, url) =>
      place.nameOf?.(method, url, name) ??
      `${url.origin === sandbox.jamfUrl ? 'jamf' : 'auth0'}:${method} ${url.pathname}`,
  });

  function inputOf(verb: Verb, issuers: Partial<IssuerOptions>): RotateInput {
    return {
      secret: name,
      environment: 'production',
      openStore: (held) => {
        const opened = open(held, wire);
        const moveLabel: SecretStore['moveLabel'] = (secret, label, from, to) => {
          if (label === AWSCURRENT) promotedAt = clock.now();
          return opened.moveLabel(secret, label, from, to);
        };
        return Promise.resolve({ ...opened, moveLabel });
      },
      issuers: issuersWith({ schema, ...column.issuers?.(sandbox), ...issuers }),
      choice: { issuer: column.issuer, fields: [column.field], strategy: null },
      ecs: verb === 'rotate' ? SERVICE : null,
      proof: verb === 'rotate' && column.proof ? SERVICE : null,
      aws: {},
      noDeploy: false,
      limitMs: 60_000,
      dryRun: false,
      reason: null,
      runner: RUNNER,
      isRunning: () => false,
      recorder: (held) => {
        const recorder = fileRecorder(folder, held);
        const full = () => new JamfMcpError('INPUT_INVALID', 'the disk is full');
        return {
          prepare: () => wire.pass('record:prepare', () => recorder.prepare(), full),
          write: (record) => wire.pass('record:write', () => recorder.write(record), full),
        };
      },
      command,
    };
  }

  const read = async (): Promise<{ versionId: string; current: Values }> => {
    const { versionId, fields: now } = await store.read(name, { stage: AWSCURRENT });
    return { versionId, current: clear(now) };
  };

  return {
    sandbox,
    run(verb, trap = null, issuers = {}) {
      // Nothing is shared between two processes: not even what was said.
      const context = contextIn(sandbox);
      context.answer(true);
      const input = inputOf(verb, issuers);
      return wire.run(trap, () => (verb === 'rotate' ? rotate(input, context) : resumeRotation(input, context)));
    },
    found: () => {
      clock.advance(column.late?.afterMs ?? 0);
    },
    stages: async () => (await store.describe(name)).stages,
    records: async () => (await readRecords(folder, { limit: 100 })).length,
    async store(value) {
      const { fields: now } = await store.read(name, { stage: AWSCURRENT });
      const added = fieldsFrom(schema, { [column.field]: value });
      const token = '00000000-0000-4000-8000-00000000bbbb';
      await store.put(name, new Map([...now, ...added]), { token, stages: [AWSCURRENT] });
    },
    async assertSound(when) {
      const info = await store.describe(name);
      const holders = Object.values(info.stages).filter((labels) => labels.includes(AWSCURRENT));
      assert.equal(holders.length, 1, `${when}: exactly one version is current`);
      assert.equal(versionWith(info, AWSPENDING), null, `${when}: nothing is pending`);
      const { versionId, current } = await read();
      assert.ok(column.accepts(sandbox, current), `${when}: the issuer accepts what is current`);
      assert.deepEqual(Object.keys(current), Object.keys(values), `${when}: the fields are those of before`);
      for (const [field, value] of Object.entries(current)) {
        if (field !== column.field && field !== 'JAMF_CLIENT_ID')
          assert.equal(value, values[field], `${when}: ${field} is as it was`);
      }

      const running = sandbox.ecs.tasksOf().filter(({ lastStatus }) => lastStatus === 'RUNNING');
      assert.equal(running.length, 2, `${when}: the service runs`);
      for (const task of running) {
        assert.ok(task.createdAt >= promotedAt, `${when}: every task started after the promotion`);
        if (place.kind !== 'aws') continue;
        assert.ok(task.secrets.length > 0, when);
        for (const injected of task.secrets)
          assert.equal(injected.versionId, versionId, `${when}: every task has what is current`);
      }

      const oneOff = sandbox.ecs.state.tasks.filter(({ serviceName }) => serviceName === null);
      assert.ok(
        oneOff.every(({ desiredStatus }) => desiredStatus === 'STOPPED'),
        `${when}: no task of a proof runs on`,
      );

      const records = await readRecords(folder, { secret: name, limit: 100 });
      for (const { problem } of records) assert.equal(problem, null, `${when}: the signatures hold`);
      const last = records[0]?.record;
      assert.ok(last, `${when}: there is a record`);
      const stands = last.outcome === 'rolled-back' ? last.versions.before : last.versions.after;
      assert.equal(stands, versionId, `${when}: the record tells what is current`);
      assert.equal(current[column.field] === values[column.field], last.outcome === 'rolled-back', when);
    },
    async close() {
      await sandbox.close();
      await close();
      await rm(folder, { recursive: true });
    },
  };
}

const clear = (fields: Fields): Values =>
  Object.fromEntries([...fields].map(([field, value]) => [field, value.reveal()]));
