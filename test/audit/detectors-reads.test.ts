import assert from 'node:assert/strict';
import { session, user } from '../support/trail.ts';
import { arn, brief, deed, find, HOUR, MINUTE, repeat, settings } from '../support/detectors.ts';
import { ACCOUNT, type Json } from '../support/trail.ts';

const DENIED = { errorCode: 'AccessDenied', errorMessage: 'no' };
const SSO = 'AWSReservedSSO_Operator_0123456789abcdef';
const SSO_PATH = '/aws-reserved/sso.amazonaws.com/';

/** Reads of so many secrets, one a second. */
const sweep = (count: number, more: Json = {}, gap = 1_000, cause: Parameters<typeof deed>[1] = {}) =>
  repeat(count, (index) => deed(more, { ...cause, after: index * gap, secret: `app/${String(index)}` }));

describe('audit: detector harvest', () => {
  const harvest = (...accesses: Parameters<typeof find>[1][]) => find('harvest', accesses.flat());

  it('flags ten distinct secrets within five minutes, and not nine, nor ten in a quarter of an hour', () => {
    assert.deepEqual(brief(harvest(sweep(10))), ['high 10']);
    assert.deepEqual(harvest(sweep(9)), []);
    assert.deepEqual(harvest(sweep(10, {}, 100_000)), []);
    assert.match(
      harvest(sweep(10))[0]?.why ?? '',
      /^10 distinct secrets within 5 minutes: app\/0, app\/1, app\/2 and 7 more; 10 times/,
    );
  });

  it('counts secrets and not reads', () => {
    assert.deepEqual(
      harvest(repeat(200, (index) => deed({}, { after: index * 100, secret: `app/${String(index % 9)}` }))),
      [],
    );
    const twice = [
      ...sweep(10, {}, 100),
      ...sweep(10, {}, 100, {}).map((access) => ({ ...access, eventId: `${access.eventId}b` })),
    ];
    assert.deepEqual(
      harvest(twice.map((access) => ({ ...access, time: '2026-11-02T10:00:00.000Z' })))[0]?.title,
      `arn:aws:iam::${ACCOUNT}:role/worker harvested 10 secrets`,
    );
  });

  it('keeps identities apart, and sessions of one role together', () => {
    const of = (who: (index: number) => Json) =>
      repeat(10, (index) => deed({ userIdentity: who(index) }, { after: index * 1_000, secret: `s/${String(index)}` }));
    assert.deepEqual(harvest(of((index) => session(`role-${String(index % 2)}`, 'x'))), []);
    assert.deepEqual(brief(harvest(of((index) => session('one', `run-${String(index)}`)))), ['high 10']);
  });

  it('leaves out what has a cause of its own, refusals, and grades by who it was', () => {
    for (const cause of ['task-start', 'rotation', 'baseline', 'break-glass'] as const) {
      assert.deepEqual(harvest(sweep(30, {}, 1_000, { cause })), [], cause);
    }
    assert.deepEqual(harvest(sweep(30, DENIED)), []);
    assert.deepEqual(brief(harvest(sweep(10, {}, 1_000, { cause: 'known-caller' }))), ['medium 10']);
    assert.deepEqual(brief(harvest(sweep(10, {}, 1_000, { cause: 'self' }))), ['low 10']);
  });

  it('flags three batches by filter, which name no secret, and not three records without parameters', () => {
    const batch = (index: number, parameters: Json) =>
      deed({ eventName: 'BatchGetSecretValue', requestParameters: parameters }, { after: index * 1_000, secret: null });
    const filters = { filters: [{ key: 'tag-key', values: ['env'] }] };
    assert.deepEqual(brief(harvest(repeat(3, (index) => batch(index, filters)))), ['high 3']);
    assert.match(harvest(repeat(3, (index) => batch(index, filters)))[0]?.why ?? '', /may have read up to 60 secrets/);
    assert.deepEqual(harvest(repeat(2, (index) => batch(index, filters))), []);
    assert.deepEqual(harvest(repeat(3, (index) => batch(index, {}))), []);
  });

  it('lets whoever wrote a version read that version, also where the write comes second in the same second', () => {
    const write = (index: number, after: number) =>
      deed(
        { eventName: 'PutSecretValue', requestParameters: { clientRequestToken: `V-${String(index)}` } },
        { after, secret: `app/${String(index)}` },
      );
    const read = (index: number, after: number, version = `v-${String(index)}`, who: Json = {}) =>
      deed({ ...who, requestParameters: { versionId: version } }, { after, secret: `app/${String(index)}` });
    const indices = repeat(12, (index) => index);
    assert.deepEqual(
      harvest(
        indices.map((index) => write(index, 0)),
        indices.map((index) => read(index, 600_000)),
      ),
      [],
    );
    assert.deepEqual(
      harvest(
        indices.map((index) => read(index, 0)),
        indices.map((index) => write(index, 0)),
      ),
      [],
    );
    assert.deepEqual(
      brief(
        harvest(
          indices.map((index) => write(index, 0)),
          indices.map((index) => read(index, 5_000, 'v-other')),
        ),
      ),
      ['high 12'],
    );
    const other = { userIdentity: session('thief', 'x') };
    assert.deepEqual(
      brief(
        harvest(
          indices.map((index) => write(index, 0)),
          indices.map((index) => read(index, 5_000, `v-${String(index)}`, other)),
        ),
      ),
      ['high 12'],
    );
  });

  it('tells the shape of a tool as info, and a harvest beside it as one', () => {
    const shaped = sweep(12, {}, 1_000, { cause: 'infrastructure' });
    assert.deepEqual(brief(harvest(shaped)), ['info 12']);
    assert.deepEqual(
      brief(
        harvest(
          shaped,
          sweep(10).map((access) => ({ ...access, time: '2026-11-02T10:01:00.000Z' })),
        ),
      ),
      ['high 10'],
    );
  });

  it('goes by the thresholds of the settings', () => {
    const about = settings({ thresholds: { harvest: { secrets: 3, minutes: 60 } } });
    assert.deepEqual(brief(find('harvest', sweep(3, {}, 20 * MINUTE), about)), ['high 3']);
    assert.deepEqual(find('harvest', sweep(12), settings({ thresholds: { harvest: { secrets: 13 } } })), []);
  });

  it('says of reads, of batches or of both', () => {
    const batches = repeat(3, (index) =>
      deed(
        { eventName: 'BatchGetSecretValue', requestParameters: { filters: [{ key: 'name', values: ['app'] }] } },
        { after: 20_000 + index, secret: null },
      ),
    );
    assert.match(harvest(batches)[0]?.why ?? '', /^3 BatchGetSecretValue calls by filter within 5 minutes/);
    assert.doesNotMatch(harvest(sweep(10))[0]?.why ?? '', /by filter/);
    assert.match(
      harvest(sweep(10), batches)[0]?.why ?? '',
      /^10 distinct secrets .*; 3 BatchGetSecretValue calls by filter/,
    );
  });

  it('forgets windows that are over, however many identities there are', () => {
    const once = repeat(10_000, (index) =>
      deed({ userIdentity: session(`role-${String(index)}`, 'x') }, { after: index * 1_000 }),
    );
    assert.deepEqual(harvest(once), []);
    const late = sweep(10).map((access, index) => ({
      ...access,
      time: new Date(Date.parse('2026-11-03T10:00:00Z') + index).toISOString(),
    }));
    assert.deepEqual(brief(harvest(once, late)), ['high 10']);
  });

  it('names at least so many where there are more than it keeps', () => {
    const [found] = harvest(repeat(1_500, (index) => deed({}, { after: index * 100, secret: `app/${String(index)}` })));
    assert.match(found?.title ?? '', /harvested at least 1000 secrets$/);
    assert.equal(found?.count, 1_500);
    assert.equal(found.eventIds.length, 100);
  });
});

