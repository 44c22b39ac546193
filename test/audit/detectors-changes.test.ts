import assert from 'node:assert/strict';
import { grantsOf } from '../../src/lib/audit/detectors/open-policy.ts';
import { ACCOUNT, facts, session, type Json } from '../support/trail.ts';
import { arn, brief, DAY, deed, find, HOUR, MINUTE, repeat } from '../support/detectors.ts';

const DENIED = { errorCode: 'AccessDenied', errorMessage: 'no' };
const OTHER = { userIdentity: session('other', 'x') };
const FOREIGN = '999988887777';
const KEY = `arn:aws:kms:us-east-1:${ACCOUNT}:key/11111111-2222-3333-4444-555555555555`;
const by = (userIdentity: Json) => ({ userIdentity });

/** AWS's own record about a secret. */
const event = (eventName: string, after = 0, more: Json = {}) =>
  deed(
    {
      eventType: 'AwsServiceEvent',
      eventName,
      userIdentity: { accountId: ACCOUNT, invokedBy: 'secretsmanager.amazonaws.com' },
      ...more,
    },
    { after, cause: 'aws-service' },
  );

/** A call of another service: no access, but what guards one. */
const guard = (service: string, eventName: string, parameters: Json = {}, more: Json = {}, after = 0) =>
  deed(
    { eventSource: `${service}.amazonaws.com`, eventName, requestParameters: parameters, ...more },
    { secret: null, after },
  );

describe('audit: whom a policy lets in', () => {
  const policy = (...statements: Json[]) => JSON.stringify({ Version: '2012-10-17', Statement: statements });
  const reach = (statement: Json) =>
    grantsOf(policy({ Effect: 'Allow', ...statement }), ACCOUNT)?.map((grant) => grant.reach);

  it('is anybody, another account, or its own', () => {
    for (const Principal of ['*', { AWS: '*' }, { AWS: ['*'] }, { AWS: 'arn:aws:iam::*:root' }])
      assert.deepEqual(reach({ Principal }), ['public']);
    assert.deepEqual(reach({ NotPrincipal: { AWS: ACCOUNT } }), ['public']);
    assert.deepEqual(
      reach({
        Principal: { AWS: [FOREIGN, `arn:aws:iam::${FOREIGN}:role/x`, ACCOUNT, `arn:aws:iam::${ACCOUNT}:root`] },
      }),
      ['foreign', 'foreign', 'own', 'own'],
    );
    assert.deepEqual(reach({ Principal: { Service: 'lambda.amazonaws.com' } }), ['own']);
    assert.deepEqual(grantsOf(policy({ Effect: 'Deny', Principal: '*' }), ACCOUNT), []);
  });

  it('is limited by a condition that keeps strangers out', () => {
    const limited = (Condition: Json) => reach({ Principal: '*', Condition })?.[0];
    assert.equal(limited({ StringEquals: { 'aws:PrincipalOrgID': 'o-1234567890' } }), 'limited');
    assert.equal(limited({ StringEquals: { 'AWS:SourceVpce': ['vpce-1'] } }), 'limited');
    assert.equal(limited({ 'ForAnyValue:StringLike': { 'aws:PrincipalOrgPaths': ['o-1/*'] } }), 'limited');
    assert.equal(limited({ IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } }), 'limited');
    assert.equal(limited({ StringEquals: { 'aws:PrincipalAccount': ACCOUNT } }), 'limited');
    assert.equal(limited({ StringEquals: { 'aws:PrincipalAccount': FOREIGN } }), 'foreign');
    assert.equal(limited({ ArnLike: { 'aws:PrincipalArn': `arn:aws:iam::${FOREIGN}:role/*` } }), 'foreign');
  });

  it('is not limited by one that lets an absent key, or everything, pass', () => {
    for (const Condition of [
      { StringEqualsIfExists: { 'aws:SourceVpc': 'vpc-1' } },
      { 'ForAllValues:StringEquals': { 'aws:PrincipalOrgID': 'o-1' } },
      { StringNotEquals: { 'aws:PrincipalOrgID': 'o-1' } },
      { IpAddress: { 'aws:SourceIp': ['10.0.0.0/8', '0.0.0.0/0'] } },
      { StringLike: { 'aws:PrincipalOrgID': '*' } },
      { StringLike: { 'aws:PrincipalArn': 'arn:aws:iam::*:*' } },
      { Bool: { 'aws:SecureTransport': 'true' } },
      { StringEquals: { 'aws:PrincipalTag/team': 'x' } },
    ]) {
      assert.deepEqual(reach({ Principal: '*', Condition }), ['public'], JSON.stringify(Condition));
    }
  });

  it('is unknown for what is no policy', () => {
    for (const text of ['', '{', '[]', '"x"', 'null']) assert.equal(grantsOf(text, ACCOUNT), null);
    assert.deepEqual(grantsOf('{"Statement":[null,1,{"Effect":"Allow","Principal":{"AWS":[1,null]}}]}', ACCOUNT), []);
  });
});

