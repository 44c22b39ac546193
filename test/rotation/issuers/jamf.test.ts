import assert from 'node:assert/strict';
import { Secret } from '../../../src/lib/redact.ts';
import { jamfIssuer } from '../../../src/lib/rotation/issuers/jamf.ts';
import type { TestSandbox } from '../../support/sandbox.ts';
import { keepsTheContract, type Subject } from './contract.ts';

const MINT = 'jamf:POST /api/v1/api-integrations/*';

/** A second client with the role of the first. */
export function withPartner({ jamf }: TestSandbox, changes: Partial<(typeof jamf.integrations)[number]> = {}): void {
  const [first] = jamf.integrations;
  assert.ok(first);
  jamf.integrations.push({
    ...first,
    id: 7,
    displayName: `${first.displayName} (alternate)`,
    clientId: '77777777-7777-4777-8777-777777777777',
    credential: null,
    ...changes,
  });
}

/** The second integration of the sandbox, made one that may mint. */
export function rotatorOf({ jamf }: TestSandbox) {
  const [first, second] = jamf.integrations;
  assert.ok(first?.credential && second?.credential);
  second.enabled = true;
  second.credential.roleIds = [...first.credential.roleIds];
  const { clientId, clientSecret } = jamf.disabledClient;
  return { clientId, clientSecret: new Secret(clientSecret) };
}

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
