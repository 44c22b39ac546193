import assert from 'node:assert/strict';
import { loadCatalogue, type Catalogue } from '../../src/lib/iam/catalogue.ts';
import { nearest } from '../../src/lib/iam/nearest.ts';

describe('iam: catalogue', () => {
  let catalogue: Catalogue;
  before(async () => {
    catalogue = await loadCatalogue();
  });

  it('knows the actions of Secrets Manager, whatever the case', () => {
    assert.equal(catalogue.service('SecretsManager')?.actions.length, 23);
    const [action] = catalogue.actions('SECRETSMANAGER:getsecretvalue');
    assert.equal(action?.name, 'secretsmanager:GetSecretValue');
    assert.equal(action.level, 'Read');
    assert.deepEqual(
      action.resources.map(({ type, required }) => [type.pattern, required]),
      [['arn:*:secretsmanager:*:*:secret:*', true]],
    );
    assert.deepEqual(catalogue.actions('secretsmanager:ListSecrets')[0]?.resources, []);
    assert.equal(catalogue.actions('secretsmanager:PutResourcePolicy')[0]?.level, 'Permissions management');
  });

  it('expands patterns of names and of services', () => {
    assert.deepEqual(
      catalogue
        .actions('secretsmanager:*Value')
        .map(({ name }) => name)
        .sort(),
      ['secretsmanager:BatchGetSecretValue', 'secretsmanager:GetSecretValue', 'secretsmanager:PutSecretValue'],
    );
    assert.ok(catalogue.actions('*').length > 20_000);
    assert.deepEqual(
      catalogue.actions('*:GetSecretValu?').map(({ name }) => name),
      ['secretsmanager:GetSecretValue'],
    );
    assert.deepEqual(catalogue.actions('nosuch:*'), []);
    assert.deepEqual(catalogue.actions('__proto__:*'), []);
  });

  it('knows condition keys by their instances', () => {
    const key = (name: string) => {
      const found = catalogue.key(name);
      return found && [found.type, found.multivalued];
    };
    assert.deepEqual(key('AWS:resourcetag/Team'), ['String', false]);
    assert.deepEqual(key('aws:TagKeys'), ['String', true]);
    assert.deepEqual(key('kms:EncryptionContext:SecretARN'), ['String', false]);
    assert.deepEqual(key('secretsmanager:SecretId'), ['ARN', false]);
    assert.deepEqual(key('s3:ExistingObjectTag/x'), ['String', false]);
    assert.equal(key('secretsmanager:Nothing'), null);
    assert.equal(key('nothing'), null);
  });

  it('offers the nearest name, or none', () => {
    assert.equal(nearest('secretmanager', catalogue.services), 'secretsmanager');
    assert.equal(nearest('completely-else', catalogue.services), null);
    assert.match(catalogue.date, /^\d{4}-\d\d-\d\d$/);
  });
});
