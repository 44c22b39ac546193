import assert from 'node:assert/strict';
import fc from 'fast-check';
import { conditionsHold, lookupIn } from '../../src/lib/iam/conditions.ts';
import { addressesContain, addressesOf, dateOf } from '../../src/lib/iam/values.ts';
import { policyOf } from './support.ts';

type Context = Record<string, string | readonly string[]>;

/** Whether a condition block holds for a request. */
function holds(condition: Record<string, Record<string, unknown>>, context: Context, version = '2012-10-17'): boolean {
  const policy = policyOf({ Effect: 'Allow', Action: '*', Resource: '*', Condition: condition }, 'identity', version);
  return conditionsHold(policy.statements[0]?.conditions ?? [], lookupIn(context), version === '2012-10-17');
}

describe('iam: conditions', () => {
  const table: [operator: string, wanted: unknown, given: string | null, expected: boolean][] = [
    ['StringEquals', 'a', 'a', true],
    ['StringEquals', 'a', 'A', false],
    ['StringEquals', 'a*', 'ab', false],
    ['StringEquals', 'a*', 'a*', true],
    ['StringEqualsIgnoreCase', 'aB', 'Ab', true],
    ['StringNotEqualsIgnoreCase', 'aB', 'Ab', false],
    ['StringLike', 'a*c?', 'abcd', true],
    ['StringNotLike', ['a*', 'b*'], 'bc', false],
    ['StringNotLike', ['a*', 'b*'], 'c', true],
    ['NumericLessThan', 10, '9', true],
    ['NumericLessThan', '10', 'ten', false],
    ['NumericGreaterThanEquals', '2.5', '2.50', true],
    ['NumericNotEquals', '1', '1.0', false],
    ['DateGreaterThan', '2026-01-01T00:00:00Z', '2026-01-01T01:00:00+00:00', true],
    ['DateLessThan', '2026-01-01T00:00:00Z', '2026-01-01T00:30:00+01:00', true],
    ['DateEquals', '1767225600', '2026-01-01T00:00:00Z', true],
    ['Bool', true, 'TRUE', true],
    ['Bool', 'false', 'true', false],
    ['BinaryEquals', 'QmluYXJ5', 'QmluYXJ5', true],
    ['IpAddress', '10.0.0.0/8', '10.255.255.255', true],
    ['IpAddress', '10.0.0.0/8', '11.0.0.0', false],
    ['IpAddress', '2001:db8::/32', '2001:db8:ffff::1', true],
    ['IpAddress', '0.0.0.0/0', '::1', false],
    ['NotIpAddress', '203.0.113.0/24', '198.51.100.7', true],
    ['ArnEquals', 'arn:aws:iam::*:role/a*', 'arn:aws:iam::111122223333:role/ab', true],
    ['ArnLike', 'arn:aws:*:role/a', 'arn:aws:iam::111122223333:role/a', false],
    ['ArnNotLike', 'arn:aws:iam::*:role/a', 'arn:aws:iam::1:role/b', true],
    ['Null', 'true', null, true],
    ['Null', 'false', null, false],
    ['Null', false, 'x', true],
    // With a set operator it asks nothing.
    ['ForAllValues:Null', 'true', 'x', true],
    ['ForAllValues:Null', 'false', null, true],
    ['ForAnyValue:Null', 'true', null, false],
    ['ForAnyValue:Null', 'false', 'x', false],
    // A missing key: a positive operator fails, a negated one and IfExists hold.
    ['StringEquals', 'a', null, false],
    ['StringNotEquals', 'a', null, true],
    ['ArnNotLike', 'arn:*:*:*:*:*', null, true],
    ['NotIpAddress', '10.0.0.0/8', null, true],
    ['Bool', 'true', null, false],
    ['BoolIfExists', 'true', null, true],
    ['StringEqualsIfExists', 'a', 'b', false],
    ['ForAllValues:StringEquals', 'a', null, true],
    ['ForAnyValue:StringEquals', 'a', null, false],
    ['ForAnyValue:StringNotEquals', 'a', null, false],
    ['NoSuchOperator', 'a', 'a', false],
  ];
  for (const [operator, wanted, given, expected] of table) {
    it(`${operator} ${JSON.stringify(wanted)} ${expected ? 'holds' : 'does not hold'} for ${given ?? 'a missing key'}`, () => {
      assert.equal(holds({ [operator]: { 'aws:Key': wanted } }, given === null ? {} : { 'AWS:key': given }), expected);
    });
  }

  it('take every set of values as the qualifiers say', () => {
    const values = fc.subarray(['a', 'b', 'c']);
    fc.assert(
      fc.property(values, fc.subarray(['a', 'b', 'c'], { minLength: 1 }), fc.boolean(), (given, wanted, negated) => {
        const operator = negated ? 'StringNotEquals' : 'StringEquals';
        const one = (value: string) => wanted.includes(value) !== negated;
        const context = { k: given };
        assert.equal(holds({ [`ForAllValues:${operator}`]: { k: wanted } }, context), given.every(one));
        assert.equal(holds({ [`ForAnyValue:${operator}`]: { k: wanted } }, context), given.some(one));
      }),
    );
  });

  it('all have to hold, and one value of each', () => {
    const block = { StringEquals: { a: ['1', '2'], b: '3' }, Bool: { c: 'true' } };
    assert.equal(holds(block, { a: '2', b: '3', c: 'true' }), true);
    assert.equal(holds(block, { a: '2', b: '4', c: 'true' }), false);
    assert.equal(holds(block, { a: '2', b: '3', c: 'false' }), false);
  });

  it('put the request into variables, in the language of 2012 alone', () => {
    const block = { StringEquals: { 'aws:ResourceTag/team': '${aws:PrincipalTag/team}' } };
    assert.equal(holds(block, { 'aws:ResourceTag/team': 'x', 'aws:PrincipalTag/team': 'x' }), true);
    assert.equal(holds(block, { 'aws:ResourceTag/team': 'x' }), false);
    assert.equal(holds(block, { 'aws:ResourceTag/team': 'x', 'aws:PrincipalTag/team': 'x' }, '2008-10-17'), false);
    assert.equal(holds({ StringNotEquals: block.StringEquals }, { 'aws:ResourceTag/team': 'x' }), true);
    assert.equal(holds({ StringLike: { k: "${aws:PrincipalTag/team, 'none'}-*" } }, { k: 'none-1' }), true);
    // What a principal wrote into its tag is no pattern.
    assert.equal(
      holds({ StringLike: { k: '${aws:PrincipalTag/team}' } }, { k: 'secret', 'aws:PrincipalTag/team': '*' }),
      false,
    );
    assert.equal(holds({ StringLike: { k: 'a${*}b' } }, { k: 'a*b' }), true);
    assert.equal(holds({ StringLike: { k: 'a${*}b' } }, { k: 'axb' }), false);
  });
});

