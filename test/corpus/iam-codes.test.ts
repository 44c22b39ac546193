/**
 * Access Analyzer's codes: each one is told by a rule of ours, shown here on a policy, or stands in a list with the
 * reason why none tells it. Nothing is in both, and nothing in neither.
 */
import assert from 'node:assert/strict';
import { loadCatalogue } from '../../src/lib/iam/catalogue.ts';
import { readJson } from '../../src/lib/iam/parse.ts';
import type { PolicyType } from '../../src/lib/iam/policy.ts';
import { checkDocument } from '../../src/lib/iam/validate.ts';
import { attached, CASES, read, textOf, trust, upload, when, type Raw } from '../iam/rules-cases.ts';
import { corpusFile, jsonLines } from '../support/corpus.ts';

/** The checks of 2023, without AWS's page of today. */
const CATALOGUE = corpusFile('iam/access-analyzer-checks.jsonl');

/** Seen on that page since: https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html */
const SINCE = [
  'DYNAMODB_ATTRIBUTES_WITHOUT_SELECT',
  'EQUIVALENT_TO_NULL_FALSE',
  'EQUIVALENT_TO_NULL_TRUE',
  'FORANYVALUE_WITH_AUDIENCE_CLAIM_TYPE',
  'INVALID_KMS_KEY_VALUE',
  'MISSING_ARN_ACCOUNT',
  'POLICY_SIZE_EXCEEDS_RCP_QUOTA',
  'RCP_MISSING_RELATED_PRINCIPAL_CONDITION_KEY',
  'RCP_MISSING_RELATED_SERVICE_PRINCIPAL_CONDITION_KEY',
  'RCP_MISSING_SERVICE_CONDITION_KEY_NULL_CHECK',
  'RCP_SYNTAX_ERROR_ACTION',
  'RCP_SYNTAX_ERROR_ALLOW',
  'RCP_SYNTAX_ERROR_NOTACTION',
  'RCP_SYNTAX_ERROR_PRINCIPAL',
  'REDUNDANT_KEY_DUE_TO_WILDCARD_IN_CONDITION',
  'REDUNDANT_STATEMENT_DUE_TO_WILDCARD_IN_CONDITION',
  'S3_PREFIX_IN_NEGATIVE_CONTEXT',
  'STRING_LIKE_OPERATOR_WITH_ARN_CONDITION_KEYS',
  'UNTRUSTWORTHY_CONDITION_KEY',
  'USE_CONDITION_KEY_ONLY_WITH_SUPPORTED_SERVICES',
  'VARIABLE_USAGE_TOO_PERMISSIVE',
  'WILDCARD_USAGE_TOO_PERMISSIVE',
];

const SCP = 'service control policies take the whole language since 2025';
const RCP = 'resource control policies are no policy type of ours';
const UNNAMED = 'the page does not say of which keys';
const NOT_TOLD: Readonly<Record<string, string>> = {
  DEPRECATED_GLOBAL_CONDITION_KEY: 'of the one key that it names, aws:ARN, UNSUPPORTED_GLOBAL_CONDITION_KEY is told',
  FORANYVALUE_WITH_AUDIENCE_CLAIM_TYPE: 'told as CONFIRM_AUDIENCE_CLAIM_TYPE, which has the same cause and cure',
  INVALID_KMS_KEY_VALUE: UNNAMED,
  IRRELEVANT_CONDITION_KEY_IN_POLICY: 'which keys matter to which kind of resource is not in the data',
  POLICY_SIZE_EXCEEDS_RCP_QUOTA: RCP,
  RCP_MISSING_RELATED_PRINCIPAL_CONDITION_KEY: RCP,
  RCP_MISSING_RELATED_SERVICE_PRINCIPAL_CONDITION_KEY: RCP,
  RCP_MISSING_SERVICE_CONDITION_KEY_NULL_CHECK: RCP,
  RCP_SYNTAX_ERROR_ACTION: RCP,
  RCP_SYNTAX_ERROR_ALLOW: RCP,
  RCP_SYNTAX_ERROR_NOTACTION: RCP,
  RCP_SYNTAX_ERROR_PRINCIPAL: RCP,
  REDUNDANT_KEY_DUE_TO_WILDCARD_IN_CONDITION: 'a lone star is told as EQUIVALENT_TO_NULL_FALSE',
  REDUNDANT_STATEMENT_DUE_TO_WILDCARD_IN_CONDITION: 'a lone star is told as EQUIVALENT_TO_NULL_FALSE',
  SCP_SYNTAX_ERROR_ACTION_WILDCARD: SCP,
  SCP_SYNTAX_ERROR_ALLOW_CONDITION: SCP,
  SCP_SYNTAX_ERROR_ALLOW_NOTACTION: SCP,
  SCP_SYNTAX_ERROR_ALLOW_RESOURCE: SCP,
  SCP_SYNTAX_ERROR_NOTRESOURCE: SCP,
  UNSUPPORTED_ACTION_FOR_CONDITION_KEY: `ours is condition-key-not-for-action, without a code: ${UNNAMED}`,
  USE_CONDITION_KEY_ONLY_WITH_SUPPORTED_SERVICES: 'which services take part is not in the data',
  VARIABLE_USAGE_TOO_PERMISSIVE: UNNAMED,
  WILDCARD_USAGE_TOO_PERMISSIVE: UNNAMED,
};