describe('audit: detector batch-catch-all', () => {
  const batch = (filters: unknown, more: Json = {}, how: Parameters<typeof deed>[1] = {}) =>
    find('batch-catch-all', [
      deed({ eventName: 'BatchGetSecretValue', requestParameters: { filters }, ...more }, { secret: null, ...how }),
    ]);
  const filter = (...values: string[]) => ({ key: 'tag-key', values });

  it('flags filters that are all negated or empty', () => {
    assert.deepEqual(brief(batch([filter('!nothing')])), ['high 1']);
    assert.deepEqual(brief(batch([filter('!a', '!b'), filter('!c')])), ['high 1']);
    assert.deepEqual(brief(batch([filter('!x')], DENIED)), ['medium 1']);
    assert.deepEqual(brief(batch([filter('!x')], {}, { cause: 'known-caller' })), ['medium 1']);
  });

  it('is silent where one filter selects, where ids are listed, and for other calls', () => {
    assert.deepEqual(batch([filter('!a'), filter('env')]), []);
    assert.deepEqual(batch([filter('!a', 'env')]), []);
    assert.deepEqual(batch([filter('!a')], {}, { secret: 'app/one' }), []);
    assert.deepEqual(batch([]), []);
    assert.deepEqual(batch([filter('!a')], { eventName: 'ListSecrets' }), []);
  });
});

