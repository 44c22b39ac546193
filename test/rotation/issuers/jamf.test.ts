import { jamfIssuer } from '../../../src/lib/rotation/issuers/jamf.ts';
import { rotatorOf, withPartner } from '../../support/jamf-clients.ts';
import { keepsTheContract, type Subject } from './contract.ts';

const MINT = 'jamf:POST /api/v1/api-integrations/*';

const single: Subject = {
  make: (context) => jamfIssuer(null, context, { timeoutMs: 200 }),
  strategy: 'single',
  mint: MINT,
  refusal: 'CREDENTIALS_REFUSED',
};

describe('the issuer jamf, with one client', () => {
  keepsTheContract(single);
});

describe('the issuer jamf, with one client and a rotator', () => {
  keepsTheContract({
    ...single,
    make: (context, sandbox) => jamfIssuer(rotatorOf(sandbox), context, { timeoutMs: 200 }),
  });
});

describe('the issuer jamf, with two clients that take turns', () => {
  keepsTheContract({
    ...single,
    arrange: (sandbox) => {
      withPartner(sandbox);
    },
    strategy: 'alternate',
  });
});
