/** What a policy says of a secret that is there: its own ARN, and any suffix for whoever makes it anew. */
import assert from 'node:assert/strict';
import { CreateSecretCommand } from '@aws-sdk/client-secrets-manager';
import { scopeOf } from '../../src/lib/iam/generate/facts.ts';
import { PRESETS } from '../../src/lib/iam/generate/presets.ts';
import { testContext } from '../support/context.ts';
import { secretsClient, withSandbox } from '../support/sandbox.ts';

describe('the secret of a generated policy', () => {
  const sandbox = withSandbox();

  it('has any suffix for the operator, who makes it anew, and its own for everybody else', async () => {
    const client = secretsClient(sandbox());
    const { ARN } = await client.send(new CreateSecretCommand({ Name: 'app/made-anew', SecretString: '{}' }));
    const wish = { account: null, aws: {}, secrets: ['app/made-anew'], rotator: null, kmsKey: 'k' };
    const place = { cluster: 'c', service: 's', logGroup: null, repositories: [], tables: [], buckets: [] };
    const { scope } = await scopeOf({ ...wish, ...place }, testContext());
    const about = (purpose: 'operator' | 'execution-role') =>
      JSON.stringify(
        (PRESETS[purpose].needs?.(scope) ?? []).filter((need) => JSON.stringify(need).includes(':secret:')),
      );
    const any = ARN?.replace(/-[A-Za-z0-9]{6}$/, '-??????') ?? '';
    assert.match(any, /:secret:app\/made-anew-\?{6}$/);
    assert.ok(about('operator').includes(any));
    assert.ok(!about('operator').includes(ARN ?? ''));
    assert.ok(about('execution-role').includes(ARN ?? ''));
    assert.ok(!about('execution-role').includes(any));
  });
});
