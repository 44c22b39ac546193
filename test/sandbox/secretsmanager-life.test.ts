import assert from 'node:assert/strict';
import {
  CancelRotateSecretCommand,
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetRandomPasswordCommand,
  GetResourcePolicyCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
  PutResourcePolicyCommand,
  PutSecretValueCommand,
  RestoreSecretCommand,
  RotateSecretCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateSecretVersionStageCommand,
  ValidateResourcePolicyCommand,
  type ListSecretsCommandInput,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import type { RotationEvent } from '../../src/lib/sandbox/secretsmanager-rotation.ts';
import { secretsClient, withSandbox } from '../support/sandbox.ts';

const NAME = 'jamf-mcp-server/production';
const [V1, V2, V3] = ['1', '2', '3'].map((digit) => digit.repeat(32)) as [string, string, string];
const DAY_MS = 86_400_000;
const FUNCTION = 'arn:aws:lambda:us-east-1:000000000000:function:rotate';

const refused = (promise: Promise<unknown>, name: string, text?: string) =>
  assert.rejects(promise, (error: Error) => {
    assert.equal(error.name, name);
    if (text !== undefined) assert.equal(error.message, text);
    return true;
  });

describe('sandbox: secrets manager, the life of a secret', () => {
  const sandbox = withSandbox();
  let client: SecretsManagerClient;

  beforeEach(async () => {
    client = secretsClient(sandbox());
    await client.send(new CreateSecretCommand({ Name: NAME, SecretString: 'one', ClientRequestToken: V1 }));
  });
  afterEach(() => {
    client.destroy();
  });

  const describeIt = () => client.send(new DescribeSecretCommand({ SecretId: NAME }));
  const remove = (options: { RecoveryWindowInDays?: number; ForceDeleteWithoutRecovery?: boolean } = {}) =>
    client.send(new DeleteSecretCommand({ SecretId: NAME, ...options }));

  describe('deletion', () => {
    const MARKED = "You can't perform this operation on the secret because it was marked for deletion.";

    it('row 21: nothing is read or written while it is marked; a restore brings it back', async () => {
      const { DeletionDate } = await remove({ RecoveryWindowInDays: 7 });
      assert.equal(DeletionDate?.getTime(), sandbox().clock.now() + 7 * DAY_MS);
      await refused(client.send(new GetSecretValueCommand({ SecretId: NAME })), 'InvalidRequestException', MARKED);
      await refused(
        client.send(new PutSecretValueCommand({ SecretId: NAME, SecretString: 'two', ClientRequestToken: V2 })),
        'InvalidRequestException',
        MARKED,
      );
      await refused(
        client.send(new UpdateSecretVersionStageCommand({ SecretId: NAME, VersionStage: 'kept', MoveToVersionId: V1 })),
        'InvalidRequestException',
        MARKED,
      );
      assert.equal((await describeIt()).DeletedDate?.getTime(), DeletionDate.getTime());
      await refused(
        client.send(new CreateSecretCommand({ Name: NAME, SecretString: 'x' })),
        'InvalidRequestException',
        "You can't create this secret because a secret with this name is already scheduled for deletion.",
      );
      await client.send(new RestoreSecretCommand({ SecretId: NAME }));
      assert.equal((await client.send(new GetSecretValueCommand({ SecretId: NAME }))).SecretString, 'one');
    });

    it('is final when the window has passed, and a new secret of that name has another ARN', async () => {
      const { ARN } = await describeIt();
      const { DeletionDate } = await remove();
      assert.equal(DeletionDate?.getTime(), sandbox().clock.now() + 30 * DAY_MS, 'thirty days by default');
      sandbox().clock.advance(30 * DAY_MS);
      await refused(describeIt(), 'ResourceNotFoundException');
      const made = await client.send(new CreateSecretCommand({ Name: NAME, SecretString: 'new' }));
      assert.notEqual(made.ARN, ARN);
      assert.equal(made.ARN?.slice(0, -7), ARN?.slice(0, -7));
    });

    it('refuses other windows, and force with a window', async () => {
      for (const days of [6, 31]) await refused(remove({ RecoveryWindowInDays: days }), 'InvalidParameterException');
      await refused(
        remove({ RecoveryWindowInDays: 7, ForceDeleteWithoutRecovery: true }),
        'InvalidParameterException',
        "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
      );
      await describeIt();
    });

    it('by force is immediate, also of one that is marked, and no error where there is none', async () => {
      await remove();
      await remove({ ForceDeleteWithoutRecovery: true });
      await refused(describeIt(), 'ResourceNotFoundException');
      await remove({ ForceDeleteWithoutRecovery: true });
    });
  });

  describe('rotation', () => {
    const rotate = (token?: string, functionArn?: string) =>
      client.send(
        new RotateSecretCommand({
          SecretId: NAME,
          ...(token === undefined ? {} : { ClientRequestToken: token }),
          ...(functionArn === undefined
            ? {}
            : { RotationLambdaARN: functionArn, RotationRules: { AutomaticallyAfterDays: 90 } }),
        }),
      );
    const stages = async () => (await describeIt()).VersionIdsToStages;
    /** Let the rotation's own steps, which are promises, come to their end. */
    const settle = async () => {
      sandbox().clock.advance(0);
      for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    };

    it('rows 13 and 16: is refused without a function, and with an unknown one, and nothing changes', async () => {
      await refused(
        rotate(V2),
        'InvalidRequestException',
        'No Lambda rotation function ARN is associated with this secret.',
      );
      await refused(rotate(V2, FUNCTION), 'AccessDeniedException');
      assert.deepEqual(await stages(), { [V1]: ['AWSCURRENT'] });
      assert.equal((await describeIt()).RotationEnabled, undefined);
    });

    it('row 14: is refused while AWSPENDING is stuck on another version than AWSCURRENT', async () => {
      sandbox().secrets.functions.set(FUNCTION, () => undefined);
      await client.send(
        new PutSecretValueCommand({
          SecretId: NAME,
          SecretString: 'two',
          ClientRequestToken: V2,
          VersionStages: ['AWSPENDING'],
        }),
      );
      await refused(
        rotate(V3, FUNCTION),
        'InvalidRequestException',
        "A previous rotation isn't complete. That rotation will be reattempted.",
      );
      assert.deepEqual(await stages(), { [V1]: ['AWSCURRENT'], [V2]: ['AWSPENDING'] });
    });

    it('rows 15 and 17: runs asynchronously, with the ARN and a token, also when AWSPENDING is on AWSCURRENT', async () => {
      const events: RotationEvent[] = [];
      const { vault, functions } = sandbox().secrets;
      functions.set(FUNCTION, (event) => {
        events.push(event);
        const secret = vault.find('us-east-1', event.SecretId);
        const version = secret?.versions.get(event.ClientRequestToken);
        assert.ok(secret && version);
        if (event.Step === 'createSecret') version.value = { text: 'rotated' };
        if (event.Step === 'finishSecret') {
          secret.versions.get(V1)?.stages.delete('AWSCURRENT');
          version.stages.add('AWSCURRENT');
        }
      });
      await client.send(
        new UpdateSecretVersionStageCommand({ SecretId: NAME, VersionStage: 'AWSPENDING', MoveToVersionId: V1 }),
      );
      await rotate(V2, FUNCTION);
      assert.equal(events.length, 0, 'the answer comes before the first step');
      await refused(
        client.send(new GetSecretValueCommand({ SecretId: NAME, VersionStage: 'AWSPENDING' })),
        'ResourceNotFoundException',
        "Secrets Manager can't find the specified secret value for staging label: AWSPENDING",
      );
      await settle();
      assert.deepEqual(
        events.map(({ Step }) => Step),
        ['createSecret', 'setSecret', 'testSecret', 'finishSecret'],
      );
      assert.equal(events[0]?.SecretId, (await describeIt()).ARN);
      assert.match(events[0]?.RotationToken ?? '', /^[0-9a-f-]{36}$/);
      assert.deepEqual(await stages(), { [V2]: ['AWSCURRENT'] });
      const { RotationEnabled, LastRotatedDate, NextRotationDate } = await describeIt();
      assert.equal(RotationEnabled, true);
      assert.equal(Number(NextRotationDate) - Number(LastRotatedDate), 90 * DAY_MS);
    });

    it('that fails leaves AWSPENDING on an empty version, and so does its cancellation', async () => {
      sandbox().secrets.functions.set(FUNCTION, () => {
        throw new Error('no');
      });
      await rotate(V2, FUNCTION);
      await settle();
      await client.send(new CancelRotateSecretCommand({ SecretId: NAME }));
      assert.deepEqual(await stages(), { [V1]: ['AWSCURRENT'], [V2]: ['AWSPENDING'] });
      assert.equal((await describeIt()).RotationEnabled, false);
      await refused(client.send(new CancelRotateSecretCommand({ SecretId: NAME })), 'InvalidRequestException');
      await client.send(
        new PutSecretValueCommand({
          SecretId: NAME,
          SecretString: 'filled',
          ClientRequestToken: V2,
          VersionStages: ['AWSPENDING'],
        }),
      );
      assert.equal(
        (await client.send(new GetSecretValueCommand({ SecretId: NAME, VersionStage: 'AWSPENDING' }))).SecretString,
        'filled',
      );
    });
  });

  describe('lists', () => {
    const list = async (input: Partial<ListSecretsCommandInput> = {}) =>
      (await client.send(new ListSecretsCommand(input))).SecretList?.map(({ Name }) => Name);

    beforeEach(async () => {
      for (const [Name, Description] of [
        ['jamf-mcp-server/staging', 'Staging of the server'],
        ['other', 'unrelated'],
      ]) {
        sandbox().clock.advance(1000);
        await client.send(
          new CreateSecretCommand({
            Name,
            Description,
            SecretString: 'x',
            Tags: [{ Key: 'team', Value: String(Name) }],
          }),
        );
      }
    });

    it('filter by prefix, case for case, and by its opposite', async () => {
      assert.deepEqual(await list({ Filters: [{ Key: 'name', Values: ['jamf-mcp-server/'] }] }), [
        'jamf-mcp-server/staging',
        NAME,
      ]);
      assert.deepEqual(await list({ Filters: [{ Key: 'name', Values: ['JAMF'] }] }), []);
      assert.deepEqual(await list({ Filters: [{ Key: 'name', Values: ['!jamf'] }] }), ['other']);
      assert.deepEqual(await list({ Filters: [{ Key: 'description', Values: ['staging'] }] }), [
        'jamf-mcp-server/staging',
      ]);
      assert.deepEqual(
        await list({
          Filters: [
            { Key: 'tag-key', Values: ['team'] },
            { Key: 'tag-value', Values: ['o'] },
          ],
        }),
        ['other'],
      );
      assert.deepEqual(await list({ Filters: [{ Key: 'all', Values: ['SERVER'] }] }), [
        'jamf-mcp-server/staging',
        NAME,
      ]);
    });

    it('are sorted, paged to their end, and hide what is marked for deletion', async () => {
      assert.deepEqual(await list(), ['other', 'jamf-mcp-server/staging', NAME]);
      assert.deepEqual(await list({ SortBy: 'name', SortOrder: 'asc' }), [NAME, 'jamf-mcp-server/staging', 'other']);
      const first = await client.send(new ListSecretsCommand({ MaxResults: 2 }));
      const second = await client.send(new ListSecretsCommand({ MaxResults: 2, NextToken: first.NextToken }));
      assert.deepEqual([first.SecretList?.length, second.SecretList?.length, second.NextToken], [2, 1, undefined]);
      await refused(
        client.send(new ListSecretsCommand({ MaxResults: 2, SortOrder: 'asc', NextToken: first.NextToken })),
        'InvalidNextTokenException',
      );
      await refused(client.send(new ListSecretsCommand({ NextToken: 'made up' })), 'InvalidNextTokenException');
      await remove();
      assert.deepEqual(await list(), ['other', 'jamf-mcp-server/staging']);
      assert.equal((await list({ IncludePlannedDeletion: true }))?.length, 3);
    });
  });

  it('tags are added, replaced and removed; keys of AWS are refused', async () => {
    await client.send(
      new TagResourceCommand({
        SecretId: NAME,
        Tags: [
          { Key: 'a', Value: '1' },
          { Key: 'b', Value: '2' },
        ],
      }),
    );
    await client.send(new TagResourceCommand({ SecretId: NAME, Tags: [{ Key: 'a', Value: '3' }] }));
    await client.send(new UntagResourceCommand({ SecretId: NAME, TagKeys: ['b', 'never there'] }));
    assert.deepEqual((await describeIt()).Tags, [{ Key: 'a', Value: '3' }]);
    await refused(
      client.send(new TagResourceCommand({ SecretId: NAME, Tags: [{ Key: 'aws:x', Value: '' }] })),
      'InvalidParameterException',
    );
  });

  it('row 26: resource policies are kept, and refused where they are no policy or open to everybody', async () => {
    const policy = (Principal: unknown) =>
      JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Principal, Action: 'secretsmanager:GetSecretValue', Resource: '*' }],
      });
    const own = policy({ AWS: 'arn:aws:iam::000000000000:root' });
    await client.send(new PutResourcePolicyCommand({ SecretId: NAME, ResourcePolicy: own, BlockPublicPolicy: true }));
    assert.equal((await client.send(new GetResourcePolicyCommand({ SecretId: NAME }))).ResourcePolicy, own);
    await refused(
      client.send(
        new PutResourcePolicyCommand({ SecretId: NAME, ResourcePolicy: policy({ AWS: '*' }), BlockPublicPolicy: true }),
      ),
      'PublicPolicyException',
    );
    await refused(
      client.send(new PutResourcePolicyCommand({ SecretId: NAME, ResourcePolicy: '{' })),
      'MalformedPolicyDocumentException',
    );
    const verdict = async (text: string) =>
      (await client.send(new ValidateResourcePolicyCommand({ ResourcePolicy: text }))).PolicyValidationPassed;
    assert.deepEqual([await verdict(own), await verdict(policy('*'))], [true, false]);
  });

  it('random passwords have each kind that was not excluded', async () => {
    const password = async (options: object) =>
      (await client.send(new GetRandomPasswordCommand(options))).RandomPassword ?? '';
    const one = await password({});
    assert.equal(one.length, 32);
    for (const kind of [/[a-z]/, /[A-Z]/, /[0-9]/, /[^A-Za-z0-9]/]) assert.match(one, kind);
    assert.match(
      await password({ PasswordLength: 200, ExcludePunctuation: true, ExcludeCharacters: 'O0' }),
      /^[A-Za-z1-9]{200}$/,
    );
    assert.notEqual(await password({}), one);
    await refused(
      password({ PasswordLength: 3 }),
      'InvalidParameterException',
      'Password length is too short based on the required types.',
    );
  });
});
