import assert from 'node:assert/strict';
import { typeIntersects } from '../../src/lib/iam/arn.ts';
import { loadCatalogue } from '../../src/lib/iam/catalogue.ts';
import { globsIntersect } from '../../src/lib/iam/glob.ts';
import { readDocument } from '../../src/lib/iam/parse.ts';
import { checkDocument } from '../../src/lib/iam/validate.ts';
import { corpusFile, jsonLines } from '../support/corpus.ts';

const CASES = corpusFile('iam/parliament-cases.jsonl');
const ARNS = corpusFile('iam/parliament-arn-cases.jsonl');

/** Parliament's findings, and the rules of ours that say the same. */
const SAME: Readonly<Record<string, readonly string[]>> = {
  MALFORMED_JSON: ['syntax'],
  MALFORMED: ['missing-action', 'missing-statement', 'element-and-its-opposite', 'unknown-element', 'missing-resource'],
  DUPLICATE_SID: ['duplicate-sid'],
  INVALID_SID: ['invalid-sid'],
  NO_VERSION: ['missing-version'],
  UNKNOWN_ACTION: ['unknown-action', 'action-matches-nothing', 'unknown-service'],
  UNKNOWN_CONDITION_FOR_ACTION: [
    'condition-key-not-for-action',
    'unknown-condition-key',
    'unknown-global-key',
    'condition-key-form',
  ],
  MISMATCHED_TYPE: ['operator-type', 'value-type', 'invalid-date'],
  MISMATCHED_TYPE_BUT_USABLE: ['string-equals-on-arn-key', 'string-operator-on-arn-key'],
  UNKNOWN_OPERATOR: ['invalid-operator'],
  BAD_PATTERN_FOR_MFA: ['mfa-false-allowed'],
  INVALID_ARN: ['resource-form', 'arn-fields', 'arn-partition', 'wrong-type'],
  RESOURCE_MISMATCH: ['resource-never-matches', 'action-needs-all-resources', 'pattern-partly-without-effect'],
  RESOURCE_STAR: ['all-resources'],
  RESOURCE_EFFECTIVELY_STAR: ['effectively-all-resources'],
  RESOURCE_POLICY_PRIVILEGE_ESCALATION: ['policy-of-resource-can-be-changed'],
};

/** Where we say something else on purpose. */
const ARGUED: Readonly<Record<string, string>> = {
  'test_formatting::test_condition_operator#2': 'of an operator that does not exist, no type can be wrong',
  'test_formatting::test_condition_operator_values#1':
    'Resource "*" is bound by a condition on ec2:InstanceProfile: users ask for no finding then',
  'test_formatting::test_lambda_TerminateInstances#1': 'the same with ArnEquals',
};

interface Case {
  id: string;
  policy: string;
  expected: string[] | null;
  suite: string;
}

describe('corpus: the cases of parliament', function () {
  if (CASES === null || ARNS === null) {
    it.skip('iam/parliament-cases.jsonl is not here');
    return;
  }

  it('agrees with those that its own runner checks', async () => {
    const catalogue = await loadCatalogue();
    const cases = (jsonLines(CASES) as Case[]).filter(({ suite }) => suite === 'unit');
    const differing: string[] = [];
    for (const { id, policy, expected } of cases) {
      const problems = checkDocument(await readDocument({ name: 'policy.json', text: policy }), catalogue);
      const ids = new Set(problems.map(({ rule }) => rule.id));
      const ours = Object.keys(SAME).filter((name) => SAME[name]?.some((rule) => ids.has(rule)));
      if (JSON.stringify(ours.sort()) !== JSON.stringify([...(expected ?? [])].sort())) differing.push(id);
    }
    console.log(`      ${String(cases.length - differing.length)} of ${String(cases.length)} agree`);
    for (const id of differing) console.log(`      differs: ${id}: ${ARGUED[id] ?? 'no reason known'}`);
    assert.equal(cases.length, 49);
    assert.deepEqual(
      differing.filter((id) => ARGUED[id] === undefined),
      [],
    );
  });

  it('finds the same patterns in common', () => {
    const rows = jsonLines(ARNS) as { fn: string; args: string[]; expected: boolean }[];
    const globs = rows.filter(({ fn }) => fn === 'is_glob_match');
    assert.deepEqual(
      globs.filter(({ args: [a = '', b = ''], expected }) => globsIntersect(a, b) !== expected),
      [],
    );
    // A bucket's name holds no slash: that is known of the type, not of the two patterns.
    const arns = rows.filter(
      ({ fn, args: [type, pattern] }) =>
        fn === 'is_arn_match' && !(type === 'bucket' && !String(pattern).includes('/')),
    );
    const differing = arns.filter(
      ({ args: [, a = '', b = ''], expected }) => (a === '*' || typeIntersects(a, b)) !== expected,
    );
    console.log(
      `      ${String(globs.length + arns.length - differing.length)} of ${String(globs.length + arns.length)} pairs agree`,
    );
    assert.deepEqual(
      differing.map(({ args }) => args.slice(1)),
      [],
    );
  });
});
