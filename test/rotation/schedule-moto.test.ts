import assert from 'node:assert/strict';
import {
  CreateClusterCommand,
  CreateServiceCommand,
  ECSClient,
  RegisterTaskDefinitionCommand,
} from '@aws-sdk/client-ecs';
import { installSchedule } from '../../src/lib/rotation/schedule/install.ts';
import { removeSchedule } from '../../src/lib/rotation/schedule/remove.ts';
import { scheduleStatus } from '../../src/lib/rotation/schedule/status.ts';
import { fieldsFrom, schemaOf } from '../../src/lib/secrets/schema.ts';
import { AWSCURRENT, versionWith } from '../../src/lib/secrets/store.ts';
import { testContext, type TestContext } from '../support/context.ts';
import { hasMoto, startMoto } from '../support/moto.ts';
import { SECRET, SEEDED_VERSION, storeOf } from '../support/rotation.ts';
import { scheduleInput, ZIP } from '../support/schedule.ts';

describe('rotate schedule on moto', function () {
  if (!hasMoto()) {
    it('needs moto_server (pip install "moto[server]")');
    return;
  }
  this.timeout(60_000);
  let moto: Awaited<ReturnType<typeof startMoto>>;
  let outside: NodeJS.ProcessEnv;
  let context: TestContext;

  before(async () => {
    moto = await startMoto();
    outside = { ...process.env };
    for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) Reflect.deleteProperty(process.env, name);
    Object.assign(process.env, moto.environment);
    // moto would run functions in Docker.
    const config = { method: 'POST', body: JSON.stringify({ lambda: { use_docker: false } }) };
    await fetch(`${String(moto.environment.AWS_ENDPOINT_URL)}/moto-api/config`, config);
    const ecs = new ECSClient({});
    await ecs.send(new CreateClusterCommand({ clusterName: 'jamf-mcp-cluster' }));
    const family = 'jamf-mcp-server';
    const containerDefinitions = [{ name: family, image: 'example', memory: 128 }];
    await ecs.send(new RegisterTaskDefinitionCommand({ family, containerDefinitions }));
    const service = { cluster: 'jamf-mcp-cluster', serviceName: 'jamf-mcp-service', taskDefinition: family };
    await ecs.send(new CreateServiceCommand({ ...service, desiredCount: 0 }));
    const fields = fieldsFrom(schemaOf('jamf'), {
      JAMF_URL: 'https://example.jamfcloud.com',
      JAMF_CLIENT_ID: 'client',
    });
    context = testContext();
    await storeOf(context).create({ name: SECRET, description: '', tags: {}, fields, token: SEEDED_VERSION });
  });
  after(async () => {
    process.env = outside;
    await moto.close();
  });
  beforeEach(() => {
    context = testContext();
    context.answer(true);
  });

  const base = () => ({ store: storeOf(context), secret: SECRET, environment: 'staging', aws: {}, zip: ZIP });
  const look = async () => {
    const { state, parts } = await scheduleStatus(base(), context);
    return [state, parts.filter((part) => part.state !== 'installed').map(({ name, drift }) => [name, ...drift])];
  };

  /** All that moto keeps: it forgets the DeadLetterConfig of a function. */
  const ALL = ['attention', [['function', 'it has no dead-letter queue, or another']]];

  it('installs every part, and finds each as it should be', async () => {
    const { outcome, steps } = await installSchedule(scheduleInput(context), context);
    assert.equal(outcome, 'scheduled');
    assert.ok(steps.every(({ state }) => state === 'done'));
    assert.deepEqual(await look(), ALL);
    const info = await storeOf(context).describe(SECRET);
    assert.deepEqual([info.rotation.enabled, info.rotation.everyDays], [true, 90]);
    assert.equal(versionWith(info, AWSCURRENT), SEEDED_VERSION, 'nothing is rotated now');
  });

  it('runs again without harm', async () => {
    await installSchedule(scheduleInput(context), context);
    assert.deepEqual(await look(), ALL);
  });

  it('removes every part', async () => {
    const { removed } = await removeSchedule({ ...base(), dryRun: false, command: '' }, context);
    assert.deepEqual(removed, ['rotation', 'rule', 'function', 'role', 'queue', 'log group']);
    assert.equal((await scheduleStatus(base(), context)).state, 'none');
  });
});