type Show = [type: PolicyType, bad: Raw | Raw[], good: Raw | Raw[]];
const tag = (operator: string, value: unknown): Raw => read(when(operator, 'aws:PrincipalTag/a', value));
const from = (operator: string, ...addresses: string[]): Raw => read(when(operator, 'aws:SourceIp', addresses));
const object = (name: string): Raw => upload({ Resource: `arn:aws:s3:::bucket/${name}` });
const ROLE = 'arn:aws:iam::111122223333:role/app';
/** One of the two rights to hand out roles, broad in one of AWS's ways. */
const handsOut = (action: string, notAction: boolean, notResource: boolean): Raw => ({
  Effect: 'Allow',
  ...(notAction ? { NotAction: 's3:*' } : { Action: action }),
  ...(notResource ? { NotResource: ROLE } : { Resource: '*' }),
});
const named = (action: string): Raw => ({ Effect: 'Allow', Action: action, Resource: ROLE });
const handing = (prefix: string, action: string, star: string): [code: string, show: Show][] => [
  [`${prefix}_WITH_NOT_RESOURCE`, ['identity', handsOut(action, false, true), named(action)]],
  [`${prefix}_WITH_STAR_IN_ACTION_AND_NOT_RESOURCE`, ['identity', handsOut(star, false, true), named(star)]],
  [`${prefix}_WITH_NOT_ACTION_AND_NOT_RESOURCE`, ['identity', handsOut(action, true, true), named(action)]],
  [`${prefix}_WITH_STAR_IN_RESOURCE_AND_NOT_ACTION`, ['identity', handsOut(action, true, false), named(action)]],
  [`${prefix}_WITH_STAR_IN_ACTION_AND_RESOURCE`, ['identity', handsOut(star, false, false), named(star)]],
];
const objects = (count: number) => Array.from({ length: count }, (_, index) => `arn:aws:s3:::bucket/${String(index)}`);

/** Codes that are a variant of another one's rule: each on a policy, and the same put right. */
const VARIANTS: Readonly<Record<string, Show>> = {
  ...Object.fromEntries([
    ...handing('PASS_ROLE', 'iam:PassRole', 'iam:Pass*'),
    ...handing('CREATE_SLR', 'iam:CreateServiceLinkedRole', 'iam:CreateServiceL*'),
  ]),
  DENY_NOTACTION_WITH_UNSUPPORTED_TAG_CONDITION_KEY_FOR_SERVICE: [
    'identity',
    { Effect: 'Deny', NotAction: 'iam:*', Resource: '*', ...when('StringEquals', 'aws:ResourceTag/a', 'b') },
    { Effect: 'Deny', NotAction: 'iam:*', Resource: '*', ...when('StringNotEquals', 'aws:ResourceTag/a', 'b') },
  ],
  DYNAMODB_ATTRIBUTES_WITHOUT_SELECT: [
    'identity',
    read({
      Action: 'dynamodb:GetItem',
      Resource: 'arn:aws:dynamodb:us-east-1:111122223333:table/a',
      ...when('ForAllValues:StringEquals', 'dynamodb:Attributes', ['id']),
    }),
    read({
      Action: 'dynamodb:GetItem',
      Resource: 'arn:aws:dynamodb:us-east-1:111122223333:table/a',
      Condition: {
        'ForAllValues:StringEquals': { 'dynamodb:Attributes': ['id'] },
        StringEquals: { 'dynamodb:Select': 'SPECIFIC_ATTRIBUTES' },
      },
    }),
  ],
  EMPTY_ARRAY_CONDITION_FORALLVALUES: ['identity', tag('ForAllValues:StringEquals', []), tag('StringEquals', [])],
  EMPTY_ARRAY_CONDITION_FORANYVALUE: ['identity', tag('ForAnyValue:StringEquals', []), tag('StringEquals', [])],
  EMPTY_ARRAY_CONDITION_IFEXISTS: ['identity', tag('StringEqualsIfExists', []), tag('StringEquals', [])],
  EMPTY_ARRAY_CONDITION: ['identity', tag('StringEquals', []), tag('StringEquals', ['a'])],
  EMPTY_ARRAY_PRINCIPAL: ['resource', attached({ Principal: { AWS: [] } }), attached()],
  EMPTY_ARRAY_RESOURCE: ['identity', read({ Resource: [] }), read()],
  EMPTY_OBJECT_CONDITION: ['identity', read({ Condition: {} }), read()],
  EMPTY_VARIABLE: ['identity', object('${}'), object('${aws:username}')],
  MISSING_BRACE_IN_VARIABLE: ['identity', object('${aws:username'), object('${aws:username}')],
  MISSING_QUOTE_IN_VARIABLE: ['identity', object('${aws:username, a}'), object("${aws:username, 'a'}")],
  INVALID_USER_REFERENCE: ['trust', trust({ Principal: { AWS: 'AIDAEXAMPLEEXAMPLE123' } }), trust()],
  INVALID_VPCE_FORMAT: [
    'identity',
    read(when('StringEquals', 'aws:SourceVpce', 'vpc-12345678')),
    read(when('StringEquals', 'aws:SourceVpce', 'vpce-12345678')),
  ],
  POLICY_SIZE_EXCEEDS_RESOURCE_POLICY_QUOTA: ['resource', attached({ Resource: objects(1_000) }), attached()],
  POLICY_SIZE_EXCEEDS_ROLE_TRUST_POLICY_QUOTA: ['trust', trust({ Sid: 'a'.repeat(2_048) }), trust()],
  POLICY_SIZE_EXCEEDS_SCP_QUOTA: ['scp', upload({ Resource: objects(300) }), upload()],
  PRIVATE_IP_ADDRESS: ['identity', from('IpAddress', '10.0.0.0/8'), from('IpAddress', '203.0.113.0/24')],
  PRIVATE_IP_ADDRESS_SUBSET: [
    'identity',
    from('IpAddress', '10.0.0.0/8', '203.0.113.0/24'),
    from('IpAddress', '10.0.0.0/8', '192.168.0.0/16'),
  ],
  PRIVATE_NOT_IP_ADDRESS: ['identity', from('NotIpAddress', '10.0.0.0/8'), from('IpAddress', '10.0.0.0/8')],
  PRIVATE_NOT_IP_ADDRESS_SUBSET: [
    'identity',
    from('NotIpAddress', '10.0.0.0/8', '203.0.113.0/24'),
    from('NotIpAddress', '203.0.113.0/24'),
  ],
  ROLE_TRUST_POLICY_UNSUPPORTED_WILDCARD_IN_PRINCIPAL: ['trust', trust({ Principal: '*' }), trust()],
  SCP_SYNTAX_ERROR_PRINCIPAL: ['scp', upload({ Principal: '*' }), upload()],
  TYPE_MISMATCH_BOOLEAN: [
    'identity',
    read(when('Bool', 'aws:SecureTransport', 'yes')),
    read(when('Bool', 'aws:SecureTransport', 'true')),
  ],
  TYPE_MISMATCH_IP_RANGE: ['identity', from('IpAddress', '203.0.113.0-9'), from('IpAddress', '203.0.113.0/24')],
  TYPE_MISMATCH_STRING: ['identity', tag('BinaryEquals', 'not base64!'), tag('BinaryEquals', 'YQ==')],
};