describe('audit: detector policy-widened', () => {
  const put = (Principal: unknown, more: Json = {}, how: Parameters<typeof deed>[1] = {}, parameters: Json = {}) =>
    deed(
      {
        eventName: 'PutResourcePolicy',
        requestParameters: {
          resourcePolicy: JSON.stringify({ Statement: [{ Effect: 'Allow', Principal }] }),
          ...parameters,
        },
        ...more,
      },
      how,
    );
  const widened = (...accesses: Parameters<typeof find>[1]) => find('policy-widened', accesses);
  const own = { AWS: `arn:aws:iam::${ACCOUNT}:role/app` };

  it('flags anybody and other accounts, done or tried', () => {
    assert.deepEqual(brief(widened(put('*'))), ['critical 1']);
    assert.deepEqual(brief(widened(put('*', {}, { cause: 'known-caller' }))), ['critical 1']);
    assert.deepEqual(brief(widened(put({ AWS: FOREIGN }))), ['high 1']);
    assert.deepEqual(brief(widened(put({ AWS: FOREIGN }, {}, { cause: 'known-caller' }))), ['medium 1']);
    assert.deepEqual(brief(widened(put('*', DENIED))), ['medium 1']);
    assert.deepEqual(brief(widened(put({ AWS: FOREIGN }, DENIED, { cause: 'known-caller' }))), ['medium 1']);
    assert.match(widened(put('*', DENIED))[0]?.title ?? '', /tried to make/);
    assert.match(widened(put({ AWS: FOREIGN }))[0]?.why ?? '', /another account: 999988887777$/);
  });

  it('compares with the policy before', () => {
    assert.deepEqual(widened(put(own)), [], 'the first that is seen may have stood there all along');
    assert.deepEqual(
      brief(widened(put(own), put({ AWS: [own.AWS, `arn:aws:iam::${ACCOUNT}:role/more`] }, {}, { after: 1 }))),
      ['medium 1'],
    );
    assert.deepEqual(brief(widened(put({ AWS: FOREIGN }), put({ AWS: FOREIGN }, {}, { after: 1 }))), ['high 1']);
    assert.deepEqual(
      widened(put({ AWS: [own.AWS, `arn:aws:iam::${ACCOUNT}:role/more`] }), put(own, {}, { after: 1 })),
      [],
    );
  });

  it('flags the check left out, and a policy removed', () => {
    assert.deepEqual(brief(widened(put(own, {}, {}, { blockPublicPolicy: false }))), ['medium 1']);
    assert.deepEqual(widened(put(own, {}, {}, { blockPublicPolicy: true })), []);
    assert.deepEqual(brief(widened(deed({ eventName: 'DeleteResourcePolicy' }))), ['medium 1']);
    assert.deepEqual(brief(widened(deed({ eventName: 'DeleteResourcePolicy' }, { cause: 'known-caller' }))), ['low 1']);
    assert.deepEqual(widened(put('*', { errorCode: 'PublicPolicyException' })), []);
  });
});

