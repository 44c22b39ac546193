/** What is judged without knowing everything, against every request that there can be. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { evaluate, type Layers } from '../../src/lib/iam/evaluate.ts';
import { possibility } from '../../src/lib/iam/who-can-judge.ts';
import { policyOf, type RawStatement } from './support.ts';

const KEYS = ['aws:SourceVpc', 'aws:SourceVpce'] as const;
/** What a request may carry of each key. */
const VALUES = [null, 'a', 'b'] as const;

const condition = fc.tuple(
  fc.constantFrom('StringEquals', 'StringNotEquals', 'StringEqualsIfExists', 'ForAllValues:StringEquals', 'Null'),
  fc.constantFrom(...KEYS, 'aws:ResourceTag/t'),
  fc.constantFrom('a', 'b', '${aws:SourceVpc}'),
);
const statement = fc
  .record({
    effect: fc.constantFrom('Allow', 'Allow', 'Deny'),
    resource: fc.constantFrom('*', 'arn:aws:x:::${aws:SourceVpc}', 'arn:aws:x:::a'),
    not: fc.boolean(),
    conditions: fc.array(condition, { maxLength: 2 }),
  })
  .map(({ effect, resource, not, conditions }): RawStatement => {
    const block: Record<string, Record<string, string>> = {};
    for (const [operator, key, value] of conditions) {
      block[operator] = { ...block[operator], [key]: operator === 'Null' ? String(value === 'a') : value };
    }
    return {
      Effect: effect,
      Action: 'x:Y',
      [not ? 'NotResource' : 'Resource']: resource,
      ...(conditions.length > 0 ? { Condition: block } : {}),
    };
  });
const statements = fc.array(statement, { minLength: 1, maxLength: 3 });

describe('iam who-can: what is not known', () => {
  it('says yes only of what every request is allowed, and no only of what none is', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(statements, fc.option(statements), (own, limit) => {
        const layers: Layers = { identity: [policyOf(own)], boundary: limit ? policyOf(limit) : null };
        const request = (context: Record<string, string>) => ({
          caller: { arn: 'arn:aws:iam::111122223333:role/app', account: '111122223333' },
          action: 'x:Y',
          resource: 'arn:aws:x:::a',
          context: { 'aws:ResourceTag/t': 'a', ...context },
        });
        const { may } = possibility(request({}), layers, (key) => key.startsWith('aws:ResourceTag/'));
        seen.add(may);
        for (const vpc of VALUES) {
          for (const vpce of VALUES) {
            const context = { ...(vpc ? { [KEYS[0]]: vpc } : {}), ...(vpce ? { [KEYS[1]]: vpce } : {}) };
            const allowed = evaluate(request(context), layers).verdict === 'allow';
            if (may === 'yes') assert.ok(allowed, `yes, and ${JSON.stringify(context)} is not allowed`);
            if (may === 'no') assert.ok(!allowed, `no, and ${JSON.stringify(context)} is allowed`);
          }
        }
      }),
      { numRuns: 1_000 },
    );
    assert.deepEqual([...seen].sort(), ['maybe', 'no', 'yes']);
  });
});
