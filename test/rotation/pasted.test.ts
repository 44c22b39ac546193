import assert from 'node:assert/strict';
import { repeatOf } from '../../src/lib/cli/rotate-flags.ts';
import { AWSCURRENT } from '../../src/lib/secrets/store.ts';
import { failureOf, FIRST, NAME, rotationWorld } from '../support/rotation-world.ts';

describe('commands to paste', () => {
  it('redeploy the service again where the rotation that cannot be undone had done so', async () => {
    const it = await rotationWorld();
    await it.rotate();
    const { hint } = await failureOf(it.undo());
    assert.match(hint ?? '', /jamf-mcp rotate --force-deploy --cluster tools --service server$/);
  });

  it('give a deployment longer that took too long', async () => {
    const it = await rotationWorld();
    it.deployments = ['timed-out'];
    const { hint } = await failureOf(it.rotate({ limitMs: 15 * 60_000 }));
    assert.match(hint ?? '', /^give it longer; then go on with: jamf-mcp rotate resume --timeout 30m$/);
  });

  it('name the version that an older one is made current by', async () => {
    const it = await rotationWorld();
    const second = '00000000-0000-4000-8000-000000000002';
    const { fields } = await it.store.read(NAME, { stage: AWSCURRENT });
    await it.store.put(NAME, fields, { token: second, stages: [AWSCURRENT] });
    const { hint } = await failureOf(it.undo());
    assert.match(hint ?? '', new RegExp(`jamf-mcp secrets rollback --to ${FIRST}$`));
  });

  it('keep what rotate was told, and take nothing of resume over that rotate has no use for', () => {
    const told = { 'force-deploy': false, only: ['DB'], generate: true, env: ['staging'], timeout: undefined };
    assert.equal(
      repeatOf('jamf-mcp', told)('rotate', { cluster: 'x' }),
      'jamf-mcp rotate --only DB --generate --env staging',
    );
    const resumed = { 'no-deploy': true, timeout: '15m', secret: 'other' };
    assert.equal(repeatOf('jamf-mcp', resumed)('rotate'), 'jamf-mcp rotate --secret other');
    assert.equal(repeatOf('jamf-mcp', resumed)('resume'), 'jamf-mcp rotate resume --secret other');
    assert.equal(
      repeatOf('jamf-mcp', { yes: true, secret: 'other' })('status'),
      'jamf-mcp rotate status --secret other',
    );
  });
});