describe('audit: detector enumeration-then-read', () => {
  const list = (after = 0, more: Json = {}) => deed({ eventName: 'ListSecrets', ...more }, { after, secret: null });
  const read = (index: number, after: number, more: Json = {}) => deed(more, { after, secret: `app/${String(index)}` });
  const look = (index: number) =>
    deed({ eventName: 'DescribeSecret' }, { after: index * 1_000, secret: `app/${String(index)}` });
  const byFilter = (after: number) =>
    deed({ eventName: 'BatchGetSecretValue', requestParameters: { filters: [] } }, { after, secret: null });
  const enumeration = (...accesses: Parameters<typeof find>[1]) => find('enumeration-then-read', accesses);

  it('flags reads after a list or after looks at many secrets', () => {
    assert.deepEqual(brief(enumeration(list(), read(1, MINUTE), read(2, MINUTE))), ['medium 2']);
    assert.deepEqual(brief(enumeration(list(), ...repeat(5, (index) => read(index, MINUTE)))), ['high 5']);
    assert.deepEqual(brief(enumeration(...repeat(10, look), read(1, MINUTE), read(2, MINUTE))), ['medium 2']);
    assert.deepEqual(brief(enumeration(list(0, DENIED), read(1, MINUTE), read(2, MINUTE))), ['medium 2']);
  });

  it('is silent on one read, on reads long after, by others, after few looks, and where the caller is explained', () => {
    assert.deepEqual(enumeration(list(), read(1, MINUTE)), []);
    assert.deepEqual(enumeration(list(), byFilter(MINUTE)), [], 'a batch names no secret');
    assert.deepEqual(enumeration(list(), read(1, HOUR), read(2, HOUR)), []);
    const other = { userIdentity: session('other', 'x') };
    assert.deepEqual(enumeration(list(0, other), read(1, MINUTE), read(2, MINUTE)), []);
    assert.deepEqual(enumeration(...repeat(9, look), read(1, MINUTE), read(2, MINUTE)), []);
    assert.deepEqual(
      enumeration(
        list(),
        ...repeat(3, (index) => deed({}, { after: MINUTE, secret: `s/${String(index)}`, cause: 'known-caller' })),
      ),
      [],
    );
  });
});

