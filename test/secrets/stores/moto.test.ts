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
};

describe('store contract: aws, in moto', () => {
  if (!hasMoto()) {
    it('needs moto_server (pip install "moto[server]")');
    return;
  }
  storeContract(async () => awsStoreAt(await startMoto()), DEVIATIONS);
});