describe('audit: detector value-changed', () => {
  const changed = (...accesses: Parameters<typeof find>[1]) => brief(find('value-changed', accesses));
  const put = (after = 0, more: Json = {}, how: Parameters<typeof deed>[1] = {}) =>
    deed({ eventName: 'PutSecretValue', ...more }, { after, ...how });

  it('flags a value put, updated or moved while no rotation was under way', () => {
    assert.deepEqual(changed(put()), ['medium 1']);
    assert.deepEqual(changed(put(0, {}, { cause: 'self' })), ['low 1']);
    assert.deepEqual(changed(deed({ eventName: 'UpdateSecret' })), ['medium 1']);
    assert.deepEqual(
      changed(deed({ eventName: 'UpdateSecretVersionStage', requestParameters: { versionStage: 'AWSCURRENT' } })),
      ['medium 1'],
    );
    assert.deepEqual(changed(event('RotationStarted'), event('RotationSucceeded', HOUR), put(2 * HOUR)), ['medium 1']);
    assert.deepEqual(changed(event('RotationStarted'), event('RotationFailed', HOUR), put(2 * HOUR)), ['high 1']);
    assert.deepEqual(changed(deed({ eventName: 'CreateSecret', ...OTHER }), put(MINUTE)), ['medium 1']);
    assert.deepEqual(changed(deed({ eventName: 'CreateSecret' }), put(HOUR)), ['medium 1']);
  });

  it('is silent within a rotation, on the first value, on other labels, and on failures', () => {
    assert.deepEqual(changed(event('RotationStarted'), put(MINUTE), event('RotationSucceeded', HOUR)), []);
    assert.deepEqual(changed(deed({ eventName: 'CreateSecret' }), put(15 * MINUTE)), []);
    assert.deepEqual(changed(put(0, { requestParameters: { versionStages: ['AWSPENDING'] } })), []);
    assert.deepEqual(
      changed(deed({ eventName: 'UpdateSecretVersionStage', requestParameters: { versionStage: 'AWSPENDING' } })),
      [],
    );
    assert.deepEqual(changed(deed({ eventName: 'UpdateSecret', requestParameters: { kmsKeyId: KEY } })), []);
    assert.deepEqual(changed(put(0, DENIED)), []);
    for (const cause of ['rotation', 'rotation-function', 'infrastructure'] as const)
      assert.deepEqual(changed(put(0, {}, { cause })), []);
  });
});

describe('audit: detectors deletion and restore', () => {
  const remove = (parameters: Json = {}, how: Parameters<typeof deed>[1] = {}, more: Json = {}) =>
    brief(find('deletion', [deed({ eventName: 'DeleteSecret', requestParameters: parameters, ...more }, how)]));
  const restored = (...accesses: Parameters<typeof find>[1]) => brief(find('restore', accesses));
  const restore = deed({ eventName: 'RestoreSecret' });

  it('flag a deletion by how final it is', () => {
    assert.deepEqual(remove({ forceDeleteWithoutRecovery: true }), ['high 1']);
    assert.deepEqual(remove({ recoveryWindowInDays: 7 }), ['high 1']);
    assert.deepEqual(remove({ recoveryWindowInDays: 30 }), ['medium 1']);
    assert.deepEqual(remove({ forceDeleteWithoutRecovery: true }, { cause: 'known-caller' }), ['medium 1']);
    assert.deepEqual(remove({ forceDeleteWithoutRecovery: true }, { cause: 'infrastructure' }), ['low 1']);
    assert.deepEqual(remove({}, { cause: 'self' }), ['low 1']);
    assert.deepEqual(remove({ forceDeleteWithoutRecovery: true }, {}, DENIED), []);
  });

  it('flag a restore, and worse one that is read at once', () => {
    assert.deepEqual(restored(restore), ['medium 1']);
    assert.deepEqual(restored(restore, deed({}, { after: MINUTE })), ['high 2']);
    assert.deepEqual(restored(restore, deed({}, { after: 2 * HOUR })), ['medium 1']);
    assert.deepEqual(restored(restore, deed(OTHER, { after: MINUTE })), ['medium 1']);
    assert.deepEqual(restored(restore, deed({}, { after: MINUTE, secret: 'app/two' })), ['medium 1']);
    assert.deepEqual(restored(deed({ eventName: 'RestoreSecret' }, { cause: 'self' })), ['low 1']);
    assert.deepEqual(restored(deed({ eventName: 'RestoreSecret', ...DENIED }), deed({}, { after: MINUTE })), []);
  });
});