describe('audit: detector probing', () => {
  const refused = (index: number, after = index * 1_000) => deed(DENIED, { after, secret: `app/${String(index)}` });
  const probing = (...accesses: Parameters<typeof find>[1]) => find('probing', accesses);

  it('flags a success after three refusals, by how many doors were tried', () => {
    const found = probing(...repeat(3, (index) => refused(index)), deed({}, { after: MINUTE }));
    assert.deepEqual(brief(found), ['high 4']);
    assert.match(found[0]?.why ?? '', /^3 refusals of 3 different calls, then a success: /);
    assert.deepEqual(brief(probing(...repeat(3, (index) => refused(1, index)), deed({}, { after: MINUTE }))), [
      'medium 4',
    ]);
    assert.deepEqual(
      brief(
        probing(...repeat(3, (index) => refused(index)), deed({ eventName: 'PutResourcePolicy' }, { after: MINUTE })),
      ),
      ['high 4'],
    );
    const known = deed({}, { after: MINUTE, cause: 'known-caller' });
    assert.deepEqual(
      brief(probing(...repeat(3, (index) => ({ ...refused(index), explanation: known.explanation })), known)),
      ['low 4'],
    );
  });

  it('is silent without a success, on a look, after two, an hour later, on another one’s, and on a task', () => {
    const three = repeat(3, (index) => refused(index));
    assert.deepEqual(probing(...three), []);
    assert.deepEqual(probing(...three, deed({ eventName: 'DescribeSecret' }, { after: MINUTE })), []);
    assert.deepEqual(probing(...three.slice(1), deed({}, { after: MINUTE })), []);
    assert.deepEqual(probing(...three, deed({}, { after: 2 * HOUR })), []);
    assert.deepEqual(probing(...three, deed({ userIdentity: session('other', 'x') }, { after: MINUTE })), []);
    assert.deepEqual(probing(...three, deed({}, { after: MINUTE, cause: 'task-start' })), []);
  });
});

describe('audit: detector human-read', () => {
  const read = (more: Json, how: Parameters<typeof deed>[1] = {}) => brief(find('human-read', [deed(more, how)]));
  const sso = { userIdentity: session(SSO, 'ann@example.com', SSO_PATH) };

  it('tells a person by console, Identity Center, federation, browser or name', () => {
    assert.deepEqual(read({ sessionCredentialFromConsole: 'true' }), ['medium 1']);
    assert.deepEqual(read(sso), ['medium 1']);
    assert.deepEqual(read({ userIdentity: { ...user('x', 'ASIAX000000000EXAMPLE'), type: 'FederatedUser' } }), [
      'medium 1',
    ]);
    assert.deepEqual(read({ userAgent: 'Mozilla/5.0 (X11; Linux x86_64)' }), ['medium 1']);
    assert.deepEqual(read({ userIdentity: session('dev', 'ann@example.com') }), ['medium 1']);
  });

  it('is worse without a second factor, and better for a known caller', () => {
    const identity = session(SSO, 'ann', SSO_PATH);
    const context = { ...(identity.sessionContext as Json), attributes: { mfaAuthenticated: 'false' } };
    assert.deepEqual(read({ userIdentity: { ...identity, sessionContext: context } }), ['high 1']);
    assert.deepEqual(read(sso, { cause: 'known-caller' }), ['low 1']);
  });

  it('is silent on programs, looks, refusals, reasons given and oneself', () => {
    assert.deepEqual(read({}), []);
    assert.deepEqual(read({ ...sso, eventName: 'DescribeSecret' }), []);
    assert.deepEqual(read({ ...sso, ...DENIED }), []);
    assert.deepEqual(read(sso, { cause: 'break-glass' }), []);
    assert.deepEqual(read(sso, { cause: 'self' }), []);
  });
});

describe('audit: detectors root and long-term-key', () => {
  const root = {
    type: 'Root',
    arn: `arn:aws:iam::${ACCOUNT}:root`,
    accountId: ACCOUNT,
    accessKeyId: 'AKIAROOT00000EXAMPLE',
  };

  it('flag root once, as critical, and a key that never expires', () => {
    const byRoot = [deed({ userIdentity: root }, { cause: 'known-caller' })];
    assert.deepEqual(brief(find('root', byRoot)), ['critical 1']);
    assert.deepEqual(find('long-term-key', byRoot), []);
    assert.deepEqual(brief(find('long-term-key', [deed({ userIdentity: user('ci') })])), ['high 1']);
    assert.deepEqual(brief(find('long-term-key', [deed({ userIdentity: user('ci') }, { cause: 'known-caller' })])), [
      'medium 1',
    ]);
  });

  it('are silent on sessions, and on what AWS does on behalf of root', () => {
    assert.deepEqual(
      find('root', [deed(), deed({ userIdentity: { ...root, invokedBy: 'secretsmanager.amazonaws.com' } })]),
      [],
    );
    assert.deepEqual(find('long-term-key', [deed()]), []);
  });
});