async function codesOf(given: Raw | Raw[] | string, type: PolicyType): Promise<Set<string>> {
  const text = textOf(given);
  if (text.length > 2_500_000) return new Set();
  const problems = checkDocument(readJson({ name: 'policy.json', text }, { type }), await loadCatalogue());
  return new Set(problems.flatMap(({ rule }) => (rule.code === null ? [] : [rule.code])));
}

describe('corpus: codes of Access Analyzer', () => {
  for (const [code, [type, bad, good]] of Object.entries(VARIANTS)) {
    it(`${code} is told where it has to be and nowhere else`, async () => {
      const found = await codesOf(bad, type);
      assert.ok(found.has(code), `silent on ${textOf(bad)}: ${[...found].join(', ')}`);
      assert.ok(!(await codesOf(good, type)).has(code), `told of ${textOf(good)}`);
    });
  }

  it('a subject that leaves the owner open is as bad as none', async () => {
    for (const [subject, severity] of [
      ['repo:*', 'critical'],
      ['*/app:ref:refs/heads/main', 'critical'],
      ['repo:owner/*', 'medium'],
    ] as const) {
      const statement = trust({
        Principal: { Federated: 'arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com' },
        Action: 'sts:AssumeRoleWithWebIdentity',
        ...when('StringLike', 'token.actions.githubusercontent.com:sub', subject),
      });
      const document = readJson({ name: 'trust.json', text: textOf(statement) }, { type: 'trust' });
      const found = checkDocument(document, await loadCatalogue());
      assert.deepEqual(
        found.map((one) => [one.rule.id, one.severity]),
        [['github-repository-too-broad', severity]],
      );
    }
  });

  if (CATALOGUE === null) {
    it.skip('iam/access-analyzer-checks.jsonl is not here');
    return;
  }
  it('are all told, or listed with the reason', async () => {
    const known = new Set([...(jsonLines(CATALOGUE) as { code: string }[]).map(({ code }) => code), ...SINCE]);
    const told = new Set(Object.keys(VARIANTS));
    for (const [, type, bad] of CASES) for (const code of await codesOf(bad, type)) told.add(code);
    const silent = [...known].filter((code) => !told.has(code)).sort();
    console.log(`      ${String(known.size - silent.length)} of ${String(known.size)} codes are told; not told are:`);
    for (const code of silent) console.log(`      ${code}: ${NOT_TOLD[code] ?? 'no reason known'}`);
    assert.deepEqual(silent, Object.keys(NOT_TOLD).sort());
    assert.deepEqual(
      [...told].filter((code) => !known.has(code)),
      [],
      'codes that AWS does not have',
    );
  });
});
