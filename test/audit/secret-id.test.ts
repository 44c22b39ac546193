import assert from 'node:assert/strict';
import fc from 'fast-check';
import { arnOf, knownSecrets, parseSecretId, sameSecret, type Mention } from '../../src/lib/audit/secret-id.ts';

const PREFIX = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:';

function parse(text: string, writtenBy: 'aws' | 'caller' = 'caller'): Mention {
  const mention = parseSecretId(text, writtenBy);
  assert.ok(mention, text);
  return mention;
}

describe('audit: identity of a secret', () => {
  it('takes the six characters off an ARN and nothing off a name', () => {
    assert.deepEqual(parse(`${PREFIX}app/db-AbCdEf`, 'aws'), {
      partition: 'aws',
      account: '111122223333',
      region: 'us-east-1',
      name: 'app/db',
      suffix: 'AbCdEf',
      otherName: null,
    });
    assert.equal(parse('database-master').name, 'database-master');
    assert.equal(parse('database-master').suffix, null);
  });

  it('reads what a caller typed in two ways where it may be a partial ARN', () => {
    const typed = parse(`${PREFIX}app-backup`);
    assert.deepEqual([typed.name, typed.suffix, typed.otherName], ['app', 'backup', 'app-backup']);
    assert.equal(parse(`${PREFIX}app`).suffix, null);
  });

  it('takes any Region, account and partition', () => {
    const odd = parse('arn:aws-cn:secretsmanager:eu-westwest-1r:000000000:secret:x-AbCdEf');
    assert.deepEqual(
      [odd.partition, odd.region, odd.account, odd.name],
      ['aws-cn', 'eu-westwest-1r', '000000000', 'x'],
    );
  });

  it('refuses what is no secret', () => {
    for (const text of ['', '*', 'arn:aws:s3:::bucket', 'arn:aws:secretsmanager:us-east-1:111122223333:other:x']) {
      assert.equal(parseSecretId(text, 'caller'), null, text);
    }
  });

  it('matches name, ARN and partial ARN of one secret, and tells others apart', () => {
    const asked = { ...parse('app/db'), account: '111122223333', region: 'us-east-1' };
    for (const same of ['app/db', `${PREFIX}app/db-AbCdEf`, `${PREFIX}app/db`])
      assert.ok(sameSecret(parse(same), asked), same);
    for (const other of [
      'app/d',
      'app/db2',
      `${PREFIX}app/db2-AbCdEf`,
      `${PREFIX.replace('us-east-1', 'eu-west-1')}app/db-AbCdEf`,
      `${PREFIX.replace('1111', '9999')}app/db-AbCdEf`,
    ]) {
      assert.ok(!sameSecret(parse(other), asked), other);
    }
  });

  it('tells a secret from a later one of the same name when both suffixes are known', () => {
    assert.ok(!sameSecret(parse(`${PREFIX}app-AbCdEf`, 'aws'), parse(`${PREFIX}app-ZyXwVu`, 'aws')));
    assert.ok(sameSecret(parse('app'), parse(`${PREFIX}app-ZyXwVu`, 'aws')));
  });

  it('counts an ambiguous mention for both secrets until records settle it', () => {
    const typed = parse(`${PREFIX}app-backup`);
    assert.ok(sameSecret(typed, parse('app')));
    assert.ok(sameSecret(typed, parse('app-backup')));

    const known = knownSecrets();
    known.learn(parse(`${PREFIX}app-backup-AbCdEf`, 'aws'));
    assert.ok(
      sameSecret(known.settle(typed), parse('app')),
      'one half known settles nothing: a name must not hide reads',
    );
    known.learn(parse(`${PREFIX}app-ZyXwVu`, 'aws'));
    assert.ok(!sameSecret(known.settle(typed), parse('app')));
    assert.ok(sameSecret(known.settle(typed), parse('app-backup')));
  });

  it('settles a mention whose full ARN AWS has written, whatever else has a like name', () => {
    const known = knownSecrets();
    known.learn(parse(`${PREFIX}app-AbCdEf`, 'aws'));
    known.learn(parse(`${PREFIX}app-AbCdEf-ZyXwVu`, 'aws'));
    const settled = known.settle(parse(`${PREFIX}app-AbCdEf`));
    assert.deepEqual([settled.name, settled.suffix, settled.otherName], ['app', 'AbCdEf', null]);
  });

  it('completes a name by the one ARN known for it, and not where there were two', () => {
    const known = knownSecrets();
    known.learn(parse(`${PREFIX}app-AbCdEf`, 'aws'));
    assert.equal(arnOf(known.complete(parse('app'))), `${PREFIX}app-AbCdEf`);
    known.learn(parse(`${PREFIX}app-ZyXwVu`, 'aws'));
    assert.equal(arnOf(known.complete(parse('app'))), null);
  });

  it('gives every ARN back as it was', () => {
    const name = fc.stringMatching(/^[A-Za-z0-9/_+=.@-]{1,40}$/);
    const suffix = fc.stringMatching(/^[A-Za-z0-9]{6}$/);
    fc.assert(
      fc.property(name, suffix, (n, s) => {
        assert.equal(arnOf(parse(`${PREFIX}${n}-${s}`, 'aws')), `${PREFIX}${n}-${s}`);
        assert.ok(sameSecret(parse(`${PREFIX}${n}-${s}`), parse(n)));
        assert.ok(sameSecret(parse(`${PREFIX}${n}`), parse(n)));
      }),
    );
  });
});