describe('audit: detector cross-account', () => {
  const stranger = { userIdentity: { ...session('reader', 'x'), accountId: '999988887777' } };
  const crossing = (more: Json, how: Parameters<typeof deed>[1] = {}) =>
    brief(find('cross-account', [deed(more, how)]));

  it('flags a caller of another account, by what it did', () => {
    assert.deepEqual(crossing(stranger), ['high 1']);
    assert.deepEqual(crossing({ ...stranger, eventName: 'DescribeSecret' }), ['medium 1']);
    assert.deepEqual(crossing({ ...stranger, ...DENIED }), ['medium 1']);
    assert.deepEqual(crossing(stranger, { cause: 'known-caller' }), ['low 1']);
    assert.deepEqual(crossing({}, { access: { secret: arn('app/one', '999988887777') } }), ['high 1']);
  });

  it('is silent within the account, where the owner is not known, and on AWS itself', () => {
    assert.deepEqual(crossing({}), []);
    assert.deepEqual(crossing(stranger, { access: { secret: 'app/one' } }), []);
    assert.deepEqual(
      crossing({
        eventType: 'AwsServiceEvent',
        userIdentity: { accountId: '1', invokedBy: 'secretsmanager.amazonaws.com' },
      }),
      [],
    );
  });
});

describe('audit: detector outside-endpoint', () => {
  const about = settings({ vpcEndpoints: ['vpce-1', 'vpce-2'] });
  const outside = (more: Json, how: Parameters<typeof deed>[1] = {}) =>
    brief(find('outside-endpoint', [deed(more, how)], about));

  it('flags the internet and other endpoints', () => {
    assert.deepEqual(outside({}), ['high 1']);
    assert.deepEqual(outside({ vpcEndpointId: 'vpce-3' }), ['high 1']);
    assert.deepEqual(outside({}, { cause: 'known-caller' }), ['medium 1']);
    assert.deepEqual(outside({}, { cause: 'self' }), ['low 1']);
  });

  it('is silent within, for looks and AWS itself, and where no endpoint is named', () => {
    assert.deepEqual(outside({ vpcEndpointId: 'vpce-2' }), []);
    assert.deepEqual(outside({ eventName: 'DescribeSecret' }), []);
    assert.deepEqual(
      outside({ userIdentity: { ...session('worker', 'x'), invokedBy: 'secretsmanager.amazonaws.com' } }),
      [],
    );
    assert.deepEqual(find('outside-endpoint', [deed()]), []);
  });
});

describe('audit: detector decoy-touched', () => {
  const touched = (more: Json, how: Parameters<typeof deed>[1] = {}) =>
    brief(
      find(
        'decoy-touched',
        [deed(more, { secret: 'billing/root-password', ...how })],
        settings({ decoys: ['billing/*', arn('payroll')] }),
      ),
    );

  it('flags any touch, by name or by ARN, refused or not', () => {
    assert.deepEqual(touched({}), ['critical 1']);
    assert.deepEqual(touched({}, { secret: 'payroll' }), ['critical 1']);
    assert.deepEqual(touched(DENIED, { cause: 'known-caller' }), ['critical 1']);
    assert.deepEqual(touched({ eventName: 'DescribeSecret' }), ['critical 1']);
    assert.deepEqual(touched({ eventName: 'DescribeSecret' }, { cause: 'known-caller' }), ['medium 1']);
  });

  it('is silent on other secrets, on AWS itself, and where none is named', () => {
    assert.deepEqual(touched({}, { secret: 'app/one' }), []);
    assert.deepEqual(
      touched({
        eventType: 'AwsServiceEvent',
        eventName: 'EndSecretVersionDelete',
        userIdentity: { invokedBy: 'secretsmanager.amazonaws.com' },
      }),
      [],
    );
    assert.deepEqual(find('decoy-touched', [deed({}, { secret: 'billing/x' })]), []);
  });
});

