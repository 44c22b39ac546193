/** API clients of the sandbox's Jamf beside the one in use. */
import assert from 'node:assert/strict';
import { Secret } from '../../src/lib/redact.ts';
import type { Sandbox } from '../../src/lib/sandbox/index.ts';

/** A second client with the role of the first. */
export function withPartner({ jamf }: Sandbox, changes: Partial<(typeof jamf.integrations)[number]> = {}): void {
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
export function rotatorOf({ jamf }: Sandbox) {
  const [first, second] = jamf.integrations;
  assert.ok(first?.credential && second?.credential);
  second.enabled = true;
  second.credential.roleIds = [...first.credential.roleIds];
  const { clientId, clientSecret } = jamf.disabledClient;
  return { clientId, clientSecret: new Secret(clientSecret) };
}
