import assert from 'node:assert/strict';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { awsStoreAt } from '../../support/aws-store.ts';
import { hasMoto, startMoto } from '../../support/moto.ts';
import { storeContract } from '../contract.ts';

/** What moto 5.2.1 does otherwise than AWS; the rows are those of the comparison in which each was tried (rotation facts, §3). */
const DEVIATIONS: Record<string, string> = {
  'tells a missing secret from a missing version': 'row 22: both have the text of a missing secret',
  'a repeated put of a pending value does not promote it': 'row 11: it is promoted',
  'refuses a token that stands for another pending value': 'row 9: the value is overwritten',
  'puts a new current version after a promotion': 'row 2: two versions carry AWSCURRENT',
  'moves any other label only from where it is': 'row 3: the label is then on both',
  'a move to an unknown version moves nothing': 'row 5: the label has left its version already',
  'creates nothing over a secret that is scheduled for deletion':
    'row 21: deletion is not looked at, the secret exists',
  'writes nothing to a secret that is scheduled for deletion': 'row 21: it is written to',
  'lists every version, newest first, unlabelled ones too': 'row 18: each is as old as the question about it',
  'deletes at once, scheduled or not, and the name is free': 'row 18: the versions of a missing secret are HTML',
  'tells a missing secret to whoever deletes, restores or tags it': 'row 18: the versions of a missing secret are HTML',
  'is gone when the deletion window ends, and not before': 'its clock cannot be moved',
};

describe('store contract: aws, in moto', () => {
  if (!hasMoto()) {
    it('needs moto_server (pip install "moto[server]")');
    return;
  }
  storeContract(async () => awsStoreAt(await startMoto()), DEVIATIONS);
});

describe('the store on Secrets Manager, in moto', () => {
  if (!hasMoto()) {
    it('needs moto_server (pip install "moto[server]")');
    return;
  }

  it('tells the copies in other Regions, which the sandbox has none of', async () => {
    const under = awsStoreAt(await startMoto());
    try {
      await new SecretsManagerClient({}).send(
        new CreateSecretCommand({ Name: 'copied', SecretString: '{}', AddReplicaRegions: [{ Region: 'eu-west-1' }] }),
      );
      assert.deepEqual((await under.store.describe('copied')).replicas, [{ region: 'eu-west-1', status: 'InSync' }]);
    } finally {
      await under.close();
    }
  });
});
