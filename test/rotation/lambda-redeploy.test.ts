import assert from 'node:assert/strict';
import { VARIABLES } from '../../src/lib/rotation/lambda.ts';
import { claimFields, claimIdOf, type Claim } from '../../src/lib/rotation/claim.ts';
import { CLAIM_LABEL } from '../../src/lib/secrets/claim.ts';
import { fieldsFrom, schemaOf } from '../../src/lib/secrets/schema.ts';
import { AWSCURRENT, AWSPENDING, type Fields } from '../../src/lib/secrets/store.ts';
import { SECRET, SEEDED_VERSION, seedSecret, storeOf } from '../support/rotation.ts';
import { rotator, storedSecret } from '../support/rotation-function.ts';
import { contextIn, type SandboxContext } from '../support/sandbox-context.ts';
import { withSandbox } from '../support/sandbox.ts';

const CLUSTER = 'jamf-mcp-cluster';
const SERVICE = 'jamf-mcp-service';
const NEW = '22222222-2222-4222-8222-222222222222';

describe('the rotation function, told that a label moved', () => {
  const sandbox = withSandbox();
  let context: SandboxContext;
  let fields: Fields;
  const target = { [VARIABLES.cluster]: CLUSTER, [VARIABLES.service]: SERVICE };

  beforeEach(async () => {
    context = contextIn(sandbox());
    await seedSecret(sandbox(), context);
    fields = fieldsFrom(schemaOf('jamf'), { ...sandbox().fields, REQUIRED_SCOPES: 'other' });
  });

  /** As in AWS's guide, `event-detail-secret-label-updated-secretsmanager`. */
  const event = (changes: { arn?: string; label?: string; versionId?: string } = {}) => ({
    version: '0',
    id: '6a7e8feb-b491-4cf7-a9f1-bf3703467718',
    'detail-type': 'Secret Label Updated',
    source: 'aws.secretsmanager',
    account: '000000000000',
    time: '2026-11-22T12:00:00Z',
    region: 'us-east-1',
    resources: [changes.arn ?? storedSecret(sandbox()).arn],
    detail: { name: SECRET, labelUpdated: changes.label ?? AWSCURRENT, versionId: changes.versionId ?? SEEDED_VERSION },
  });
  const tell = (told: object, env: Record<string, string> = target) => rotator(sandbox(), context, env).call(told);
  const deployments = () => sandbox().ecs.deploymentsOf().length;

  it('redeploys the service once', async () => {
    const before = deployments();
    assert.match(
      (await tell(event())).done,
      /^deployment ecs-svc\/\d+ of jamf-mcp-cluster\/jamf-mcp-service is under way$/,
    );
    assert.equal(deployments(), before + 1);
  });

  it('does nothing for another secret, another label, an older version, or without a service', async () => {
    const before = deployments();
    const answers = [
      await tell(event({ arn: 'arn:aws:secretsmanager:us-east-1:000000000000:secret:other-AbCdEf' })),
      await tell(event({ label: 'MYLABEL' })),
      await tell(event({ versionId: NEW })),
      await tell(event(), {}),
    ];
    assert.deepEqual(
      answers.map(({ done }) => done.replace(/[0-9a-f-]{36}/, 'V')),
      [
        'nothing to do: the event is of another secret',
        'nothing to do: MYLABEL moved, which no task reads',
        'nothing to do: AWSCURRENT moved on to version V',
        'nothing to do: no service is to be redeployed',
      ],
    );
    assert.equal(deployments(), before);
  });

  const claim = (changes: Partial<Claim>): Claim => ({
    kind: 'rotation',
    rotationId: NEW,
    by: { user: 'alice', host: 'laptop', pid: 4711 },
    since: '2026-11-22T12:00:00Z',
    reason: null,
    issuer: 'jamf',
    fields: ['JAMF_CLIENT_SECRET'],
    strategy: 'single',
    ecs: { cluster: CLUSTER, service: SERVICE },
    base: SEEDED_VERSION,
    target: null,
    proof: null,
    mode: null,
    follows: [],
    windowFrom: null,
    keep: new Map(),
    ...changes,
  });

  /** A rotation by hand has promoted its value and not ended yet. */
  async function promoted(changes: Partial<Claim>): Promise<void> {
    const store = storeOf(context);
    await store.put(SECRET, claimFields(fields, claim(changes)), { token: claimIdOf(NEW), stages: [CLAIM_LABEL] });
    await store.put(SECRET, fields, { token: NEW, stages: [AWSPENDING] });
    await store.moveLabel(SECRET, AWSCURRENT, SEEDED_VERSION, NEW);
  }

  it('leaves the service to a rotation that redeploys it itself', async () => {
    await promoted({});
    const before = deployments();
    const { done } = await tell(event({ versionId: NEW }));
    assert.match(done, /^nothing to do: the rotation of alice@laptop \(process 4711\) redeploys jamf-mcp-cluster/);
    assert.equal(deployments(), before);
  });

  for (const [what, ecs] of [
    ['redeploys nothing', null],
    ['redeploys another service', { cluster: CLUSTER, service: 'another' }],
  ] as const) {
    it(`redeploys for a rotation that ${what}`, async () => {
      await promoted({ ecs });
      assert.match((await tell(event({ versionId: NEW }))).done, /is under way$/);
    });
  }

  it('fails where ECS does, so that the event is delivered again', async () => {
    const fault = { kind: 'error' as const, code: 'ServiceNotFoundException', message: 'Service not found.' };
    sandbox().inject({ operation: 'ecs:UpdateService', nth: 1, fault });
    await assert.rejects(tell(event()), { name: 'NOT_FOUND' });
    assert.match((await tell(event())).done, /is under way$/);
  });
});