describe('audit: detector replication', () => {
  const replicate = (region: string, more: Json = {}, how: Parameters<typeof deed>[1] = {}) =>
    deed(
      {
        eventName: 'ReplicateSecretToRegions',
        requestParameters: { addReplicaRegions: [{ region, kmsKeyId: KEY }] },
        ...more,
      },
      how,
    );
  const into = (...accesses: Parameters<typeof find>[1]) => find('replication', accesses);

  it('flags a Region where nothing was before, also by CreateSecret', () => {
    assert.deepEqual(brief(into(deed(), replicate('eu-west-1'))), ['high 1']);
    assert.match(into(replicate('eu-west-1'))[0]?.title ?? '', /copied a secret to eu-west-1$/);
    assert.deepEqual(brief(into(replicate('eu-west-1', { eventName: 'CreateSecret' }, { cause: 'known-caller' }))), [
      'medium 1',
    ]);
    assert.deepEqual(brief(into(replicate('eu-west-1'), replicate('eu-west-1', {}, { after: 1 }))), ['high 2']);
  });

  it('is silent on a Region that is in use, or that the baseline has', () => {
    assert.deepEqual(into(deed({ awsRegion: 'eu-west-1' }), replicate('eu-west-1')), []);
    assert.deepEqual(into(deed({ awsRegion: 'eu-west-1' }), deed({ eventName: 'CreateSecret' })), []);
    const about = facts({ baseline: { learned: [], entries: [{ regions: ['eu-west-1'] } as never] } });
    assert.deepEqual(find('replication', [replicate('eu-west-1')], about), []);
    assert.deepEqual(into(replicate('eu-west-1', DENIED)), []);
    const elsewhere = { awsRegion: 'eu-west-1' };
    for (const other of [deed({ ...elsewhere, ...DENIED }), guard('cloudtrail', 'StopLogging', {}, elsewhere)]) {
      assert.deepEqual(brief(into(other, replicate('eu-west-1'))), ['high 1'], 'nobody was let in there');
    }
  });
});

describe('audit: detector secret-key-changed', () => {
  const update = (kmsKeyId: string, how: Parameters<typeof deed>[1] = {}, eventName = 'UpdateSecret') =>
    deed({ eventName, requestParameters: { kmsKeyId } }, how);
  const changed = (...accesses: Parameters<typeof find>[1]) => brief(find('secret-key-changed', accesses));

  it('flags another key, and one of another account above all', () => {
    assert.deepEqual(changed(update(KEY)), ['high 1']);
    assert.deepEqual(changed(update(KEY, { cause: 'known-caller' })), ['low 1']);
    assert.deepEqual(changed(update(KEY.replace(ACCOUNT, FOREIGN), { cause: 'known-caller' })), ['high 1']);
  });

  it('is silent on the same key again, on a new secret, and on other updates', () => {
    assert.deepEqual(changed(update(KEY, {}, 'CreateSecret'), update(KEY, { after: 1 })), []);
    assert.deepEqual(changed(deed({ eventName: 'UpdateSecret' })), []);
  });
});