describe('audit: detector old-version-read', () => {
  const old = (...accesses: Parameters<typeof find>[1]) => brief(find('old-version-read', accesses));
  const put = (version: string, after: number, more: Json = {}) =>
    deed({ eventName: 'PutSecretValue', requestParameters: { clientRequestToken: version }, ...more }, { after });
  const read = (parameters: Json, after = HOUR, how: Parameters<typeof deed>[1] = {}) =>
    deed({ userIdentity: session('other', 'x'), requestParameters: parameters }, { after, ...how });
  const move = (to: string, from: string, after: number) =>
    deed(
      {
        eventName: 'UpdateSecretVersionStage',
        requestParameters: { versionStage: 'AWSCURRENT', moveToVersionId: to, removeFromVersionId: from },
      },
      { after },
    );

  it('flags labels that are not current, and versions that were replaced before', () => {
    assert.deepEqual(old(read({ versionStage: 'AWSPREVIOUS' })), ['medium 1']);
    assert.deepEqual(old(read({ versionStage: 'AWSPENDING' }, HOUR, { cause: 'known-caller' })), ['low 1']);
    assert.deepEqual(old(put('V1', 0), put('V2', 1), read({ versionId: 'v1' })), ['medium 1']);
    assert.deepEqual(old(move('v2', 'v1', 0), read({ versionId: 'V1' })), ['medium 1']);
  });

  it('is silent on the current one, before it was replaced, on a label moved back, and on rotations', () => {
    assert.deepEqual(old(read({ versionStage: 'AWSCURRENT' }), read({})), []);
    assert.deepEqual(old(put('v1', 0), put('v2', 1), read({ versionId: 'v2' })), []);
    assert.deepEqual(old(put('v1', 0), read({ versionId: 'v1' }, 1), put('v2', 2)), []);
    assert.deepEqual(old(move('v2', 'v1', 0), move('v1', 'v2', 1), read({ versionId: 'v1' })), []);
    assert.deepEqual(
      old(
        put('v1', 0),
        put('v2', 1, { requestParameters: { clientRequestToken: 'v2', versionStages: ['AWSPENDING'] } }),
        read({ versionId: 'v1' }),
      ),
      [],
    );
    assert.deepEqual(old(read({ versionStage: 'AWSPENDING' }, HOUR, { cause: 'rotation-function' })), []);
    assert.deepEqual(
      old(put('v1', 0), put('v2', 1), deed({ requestParameters: { versionId: 'v1' } }, { after: HOUR })),
      [],
      'its own',
    );
  });
});

describe('audit: detector deleted-secret-read', () => {
  const failed = (errorCode: string, errorMessage: string, after = MINUTE) =>
    deed({ errorCode, errorMessage }, { after });
  const deleted = (...accesses: Parameters<typeof find>[1]) => brief(find('deleted-secret-read', accesses));
  const gone = failed('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");

  it('flags what is marked for deletion, and what was deleted before', () => {
    assert.deepEqual(
      deleted(
        failed(
          'InvalidRequestException',
          "You can't perform this operation on the secret because it was marked for deletion.",
        ),
      ),
      ['medium 1'],
    );
    assert.deepEqual(deleted(deed({ eventName: 'DeleteSecret' }), gone), ['medium 1']);
  });

  it('is silent on a secret that never was, or that is there again', () => {
    assert.deepEqual(
      deleted(deed({ eventName: 'DeleteSecret' }), deed({ eventName: 'CreateSecret' }, { after: 1 }), gone),
      [],
    );
    assert.deepEqual(deleted(gone), []);
    assert.deepEqual(
      deleted(deed({ eventName: 'DeleteSecret' }), deed({ eventName: 'RestoreSecret' }, { after: 1 }), gone),
      [],
    );
    assert.deepEqual(deleted(deed({ eventName: 'DeleteSecret' }), deed({}, { after: MINUTE })), []);
  });
});
