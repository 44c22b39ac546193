/** Short ways to policies, for the tests of the IAM engine. */
import assert from 'node:assert/strict';
import { readJson } from '../../src/lib/iam/parse.ts';
import type { Policy, PolicyType } from '../../src/lib/iam/policy.ts';

/** Statements as JSON has them. */
export type RawStatement = Record<string, unknown>;

/** A policy of some statements, Allow on everything where a statement does not say. */
export function policyOf(
  statements: RawStatement | readonly RawStatement[],
  type: PolicyType = 'identity',
  version = '2012-10-17',
): Policy {
  const text = JSON.stringify({ Version: version, Statement: statements });
  const { policies, problems } = readJson({ name: 'policy.json', text }, { type });
  assert.deepEqual(problems, []);
  const [policy] = policies;
  assert.ok(policy);
  return policy;
}