describe('audit: detectors of KMS keys', () => {
  const inUse = deed({
    eventSource: 'kms.amazonaws.com',
    eventName: 'Decrypt',
    userIdentity: { ...session('app', 'x'), invokedBy: 'secretsmanager.amazonaws.com' },
    requestParameters: { encryptionContext: { SecretARN: arn('app/one') } },
    resources: [{ type: 'AWS::KMS::Key', ARN: KEY }],
  });
  const id = KEY.slice(KEY.lastIndexOf('/') + 1);
  const kms = (eventName: string, parameters: Json = {}, more: Json = {}, after = 0) =>
    guard('kms', eventName, { keyId: id, ...parameters }, more, after);

  it('flag a key disabled or to be deleted, by whether a secret is under it, seen before or after', () => {
    assert.deepEqual(brief(find('key-disabled', [inUse, kms('DisableKey')])), ['high 1']);
    assert.deepEqual(brief(find('key-disabled', [kms('ScheduleKeyDeletion'), inUse])), ['critical 1']);
    assert.deepEqual(brief(find('key-disabled', [kms('DisableKey')])), ['low 1']);
    assert.deepEqual(brief(find('key-disabled', [inUse, kms('DisableKey'), kms('EnableKey', {}, {}, 1)])), ['low 2']);
    assert.deepEqual(brief(find('key-disabled', [inUse, kms('EnableKey')])), []);
    assert.deepEqual(brief(find('key-disabled', [inUse, kms('DisableKey', {}, DENIED)])), []);
    const bySecret = deed({ eventName: 'UpdateSecret', requestParameters: { kmsKeyId: KEY } });
    assert.deepEqual(brief(find('key-disabled', [bySecret, kms('DisableKey')])), ['high 1']);
  });

  it('flag a grant on a key of a secret', () => {
    const grant = (granteePrincipal: string, more: Json = {}) =>
      kms(
        'CreateGrant',
        { granteePrincipal, operations: ['Decrypt', 'DescribeKey'] },
        { resources: [{ type: 'AWS::KMS::Key', ARN: KEY }], ...more },
      );
    const own = `arn:aws:iam::${ACCOUNT}:role/x`;
    assert.deepEqual(brief(find('key-grant', [inUse, grant(own)])), ['high 1']);
    assert.match(find('key-grant', [inUse, grant(own)])[0]?.why ?? '', /Decrypt, DescribeKey/);
    assert.match(find('key-grant', [inUse, grant(own.replace(ACCOUNT, FOREIGN))])[0]?.why ?? '', /of another account$/);
    const known = { explanation: { kind: 'known-caller' as const, ref: 'x', why: 'x' } };
    assert.deepEqual(brief(find('key-grant', [inUse, { ...grant(own), ...known }])), ['low 1']);
    assert.deepEqual(brief(find('key-grant', [inUse, { ...grant(own.replace(ACCOUNT, FOREIGN)), ...known }])), [
      'high 1',
    ]);
    assert.deepEqual(find('key-grant', [grant(own)]), []);
    assert.deepEqual(find('key-grant', [inUse, grant('rds.us-east-1.amazonaws.com')]), []);
    assert.deepEqual(
      find('key-grant', [inUse, grant(own, by({ ...session('a', 'b'), invokedBy: 'rds.amazonaws.com' }))]),
      [],
    );
  });

  it('flag the policy of a key', () => {
    const policy = (Principal: unknown, ...before: Parameters<typeof find>[1]) =>
      brief(
        find('key-policy', [
          ...before,
          kms('PutKeyPolicy', { policy: JSON.stringify({ Statement: { Effect: 'Allow', Principal } }) }),
        ]),
      );
    assert.deepEqual(policy('*'), ['critical 1']);
    assert.deepEqual(policy({ AWS: FOREIGN }, inUse), ['high 1']);
    assert.deepEqual(policy({ AWS: ACCOUNT }, inUse), ['medium 1']);
    assert.deepEqual(policy({ AWS: FOREIGN }), []);
    const known = { ...kms('PutKeyPolicy'), explanation: { kind: 'known-caller' as const, ref: 'x', why: 'x' } };
    assert.deepEqual(brief(find('key-policy', [inUse, known])), ['low 1']);
  });
});

