import assert from 'node:assert/strict';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { startSandbox, type Sandbox } from '../../src/lib/sandbox/index.ts';
import type { DiffResult } from '../../src/lib/secrets/diff.ts';
import type { InitResult } from '../../src/lib/secrets/init.ts';
import type { ListResult } from '../../src/lib/secrets/list.ts';
import type { DeleteResult, RestoreResult } from '../../src/lib/secrets/remove.ts';
import type { RollbackResult } from '../../src/lib/secrets/rollback.ts';
import type { ChangeResult } from '../../src/lib/secrets/set.ts';
import type { ShowResult } from '../../src/lib/secrets/show.ts';
import { runCli } from '../support/cli.ts';
import { hasMoto, startMoto } from '../support/moto.ts';

describe('jamf-mcp secrets, the built program on moto', () => {
  if (!hasMoto()) {
    it('needs moto_server (pip install "moto[server]")');
    return;
  }
  let moto: Awaited<ReturnType<typeof startMoto>>;
  /** For its Jamf Pro only: moto has none. */
  let sandbox: Sandbox;
  before(async () => {
    moto = await startMoto();
    sandbox = await startSandbox();
  });
  after(async () => {
    await moto.close();
    await sandbox.close();
  });

  const run = async <Result>(args: string[], input = ''): Promise<Result> => {
    const { stdout, stderr, code } = await runCli(['secrets', ...args, '--json'], { env: moto.environment, input });
    assert.equal(code, 0, stdout + stderr);
    return JSON.parse(stdout) as Result;
  };

  it('init, show, list and init --update do what they do on AWS', async () => {
    const created = await run<InitResult>(['init', '--from-file', '-'], JSON.stringify(sandbox.fields));
    assert.equal(created.changed, true);
    const shown = await run<ShowResult>(['show']);
    assert.deepEqual([shown.versionId, shown.stages], [created.versionId, ['AWSCURRENT']]);
    assert.equal(shown.tags.environment, 'production');
    assert.deepEqual(
      shown.fields.filter(({ secret }) => !secret).map(({ name, value }) => [name, value]),
      Object.entries(sandbox.fields).filter(([name]) => !name.endsWith('_SECRET')),
    );
    const updated = await run<InitResult>(
      ['init', '--update', '--yes', '--from-file', '-'],
      'REQUIRED_SCOPES=read:jamf',
    );
    assert.deepEqual(updated.changedFields, ['REQUIRED_SCOPES']);
    const current = await run<ShowResult>(['show']);
    assert.deepEqual([current.versionId, current.stages], [updated.versionId, ['AWSCURRENT']]);
    assert.equal((await run<ShowResult>(['show', '--stage', 'AWSPREVIOUS'])).versionId, created.versionId);
    const { secrets } = await run<ListResult>(['list']);
    assert.deepEqual(
      secrets.map(({ name, managed, stages }) => [name, managed, stages]),
      [['jamf-mcp-server/production', true, ['AWSCURRENT', 'AWSPREVIOUS']]],
    );
  });

  it('show tells the copies in other Regions', async () => {
    const client = new SecretsManagerClient({
      endpoint: moto.environment.AWS_ENDPOINT_URL ?? '',
      region: 'us-east-1',
      credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'EXAMPLE' },
    });
    const AddReplicaRegions = [{ Region: 'eu-west-1' }];
    await client.send(new CreateSecretCommand({ Name: 'copied', SecretString: '{"A":"1"}', AddReplicaRegions }));
    const { replicas } = await run<ShowResult>(['show', '--secret', 'copied']);
    assert.deepEqual(replicas, [{ region: 'eu-west-1', status: 'InSync' }]);
    const { stdout } = await runCli(['secrets', 'show', '--secret', 'copied'], { env: moto.environment });
    assert.match(stdout, /^replicas +eu-west-1 InSync$/m);
  });

  it('set, diff, rollback, unset, delete and restore do what they do on AWS', async () => {
    const before = await run<ShowResult>(['show']);
    const set = await run<ChangeResult>(['set', 'SESSION_KEY', '--generate', '--yes']);
    assert.deepEqual([set.changed, set.fields.length], [true, 9]);
    const diff = await run<DiffResult>(['diff']);
    assert.deepEqual(
      diff.fields.map(({ name, change }) => [name, change]),
      [['SESSION_KEY', 'added']],
    );
    const confirm = ['--confirm', before.secret.name];
    const back = await run<RollbackResult>(['rollback', ...confirm]);
    assert.deepEqual([back.changed, back.versionId], [true, before.versionId]);
    assert.equal((await run<RollbackResult>(['rollback', ...confirm])).changed, false);
    assert.equal((await run<ChangeResult>(['unset', 'SESSION_KEY', '--yes'])).changed, false);
    assert.equal((await run<DeleteResult>(['delete', '--window', '7', ...confirm])).changed, true);
    assert.equal((await run<RestoreResult>(['restore'])).changed, true);
    const after = await run<ShowResult>(['show']);
    assert.deepEqual(after.fields, before.fields);
    assert.equal((await run<DeleteResult>(['delete', '--now', ...confirm])).changed, true);
    assert.equal((await run<DeleteResult>(['delete', '--now', ...confirm])).changed, false);
  });
});
