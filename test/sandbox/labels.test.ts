import assert from 'node:assert/strict';
import fc from 'fast-check';
import { manualClock } from '../../src/lib/sandbox/clock.ts';
import {
  addVersion,
  createVault,
  moveLabel,
  type StoredSecret,
} from '../../src/lib/sandbox/secretsmanager-versions.ts';
import { AwsFault } from '../../src/lib/sandbox/service.ts';

const IDS = ['1', '2', '3', '4'].map((digit) => digit.repeat(32));
const LABELS = ['AWSCURRENT', 'AWSPENDING', 'AWSPREVIOUS', 'kept'];

const id = fc.constantFrom(...IDS, 'unknown'.padEnd(32, '-'));
const change = fc.oneof(
  fc.record({
    kind: fc.constant('put' as const),
    labels: fc.uniqueArray(fc.constantFrom(...LABELS), { minLength: 1 }),
  }),
  fc.record({
    kind: fc.constant('move' as const),
    label: fc.constantFrom(...LABELS),
    from: fc.option(id, { nil: undefined }),
    to: fc.option(id, { nil: undefined }),
  }),
);

const holders = (secret: StoredSecret, label: string) =>
  [...secret.versions.values()].filter(({ stages }) => stages.has(label)).map((version) => version.id);
const picture = (secret: StoredSecret) => JSON.stringify(LABELS.map((label) => holders(secret, label)));

describe('sandbox: staging labels, whatever is done to them', () => {
  it('each sits on one version, AWSCURRENT always, AWSPREVIOUS where AWSCURRENT was, and a refusal changes nothing', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
        const secret = createVault(manualClock()).create('us-east-1', 'any');
        addVersion(secret, 'first', { text: 'x' }, [], 0);
        const fresh = [...IDS];
        for (const step of changes) {
          const before = picture(secret);
          const [current] = holders(secret, 'AWSCURRENT');
          try {
            if (step.kind === 'move') moveLabel(secret, step.label, step);
            else
              addVersion(
                secret,
                fresh.shift() ?? `more-${String(secret.versions.size)}`,
                { text: 'x' },
                step.labels,
                0,
              );
          } catch (error) {
            assert.ok(error instanceof AwsFault);
            assert.equal(picture(secret), before);
          }
          for (const label of LABELS) assert.ok(holders(secret, label).length <= 1, label);
          const [now] = holders(secret, 'AWSCURRENT');
          assert.ok(now !== undefined);
          // A put may name AWSPREVIOUS itself; otherwise it follows.
          const named = step.kind === 'put' && step.labels.includes('AWSPREVIOUS');
          if (now !== current && !named) assert.deepEqual(holders(secret, 'AWSPREVIOUS'), [current]);
        }
      }),
    );
  });
});