describe('audit: detector trail-off', () => {
  const trail = (eventName: string, parameters: Json = {}, more: Json = {}, after = 0) =>
    guard('cloudtrail', eventName, { name: 'main', ...parameters }, more, after);
  const off = (...accesses: Parameters<typeof find>[1]) => find('trail-off', accesses);
  const known = (access: ReturnType<typeof deed>) => ({
    ...access,
    explanation: { kind: 'known-caller' as const, ref: 'x', why: 'x' },
  });

  it('flags a trail stopped or deleted, and worse one near an access', () => {
    for (const name of ['StopLogging', 'DeleteTrail', 'DeleteEventDataStore', 'StopEventDataStoreIngestion'])
      assert.deepEqual(brief(off(trail(name))), ['high 1'], name);
    assert.deepEqual(brief(off(known(trail('StopLogging')))), ['medium 1']);
    assert.deepEqual(brief(off(deed(OTHER), trail('StopLogging', {}, {}, MINUTE))), ['critical 1']);
    assert.deepEqual(brief(off(trail('StopLogging'), deed(OTHER, { after: MINUTE }))), ['critical 1']);
    assert.deepEqual(
      brief(off(known(trail('StopLogging')), known(deed({}, { after: MINUTE })))),
      ['critical 1'],
      'the same identity',
    );
    assert.deepEqual(
      brief(off(deed(OTHER), trail('StopLogging', {}, {}, 2 * HOUR), deed(OTHER, { after: 4 * HOUR }))),
      ['high 1'],
    );
    assert.deepEqual(brief(off(known(trail('StopLogging')), known(deed(OTHER, { after: MINUTE })))), ['medium 1']);
  });

  it('flags what a trail records no more', () => {
    const narrowed = (name: string, parameters: Json) =>
      off(trail(name, parameters))[0]?.why.replace(/^main (.*), once.*/, '$1');
    const selectors = (...eventSelectors: Json[]) => narrowed('PutEventSelectors', { eventSelectors });
    assert.equal(narrowed('UpdateTrail', { isMultiRegionTrail: false }), 'narrowed to a single Region');
    assert.equal(selectors({ readWriteType: 'WriteOnly', includeManagementEvents: true }), 'narrowed: no reads');
    assert.equal(selectors({ readWriteType: 'ReadOnly' }), 'narrowed: no changes');
    assert.equal(selectors({ includeManagementEvents: false }), 'narrowed: no management events');
    assert.equal(
      selectors({ readWriteType: 'All', excludeManagementEventSources: ['kms.amazonaws.com'] }),
      'narrowed: no calls of KMS',
    );
    const advanced = (...lists: Json[][]) =>
      narrowed('PutEventSelectors', { advancedEventSelectors: lists.map((fieldSelectors) => ({ fieldSelectors })) });
    const management = { field: 'eventCategory', equals: ['Management'] };
    assert.equal(advanced([{ field: 'eventCategory', equals: ['Data'] }]), 'narrowed: no management events');
    assert.equal(advanced([management, { field: 'readOnly', equals: ['false'] }]), 'narrowed: no reads');
    assert.equal(
      advanced([management, { field: 'eventSource', notEquals: ['secretsmanager.amazonaws.com'] }]),
      'narrowed: not every service',
    );
    assert.equal(advanced([management, { field: 'readOnly', equals: ['true'] }]), 'narrowed: no changes');
    assert.equal(advanced([management]), undefined);
    assert.equal(
      selectors({ readWriteType: 'All', includeManagementEvents: true }, { readWriteType: 'WriteOnly' }),
      undefined,
    );
  });

  it('is silent on a trail that is started or widened, on refusals, and on other services', () => {
    assert.deepEqual(brief(off(trail('StopLogging'), { ...event('RotationStarted', MINUTE), explanation: null })), [
      'high 1',
    ]);
    assert.deepEqual(
      off(
        trail('StartLogging'),
        trail('UpdateTrail', { isMultiRegionTrail: true }),
        trail('UpdateTrail'),
        trail('StopLogging', {}, DENIED),
      ),
      [],
    );
    assert.deepEqual(off(trail('PutEventSelectors', { eventSelectors: 'x' }), deed({ eventName: 'StopLogging' })), []);
  });
});

