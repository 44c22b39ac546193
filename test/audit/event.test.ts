import assert from 'node:assert/strict';
import fc from 'fast-check';
import { accessFrom, type RecordedAccess } from '../../src/lib/audit/event.ts';
import { arnOf } from '../../src/lib/audit/secret-id.ts';
import { ACCOUNT, ARN, NAME, record, session, user, type Json } from '../support/trail.ts';

function access(members: Json = {}): RecordedAccess {
  const made = accessFrom(record(members));
  assert.ok(made);
  return made;
}

const secretsOf = (members: Json) => access(members).secrets.map((secret) => arnOf(secret) ?? secret.name);

const REFUSED = `User: arn:aws:iam::${ACCOUNT}:user/ci is not authorized to perform: secretsmanager:GetSecretValue on resource: `;

/** Every place of a record in which a secret may be named, and what has to be found there. */
const PLACES: readonly [string, Json, string[]][] = [
  ['requestParameters.secretId, an ARN', { requestParameters: { secretId: ARN } }, [ARN]],
  ['requestParameters.secretId, a name', { requestParameters: { secretId: NAME } }, [NAME]],
  ['requestParameters.secretId, a partial ARN', { requestParameters: { secretId: ARN.slice(0, -7) } }, [NAME]],
  ['requestParameters.name', { eventName: 'CreateSecret', requestParameters: { name: NAME } }, [NAME]],
  [
    'requestParameters.secretIdList',
    { eventName: 'BatchGetSecretValue', requestParameters: { secretIdList: [ARN, 'other'] } },
    [ARN, 'other'],
  ],
  ['responseElements.arn', { requestParameters: null, responseElements: { arn: ARN } }, [ARN]],
  ['responseElements.aRN', { requestParameters: null, responseElements: { aRN: ARN } }, [ARN]],
  ['responseElements.ARN', { requestParameters: null, responseElements: { ARN } }, [ARN]],
  ['additionalEventData.SecretId', { requestParameters: null, additionalEventData: { SecretId: ARN } }, [ARN]],
  ['additionalEventData.ARN and Name', { requestParameters: null, additionalEventData: { ARN, Name: NAME } }, [ARN]],
  ['additionalEventData.Name', { requestParameters: null, additionalEventData: { Name: NAME } }, [NAME]],
  ['serviceEventDetails.secretId', { requestParameters: null, serviceEventDetails: { secretId: ARN } }, [ARN]],
  [
    'errorMessage, a name',
    {
      requestParameters: null,
      errorCode: 'AccessDenied',
      errorMessage: `${REFUSED}${NAME} because no identity-based policy allows the x action`,
    },
    [NAME],
  ],
  [
    'errorMessage, an ARN',
    {
      requestParameters: null,
      errorCode: 'AccessDenied',
      errorMessage: `${REFUSED}${ARN} with an explicit deny in a resource-based policy`,
    },
    [ARN],
  ],
  [
    'KMS encryptionContext',
    {
      eventSource: 'kms.amazonaws.com',
      eventName: 'Decrypt',
      requestParameters: { encryptionContext: { SecretARN: ARN } },
    },
    [ARN],
  ],
  [
    'filters: nowhere',
    { eventName: 'BatchGetSecretValue', requestParameters: { filters: [{ key: 'name', values: [NAME] }] } },
    [],
  ],
  [
    'a refusal of everything: nowhere',
    { requestParameters: null, errorCode: 'AccessDenied', errorMessage: `${REFUSED}*` },
    [],
  ],
];

