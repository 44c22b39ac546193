import assert from 'node:assert/strict';
import { collector } from '../../src/lib/audit/collect.ts';
import { parseSecretId } from '../../src/lib/audit/secret-id.ts';
import { record, type Json } from '../support/trail.ts';

const PREFIX = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:';

/** The ids under which accesses to `asked` are found among reads that typed `ids`, after AWS has written `full`. */
function found(asked: string | null, ids: readonly string[], full: readonly string[] = []): (string | null)[] {
  const collected = collector(asked === null ? null : parseSecretId(asked, 'caller'));
  for (const secretId of ids) collected.take(record({ requestParameters: { secretId } }));
  for (const arn of full) {
    collected.take(record({ eventName: 'PutSecretValue', requestParameters: null, responseElements: { arn } }));
  }
  const { accesses } = collected.finish();
  return accesses.filter(({ access }) => access.action === 'GetSecretValue').map(({ secret }) => secret);
}

describe('audit: picking the accesses of a secret', () => {
  it('tells a partial ARN from a full one by what AWS wrote, even if it wrote it later', () => {
    const typed = [`${PREFIX}app-backup`];
    const full = [`${PREFIX}app-AbCdEf`, `${PREFIX}app-backup-ZyXwVu`];
    assert.deepEqual(found('app', typed), typed, 'unsettled: rather one too many');
    assert.deepEqual(found('app', typed, full), []);
    assert.deepEqual(found('app-backup', typed, full), [`${PREFIX}app-backup-ZyXwVu`]);
  });

  it('learns nothing from what callers type', () => {
    assert.deepEqual(found('app', ['app', `${PREFIX}app-AbCdEf`]), ['app', `${PREFIX}app-AbCdEf`]);
  });

  it('gives a name its ARN where AWS wrote it once, and not where there were two', () => {
    assert.deepEqual(found('app', ['app'], [`${PREFIX}app-AbCdEf`]), [`${PREFIX}app-AbCdEf`]);
    assert.deepEqual(found('app', ['app'], [`${PREFIX}app-AbCdEf`, `${PREFIX}app-ZyXwVu`]), ['app']);
  });

  it('counts calls that name no secret, but for those that never do', () => {
    const collected = collector(parseSecretId('app', 'caller'));
    const take = (eventName: string, more: Json = {}) =>
      collected.take(record({ eventName, requestParameters: null, ...more }));
    assert.ok(take('GetSecretValue') && take('GetSecretValue') && take('DeleteSecret') && take('ListSecrets'));
    assert.equal(collected.take({ eventSource: 's3.amazonaws.com' }), false);
    const { accesses, nameless } = collected.finish();
    assert.deepEqual([accesses, Object.fromEntries(nameless)], [[], { GetSecretValue: 2, DeleteSecret: 1 }]);
  });
});