describe('audit: detectors of rotations', () => {
  it('flag a failure until one succeeds', () => {
    const failed = (...accesses: Parameters<typeof find>[1]) => find('rotation-failed', accesses);
    const reason = { additionalEventData: { Reason: 'the function timed out' } };
    assert.deepEqual(brief(failed(event('RotationFailed', 0, reason))), ['high 1']);
    assert.match(
      failed(event('RotationFailed', 0, reason))[0]?.why ?? '',
      /the function timed out; none has succeeded since$/,
    );
    assert.equal(failed(event('RotationFailed'))[0]?.id, `rotation-failed:${arn('app/one')}`);
    assert.deepEqual(brief(failed(event('RotationFailed'), event('RotationSucceeded', HOUR))), ['medium 1']);
    assert.deepEqual(brief(failed(event('RotationSucceeded'), event('RotationFailed', HOUR))), ['high 1']);
    assert.deepEqual(brief(failed(event('TestRotationFailed'))), ['low 1']);
    assert.deepEqual(failed(event('RotationStarted'), event('RotationSucceeded', 1)), []);
    assert.deepEqual(failed(deed({ eventName: 'RotationFailed' })), [], 'only AWS itself says so');
  });

  it('flag one abandoned, and one switched off', () => {
    assert.deepEqual(brief(find('rotation-abandoned', [event('RotationAbandoned')])), ['medium 1']);
    assert.deepEqual(
      find('rotation-abandoned', [event('RotationSucceeded'), deed({ eventName: 'RotationAbandoned' })]),
      [],
    );
    assert.deepEqual(brief(find('rotation-cancelled', [deed({ eventName: 'CancelRotateSecret' })])), ['high 1']);
    assert.deepEqual(
      brief(find('rotation-cancelled', [deed({ eventName: 'CancelRotateSecret' }, { cause: 'self' })])),
      ['low 1'],
    );
    assert.deepEqual(
      find('rotation-cancelled', [
        deed({ eventName: 'CancelRotateSecret', ...DENIED }),
        deed({ eventName: 'RotateSecret' }),
      ]),
      [],
    );
  });

  it('flag one that never ended, and one that should have come, by the last record', () => {
    const overdue = (...accesses: Parameters<typeof find>[1]) =>
      find('rotation-overdue', accesses).map(({ title, why }) => `${title}: ${why}`);
    const until = (after: number) => deed({}, { after, secret: 'app/two' });
    const rule = (days: number) =>
      deed({ eventName: 'RotateSecret', requestParameters: { rotationRules: { automaticallyAfterDays: days } } });
    assert.match(
      overdue(event('RotationStarted'), until(DAY)).join(),
      /^a rotation of app\/one never ended: it began at 2026-11-02 10:00/,
    );
    assert.deepEqual(overdue(event('RotationStarted'), until(DAY - 1)), []);
    assert.deepEqual(overdue(event('RotationStarted'), event('RotationFailed', HOUR), until(9 * DAY)), []);
    assert.match(
      overdue(rule(30), event('RotationSucceeded'), until(45 * DAY)).join(),
      /is overdue: .* RotateSecret asks for one every 30 days$/,
    );
    assert.deepEqual(overdue(rule(30), event('RotationSucceeded'), until(44 * DAY)), []);
    const weekly = repeat(4, (index) => event('RotationSucceeded', index * 7 * DAY));
    assert.match(overdue(...weekly, until(32 * DAY)).join(), /they came every 7 days until then$/);
    assert.deepEqual(overdue(...weekly, until(31 * DAY)), []);
    assert.deepEqual(overdue(...weekly.slice(1), until(99 * DAY)), [], 'three are too few');
    assert.deepEqual(
      overdue(
        rule(30),
        event('RotationSucceeded'),
        deed({ eventName: 'CancelRotateSecret' }, { after: 1 }),
        until(99 * DAY),
      ),
      [],
    );
  });
});