describe('audit: normal form of a record', () => {
  for (const [where, members, expected] of PLACES) {
    it(`finds the secret in ${where}`, () => {
      assert.deepEqual(secretsOf(members), expected);
    });
  }

  it('names a secret once when name and ARN stand in one record, and knows its ARN', () => {
    const created = access({
      eventName: 'CreateSecret',
      requestParameters: { name: NAME },
      responseElements: { arn: ARN },
    });
    assert.deepEqual(created.secrets.map(arnOf), [ARN]);
    const typed = access({
      eventName: 'PutSecretValue',
      requestParameters: { secretId: ARN },
      responseElements: { arn: ARN },
    });
    assert.deepEqual(
      typed.secrets.map(({ otherName }) => otherName),
      [null],
    );
  });

  it('takes a partial ARN for the secret whose full ARN stands in the same record', () => {
    const full = ARN.replace(NAME, 'app-backup');
    const members = { requestParameters: { secretId: full.slice(0, -7) }, responseElements: { arn: full } };
    assert.deepEqual(secretsOf(members), [full]);
  });

  it('does not look into a refusal where the parameters tell', () => {
    const errorMessage = `${REFUSED}another because no identity-based policy allows the x action`;
    assert.deepEqual(secretsOf({ errorCode: 'AccessDenied', errorMessage }), [ARN]);
  });

  it('puts a secret known by name only where the call was made', () => {
    const [secret] = access({ requestParameters: { secretId: NAME }, awsRegion: 'eu-west-3' }).secrets;
    assert.deepEqual([secret?.account, secret?.region], [ACCOUNT, 'eu-west-3']);
  });

  it('does not believe an encryption context that a caller of KMS has written', () => {
    const decrypt = {
      eventSource: 'kms.amazonaws.com',
      eventName: 'Decrypt',
      requestParameters: { encryptionContext: { SecretARN: ARN } },
    };
    assert.notEqual(access(decrypt).secrets[0]?.otherName, null);
    assert.equal(
      access({ ...decrypt, userIdentity: { ...user('a'), invokedBy: 'secretsmanager.amazonaws.com' } }).secrets[0]
        ?.otherName,
      null,
    );
  });

  it('tells success, refusal and failure apart', () => {
    assert.equal(access().outcome, 'success');
    for (const errorCode of ['AccessDenied', 'AccessDeniedException', 'VpceAccessDenied'])
      assert.equal(access({ errorCode }).outcome, 'denied');
    const failed = access({
      errorCode: 'ResourceNotFoundException',
      errorMessage: "Secrets Manager can't find the specified secret.",
    });
    assert.deepEqual(
      [failed.outcome, failed.error?.code, failed.denial],
      ['failed', 'ResourceNotFoundException', null],
    );
  });

  it('keeps the kind of policy that refused', () => {
    const denied = access({
      errorCode: 'AccessDenied',
      errorMessage: `${REFUSED}${ARN} with an explicit deny in a resource-based policy`,
    });
    assert.deepEqual(denied.denial, {
      action: 'secretsmanager:GetSecretValue',
      resource: ARN,
      policy: 'resource-based',
      explicit: true,
    });
  });

  it('reads who called', () => {
    assert.deepEqual(access({ userIdentity: session('reader', 'ann', '/team/') }).principal, {
      arn: `arn:aws:sts::${ACCOUNT}:assumed-role/reader/ann`,
      type: 'AssumedRole',
      account: ACCOUNT,
      session: 'ann',
      role: `arn:aws:iam::${ACCOUNT}:role/team/reader`,
      credential: 'temporary',
      accessKeyId: 'ASIASESSION00EXAMPLE',
    });
    assert.equal(
      access({ userIdentity: { ...session('reader', 'ann'), sessionContext: undefined } }).principal.role,
      `arn:aws:iam::${ACCOUNT}:role/reader`,
    );
    const byAws = access({
      eventType: 'AwsServiceEvent',
      userIdentity: { accountId: ACCOUNT, invokedBy: 'secretsmanager.amazonaws.com' },
    }).principal;
    assert.deepEqual(
      [byAws.arn, byAws.type, byAws.account, byAws.credential],
      ['secretsmanager.amazonaws.com', 'AWSService', ACCOUNT, null],
    );
  });

  it('tells keys that last from keys that expire', () => {
    const credential = (userIdentity: Json) => access({ userIdentity }).principal.credential;
    assert.equal(credential(user('ci')), 'long-term');
    assert.equal(credential(user('ci', 'ASIAEXAMPLE')), 'temporary');
    assert.equal(credential({ ...user('ci'), accessKeyId: undefined }), 'long-term');
    assert.equal(credential({ ...user('ci'), accessKeyId: undefined, sessionContext: {} }), 'temporary');
    assert.equal(credential({ type: 'Root', arn: `arn:aws:iam::${ACCOUNT}:root` }), 'long-term');
    assert.equal(credential({ type: 'AWSService', invokedBy: 'x.amazonaws.com' }), null);
  });

  it('reads the times of CloudTrail and of exports, and no others', () => {
    const time = (eventTime: unknown) => access({ eventTime }).time;
    assert.equal(time('2026-11-21T10:00:00Z'), '2026-11-21T10:00:00.000Z');
    assert.equal(time('2024-10-17 21:48:45.123000000'), '2024-10-17T21:48:45.123Z');
    for (const odd of ['', 'yesterday', 12, null, '2026-99-99T10:00:00Z', '+275760-09-13T00:00:01Z'])
      assert.equal(time(odd), null);
  });

  it('keeps unknown event names, odd Regions and odd accounts', () => {
    const odd = access({
      eventName: 'ReplicationStarted',
      awsRegion: 'cn-centraleast-1r',
      recipientAccountId: '000000000',
    });
    assert.deepEqual([odd.action, odd.region, odd.secrets.length], ['ReplicationStarted', 'cn-centraleast-1r', 1]);
  });

  it('gives a record without an id the same digest each time', () => {
    const bare = { eventSource: 'secretsmanager.amazonaws.com', eventName: 'GetSecretValue' };
    assert.match(accessFrom(bare)?.eventId ?? '', /^digest:[0-9a-f]{32}$/);
    assert.equal(accessFrom(bare)?.eventId, accessFrom({ ...bare })?.eventId);
  });

  it('leaves records of other services, and what is no record, to others', () => {
    for (const other of [
      null,
      1,
      'x',
      [],
      {},
      { eventSource: 's3.amazonaws.com' },
      { eventSource: 'kms.amazonaws.com', requestParameters: { keyId: 'k' } },
      { eventSource: ['secretsmanager.amazonaws.com'] },
    ]) {
      assert.equal(accessFrom(other), null);
    }
  });

  it('takes a record nested deeper than the stack', () => {
    const deep = JSON.parse(`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`) as Json;
    assert.ok(
      accessFrom({
        eventSource: 'secretsmanager.amazonaws.com',
        requestParameters: deep,
        userIdentity: deep,
        additionalEventData: { ARN: deep },
      }),
    );
  });

  it('throws on nothing', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        accessFrom(value);
      }),
    );
    const keys = Object.keys(
      record({ additionalEventData: {}, serviceEventDetails: {}, errorCode: 'AccessDenied', errorMessage: REFUSED }),
    );
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom(...keys, '__proto__', 'constructor'), fc.jsonValue(), { noNullPrototype: true }),
        (members) => {
          assert.ok(accessFrom({ ...record(members), eventSource: 'secretsmanager.amazonaws.com' }));
        },
      ),
      { numRuns: 500 },
    );
  });
});