describe('iam: values', () => {
  it('hold addresses as numbers do', () => {
    const octets = fc.tuple(...[0, 1, 2, 3].map(() => fc.nat(255)));
    fc.assert(
      fc.property(octets, octets, fc.nat(32), (a, b, prefix) => {
        const bits = (parts: readonly number[]) => parts.map((part) => part.toString(2).padStart(8, '0')).join('');
        const range = addressesOf(`${a.join('.')}/${String(prefix)}`);
        const address = addressesOf(b.join('.'));
        assert.ok(range && address);
        assert.equal(addressesContain(range, address), bits(a).slice(0, prefix) === bits(b).slice(0, prefix));
      }),
    );
    for (const text of ['10.0.0.0/33', '10.0.0', '::1/129', 'fe80::1%eth0', '10.0.0.0/', '010.0.0.1'])
      assert.equal(addressesOf(text), null, text);
    assert.deepEqual(addressesOf('::ffff:1.2.3.4'), addressesOf('::ffff:102:304'));
  });

  it('read dates as loosely as IAM does, and no looser', () => {
    for (const text of [
      '2019-07-01T13:20:15Z',
      '2016-12-13T21:20:37.593194+00:00',
      '2016-12-13t2:00:00.593194+23',
      '-292275054',
      '01T',
      '2026',
      '2026-11-22',
    ]) {
      assert.notEqual(dateOf(text), null, text);
    }
    for (const text of [
      'sdfdsf',
      '234-13',
      '2016-12-13t2:00:00.593194+1',
      '2016-12-13t2:00:00.1999999999+10:59',
      '9223372036854775808',
      '',
    ]) {
      assert.equal(dateOf(text), null, text);
    }
    assert.equal(dateOf('2026-01-01T00:00:00.5+01:00'), Date.UTC(2025, 11, 31, 23, 0, 0, 500));
  });
});
