import assert from 'node:assert/strict';
import { JamfMcpError, type ErrorCode } from '../../src/lib/errors.ts';
import type { Context } from '../../src/lib/host.ts';
import { Secret } from '../../src/lib/redact.ts';
import type { Rotator } from '../../src/lib/rotation/issuers/jamf.ts';
import type { RotateInput, RotateResult } from '../../src/lib/rotation/rotate.ts';
import { AWSCURRENT, AWSPENDING, versionWith, type SecretStore } from '../../src/lib/secrets/store.ts';
import { memoryRecorder, runsIn, SECRET, SEEDED_VERSION, seedSecret, storeOf } from '../support/rotation.ts';
import { contextIn, type SandboxContext } from '../support/sandbox-context.ts';
import { withSandbox } from '../support/sandbox.ts';

/** What Secrets Manager keeps every version for; a little more. */
const A_DAY_MS = 25 * 3_600_000;

describe('a rotation in the sandbox', function () {
  this.timeout(20_000);
  const sandbox = withSandbox();
  let context: SandboxContext;
  let rotator: Rotator | null;
  let memory: ReturnType<typeof memoryRecorder>;

  beforeEach(async () => {
    rotator = null;
    memory = memoryRecorder();
    context = contextIn(sandbox());
    await seedSecret(sandbox(), context);
  });

  const through =
    (verb: 'rotate' | 'resume') =>
    (options: Partial<RotateInput> = {}): Promise<RotateResult> => {
      context = contextIn(sandbox());
      return runsIn(context, { rotator, memory })[verb](options);
    };
  const run = through('rotate');
  const resume = through('resume');

  const failureOf = async (work: Promise<unknown>): Promise<JamfMcpError> => {
    const error: unknown = await work.then(
      () => assert.fail('it should have failed'),
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof JamfMcpError, String(error));
    return error;
  };

  const liveSecret = () => sandbox().jamf.integrations[0]?.credential?.secret;

  /** The secret is current in one version, accepted by Jamf, and in every running task. */
  async function assertRotated(result: RotateResult): Promise<void> {
    const store = storeOf(context);
    const info = await store.describe(SECRET);
    assert.equal(Object.values(info.stages).filter((labels) => labels.includes(AWSCURRENT)).length, 1);
    assert.equal(versionWith(info, AWSPENDING), null);
    assert.equal(versionWith(info, AWSCURRENT), result.versionId);
    const current = await store.read(SECRET, { stage: AWSCURRENT });
    assert.equal(current.fields.get('JAMF_CLIENT_SECRET')?.reveal(), liveSecret());
    assert.equal(current.fields.get('AUTH0_CLIENT_ID')?.reveal(), sandbox().fields.AUTH0_CLIENT_ID);
    assert.deepEqual([...current.fields.keys()], Object.keys(sandbox().fields));
  }

  const callsSince = (from: number) => sandbox().calls.slice(from);

  it('brings a new secret to every task, in 6 calls to Secrets Manager and 5 to Jamf', async () => {
    const from = sandbox().calls.length;
    const result = await run();
    const calls = callsSince(from);
    const operations = (service: string) =>
      calls.filter((call) => call.service === service).map(({ operation }) => operation);
    // The tasks' own reads are recorded too; ours come first.
    assert.deepEqual(operations('secretsmanager'), [
      'GetSecretValue',
      'PutSecretValue',
      'UpdateSecretVersionStage',
      'PutSecretValue',
      'UpdateSecretVersionStage',
      'UpdateSecretVersionStage',
    ]);
    assert.deepEqual(operations('jamf'), [
      'POST /api/oauth/token',
      'GET /api/v1/api-integrations',
      'POST /api/v1/api-integrations/1/client-credentials',
      'POST /api/oauth/token',
      'POST /api/oauth/token',
    ]);
    await assertRotated(result);
    assert.equal(result.outcome, 'rotated');
    assert.equal(result.previousVersionId, SEEDED_VERSION);
    assert.equal(result.deployment?.state, 'steady');
    assert.ok(result.steps.every(({ state }) => state === 'done'));
    assert.equal(result.before, 'refused');
    assert.ok(result.windowMs !== null && result.windowMs > 0);
    assert.equal(memory.records.length, 1);
    const running = sandbox()
      .ecs.tasksOf()
      .filter(({ lastStatus }) => lastStatus === 'RUNNING');
    assert.equal(running.length, 2);
    for (const task of running) {
      const injected = task.secrets.find(({ name }) => name === 'JAMF_CLIENT_SECRET');
      assert.equal(injected?.versionId, result.versionId, 'the running tasks have the new version');
    }
  });

  describe('while Secrets Manager drops no version, because all are younger than 24 h', () => {
    /** A rotation of today, and then as many versions as make it this many with one label each or none. */
    const versions = async (count: number) => {
      const store = storeOf(context);
      await run({ ecs: null });
      const { fields } = await store.read(SECRET, { stage: AWSCURRENT });
      for (let made = 1; made < count; made += 1) {
        const token = `00000000-0000-4000-8000-${String(made).padStart(12, '0')}`;
        await store.put(SECRET, new Map([...fields, ['OTHER', new Secret(`EXAMPLE-${token}`)]]), {
          token,
          stages: ['OTHER'],
        });
      }
    };

    it('begins only where there is room for the claim and the new value: nothing is made', async () => {
      await versions(101);
      const from = sandbox().calls.length;
      for (const dryRun of [true, false]) {
        const error = await failureOf(run({ dryRun }));
        assert.equal(error.code, 'QUOTA_REACHED');
        assert.match(
          error.message,
          /has 99 versions without a label of the last 24 h.* could not be stored; nothing was changed$/,
        );
        assert.match(error.hint ?? '', /^wait until 20\S+Z, then repeat the command$/);
      }
      const changing = /^(Put|Update|POST \/api\/v1)/;
      assert.deepEqual(
        callsSince(from).filter(({ operation }) => changing.test(operation)),
        [],
      );
      sandbox().clock.advance(A_DAY_MS);
      assert.equal((await run({ ecs: null })).outcome, 'rotated');
    });

    it('rotates with the last two that there is room for, for one call more', async () => {
      await versions(100);
      const from = sandbox().calls.length;
      assert.equal((await run({ ecs: null })).outcome, 'rotated');
      const calls = callsSince(from).filter(({ service }) => service === 'secretsmanager');
      assert.deepEqual([...new Set(calls.map(({ operation }) => operation))].sort(), [
        'GetSecretValue',
        'ListSecretVersionIds',
        'PutSecretValue',
        'UpdateSecretVersionStage',
      ]);
    });

    it('says of the quota when it ends, and does not call it throttling', async function () {
      // The SDK takes this error for throttling and tries again, by the clock on the wall.
      this.timeout(90_000);
      await versions(102);
      const error = await failureOf(
        storeOf(context).put(SECRET, new Map([['A', new Secret('EXAMPLE-of-the-quota')]]), {
          token: '00000000-0000-4000-8000-00000000bbbb',
          stages: [AWSCURRENT],
        }),
      );
      assert.equal(error.code, 'QUOTA_REACHED');
      assert.match(error.hint ?? '', /drops no version within 24 h/);
    });

    it('goes on where versions may not be listed', async () => {
      const fault = { kind: 'error', code: 'AccessDeniedException', message: 'no', status: 400 } as const;
      sandbox().inject({ operation: 'secretsmanager:ListSecretVersionIds', nth: 'every', fault });
      assert.equal((await run({ ecs: null })).outcome, 'rotated');
    });
  });

  it('makes no changing call on a dry run, and shows the steps of the run', async () => {
    const from = sandbox().calls.length;
    const planned = await run({ dryRun: true });
    const changing = callsSince(from).filter(({ operation }) =>
      /^(Put|Update|Create|Delete|Restore|POST (?!\/api\/oauth\/token))/.test(operation),
    );
    assert.deepEqual(changing, []);
    assert.equal(planned.outcome, 'planned');
    const done = await run();
    assert.deepEqual(
      done.steps.map(({ name }) => name),
      planned.steps.map(({ name }) => name),
    );
  });

  const FAILURES: readonly ['circuit-breaker' | 'rollback' | 'crash-loop' | 'secret-unavailable', string, RegExp][] = [
    ['circuit-breaker', 'failed', /circuit breaker|failed/i],
    ['rollback', 'rolled-back', /put the tasks before it back/],
    ['crash-loop', 'timed-out', /not steady after 60 s.*exit code 1/],
    [
      'secret-unavailable',
      'failed',
      /its tasks stop with: the execution role \(not the task role\) may not read the secret; Jamf refuses the value before/,
    ],
  ];
  for (const [outcome, state, text] of FAILURES) {
    it(`a deployment that ends in ${outcome}: exit 6, the state of the secret, and the command that goes on`, async () => {
      sandbox().ecs.script(outcome);
      const error = await failureOf(run());
      assert.equal(error.code, 'PARTIAL');
      assert.equal(error.exit, 6);
      assert.match(error.message, text);
      assert.match(
        error.message,
        /the new value is AWSCURRENT \(version [\w-]{36}\), but running tasks may still hold/,
      );
      // Of a deployment that had too little time, twice the time.
      const more = state === 'timed-out' ? ' --timeout 2m' : '';
      assert.ok(error.hint?.endsWith(`go on with: jamf-mcp rotate resume${more}`), error.hint ?? '');
      assert.ok(error.message.length < 540, `${String(error.message.length)} characters`);
      const details = error.details as RotateResult;
      assert.equal(details.outcome, 'unfinished');
      assert.equal(details.deployment?.state, state);
      assert.equal(details.steps.find(({ name }) => name === 'deploy')?.state, 'failed');
      assert.equal(details.steps.find(({ name }) => name === 'clean')?.state, 'planned');

      const secret = liveSecret();
      const result = await resume();
      assert.equal(result.outcome, 'resumed');
      assert.equal(liveSecret(), secret, 'nothing was minted again');
      assert.equal(result.versionId, details.versionId);
      await assertRotated(result);
    });
  }

  it('is not done while a task of before still runs', async () => {
    const work = run();
    const notify = context.host.notify.bind(context.host);
    context.host.notify = (event) => {
      notify(event);
      if (event.kind !== 'step' || event.name !== 'deploy' || event.state !== 'done') return;
      const task = sandbox()
        .ecs.tasksOf()
        .find(({ lastStatus }) => lastStatus === 'RUNNING');
      if (task) task.startedBy = 'ecs-svc/0';
    };
    const error = await failureOf(work);
    assert.equal(error.code, 'PARTIAL');
    assert.match(error.message, /^verify failed: 1 of 2 running tasks may hold the old secret: [0-9a-f]{32};/);
    assert.equal((error.details as RotateResult).deployment?.state, 'steady');
  });

  it('leaves tasks alone without a service, and says so', async () => {
    const result = await run({ ecs: null });
    assert.equal(result.deployment, null);
    assert.match(result.steps.find(({ name }) => name === 'deploy')?.text ?? '', /keep the old secret/);
    assert.ok(!sandbox().calls.some(({ service }) => service === 'ecs'));
    await assertRotated(result);
  });

  it('goes on although other nodes of Jamf know the new secret only later', async () => {
    sandbox().jamf.settings.nodeLagMs = 15_000;
    await assertRotated(await run());
  });

  it('stops at the test where Jamf never accepts the new secret; the next run goes on when it does', async () => {
    sandbox().jamf.settings.nodeLagMs = 40_000;
    const error = await failureOf(run());
    assert.match(error.message, /^test failed: .*refuses the API client/);
    assert.equal((error.details as RotateResult).steps.find(({ name }) => name === 'promote')?.state, 'planned');
    sandbox().clock.advance(60_000);
    const result = await run();
    assert.equal(result.outcome, 'resumed');
    await assertRotated(result);
  });

  it('notices that a role was taken from the client since its secret was made', async () => {
    const [integration] = sandbox().jamf.integrations;
    if (integration) integration.authorizationScopes = ['Inventory Reader'];
    const error = await failureOf(run());
    assert.equal(error.code, 'PARTIAL');
    assert.match(error.message, /lacks Create API Integrations, Read API Integrations/);
    assert.equal(versionWith(await storeOf(context).describe(SECRET), AWSCURRENT), SEEDED_VERSION);
  });

  it('accepts a client that may do more than before', async () => {
    sandbox().jamf.integrations[0]?.authorizationScopes.push('Inventory Reader');
    await assertRotated(await run());
  });

  describe('what is refused before anything is changed', () => {
    const refusals: [string, ErrorCode, RegExp, () => unknown][] = [
      [
        'a client without the privilege to mint',
        'ACCESS_DENIED',
        /lacks the privilege “Create API Integrations”/,
        () => {
          for (const role of sandbox().jamf.roles)
            role.privileges = role.privileges.filter((name) => name !== 'Create API Integrations');
        },
      ],
      [
        'a client without the privilege to look',
        'ACCESS_DENIED',
        /“Read API Integrations”/,
        () => {
          for (const role of sandbox().jamf.roles)
            role.privileges = role.privileges.filter((name) => name !== 'Read API Integrations');
        },
      ],
      [
        'a client whose secret is no longer the one stored',
        'CREDENTIALS_REFUSED',
        /refuses the API client/,
        () => {
          const credential = sandbox().jamf.integrations[0]?.credential;
          if (credential) credential.secret = 'EXAMPLE-another-client-secret';
        },
      ],
      [
        'a service that is not there',
        'NOT_FOUND',
        /nobody/,
        () => ({ ecs: { cluster: 'jamf-mcp-cluster', service: 'nobody' } }),
      ],
      [
        'no right to write',
        'ACCESS_DENIED',
        /PutSecretValue/,
        () => {
          sandbox().inject({
            operation: 'secretsmanager:PutSecretValue',
            nth: 'every',
            fault: {
              kind: 'error',
              code: 'AccessDeniedException',
              message: 'not authorized to perform: secretsmanager:PutSecretValue',
            },
          });
        },
      ],
      [
        'a mint that Jamf refuses',
        'ACCESS_DENIED',
        /403/,
        () => {
          sandbox().inject({
            operation: 'jamf:POST /api/v1/api-integrations/*',
            fault: { kind: 'error', code: 'INVALID_PRIVILEGE', message: 'Forbidden', status: 403 },
          });
        },
      ],
    ];
    for (const [what, code, text, arrange] of refusals) {
      it(what, async () => {
        const before = liveSecret();
        const options = arrange() as Partial<RotateInput> | undefined;
        const secret = liveSecret();
        const error = await failureOf(run(options));
        assert.equal(error.code, code, error.message);
        assert.match(error.message, text);
        assert.equal(liveSecret(), secret ?? before, 'nothing was minted');
        const asked = sandbox().calls.some(({ operation }) => operation.endsWith('/client-credentials'));
        assert.equal(asked, what.includes(' mint'), 'all else is known before Jamf is asked to mint');
        const info = await storeOf(context).describe(SECRET);
        assert.deepEqual(Object.keys(info.stages), [SEEDED_VERSION]);
      });
    }
  });

  describe('with a client of its own that mints', () => {
    beforeEach(() => {
      // The second integration: enabled, and given the role that may mint.
      const [, second] = sandbox().jamf.integrations;
      assert.ok(second?.credential);
      second.enabled = true;
      second.authorizationScopes = ['Jamf MCP Server'];
      second.credential.roleIds = ['2'];
      const { clientId, clientSecret } = sandbox().jamf.disabledClient;
      rotator = { clientId, clientSecret: new Secret(clientSecret) };
    });

    it('rotates the other one', async () => {
      const before = sandbox().jamf.integrations[1]?.credential?.secret;
      await assertRotated(await run());
      assert.equal(
        sandbox().jamf.integrations[1]?.credential?.secret,
        before,
        'the client that mints keeps its secret',
      );
    });

    it('goes on where a value was made and lost', async () => {
      const again = rotator;
      rotator = null;
      const openStore = (held: Context): Promise<SecretStore> => {
        const store = storeOf(held);
        const denied = new JamfMcpError('ACCESS_DENIED', 'not authorized to perform: secretsmanager:PutSecretValue');
        const put: SecretStore['put'] = (name, fields, options) =>
          options.stages.includes(AWSPENDING) ? Promise.reject(denied) : store.put(name, fields, options);
        return Promise.resolve({ ...store, put });
      };
      const error = await failureOf(run({ openStore }));
      assert.equal(error.code, 'PARTIAL');
      assert.match(error.message, /^stage failed: .*could not be stored, and is lost/);
      assert.match(error.hint ?? '', /JAMF_MCP_ROTATOR_CLIENT_ID/);
      rotator = again;
      await assertRotated(await run());
    });
  });

  describe('a fault at every call of a service, then the same command again', () => {
    const CALLS = [
      'secretsmanager:GetSecretValue 1',
      'secretsmanager:PutSecretValue 1',
      'secretsmanager:UpdateSecretVersionStage 1',
      'secretsmanager:PutSecretValue 2',
      'secretsmanager:UpdateSecretVersionStage 2',
      'secretsmanager:UpdateSecretVersionStage 3',
      'jamf:POST /api/oauth/token 1',
      'jamf:GET /api/v1/api-integrations 1',
      'jamf:POST /api/v1/api-integrations/1/client-credentials 1',
      'jamf:POST /api/oauth/token 2',
      'jamf:POST /api/oauth/token 3',
      'ecs:DescribeServices 1',
      'ecs:UpdateService 1',
      'ecs:DescribeServices 2',
      'ecs:DescribeServiceDeployments 1',
      'ecs:ListTasks 1',
      'ecs:ListTasks 2',
    ];
    const FAULTS = {
      'cut before': { kind: 'reset', when: 'before' },
      'cut after': { kind: 'reset', when: 'after' },
      throttled: { kind: 'throttle' },
      'server error': { kind: 'error', code: 'InternalServerError', message: 'try again', status: 500 },
    } as const;
    for (const call of CALLS) {
      for (const [name, fault] of Object.entries(FAULTS)) {
        it(`${name}: ${call}`, async () => {
          const [, operation = '', nth = ''] = /^(.*) (\d)$/.exec(call) ?? [];
          sandbox().inject({ operation, nth: Number(nth), fault });
          const from = sandbox().calls.length;
          const result = await run().catch(() => run());
          const met = callsSince(from).filter((made) => `${made.service}:${made.operation}` === operation);
          assert.ok(met.length >= Number(nth), 'there is such a call');
          await assertRotated(result);
          assert.ok(memory.records.some(({ versions }) => versions.after === result.versionId));
        });
      }
    }
  });
});
