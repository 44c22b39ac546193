/**
 * Whatever a file holds, a repair never widens it: every request that is allowed after it was allowed before, but for
 * what is needed and was missing. Checked by evaluating requests, which the proof of the repair itself does not do.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Suite } from 'mocha';
import { stringify } from 'yaml';
import { loadCatalogue, type Catalogue } from '../../src/lib/iam/catalogue.ts';
import { evaluate, type Request } from '../../src/lib/iam/evaluate.ts';
import { fixSources } from '../../src/lib/iam/fix/index.ts';
import type { Need } from '../../src/lib/iam/need.ts';
import { readDocument } from '../../src/lib/iam/parse.ts';
import type { Policy } from '../../src/lib/iam/policy.ts';
import { checkDocument } from '../../src/lib/iam/validate.ts';
import { describeLong } from '../support/long.ts';

const ACCOUNT = '111122223333';
const secret = (name: string) => `arn:aws:secretsmanager:us-east-1:${ACCOUNT}:secret:${name}`;
const KEY = `arn:aws:kms:us-east-1:${ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab`;

const actions = fc.constantFrom(
  'secretsmanager:GetSecretValue',
  'SecretsManager:getSecretValue',
  'secretsmanager:Get*',
  'secretsmanager:*',
  'secretsmanager:GetSecretValu',
  'secretsmanager:GetSecretValue, kms:Decrypt',
  'kms:Decrypt',
  'ecr:GetAuthorizationToken',
  's3:GetObject',
  '*',
);
const resources = fc.constantFrom(
  '*',
  secret('app'),
  secret('app-*'),
  secret('app*'),
  secret('app-??????'),
  secret('app-AbCdEf'),
  secret('${aws:PrincipalTag/team}-*'),
  KEY,
  `arn:aws:kms:us-east-1:${ACCOUNT}:key/*`,
  'arn:aws:s3',
  'arn:aws:s3:::b/*',
);
const conditions = fc.constantFrom<[operator: string, key: string, value: unknown]>(
  ['StringLike', 'aws:SourceArn', 'arn:aws:ecs:*:111122223333:*'],
  ['StringNotLike', 'aws:SourceArn', 'arn:aws:ecs:*:111122223333:*'],
  ['StringLike', 'aws:SourceArn', 'arn:aws:ecs'],
  ['StringEquals', 'aws:SourceArn', 'arn:aws:ecs:us-east-1:111122223333:task/a'],
  ['StringNotEquals', 'aws:SourceArn', ['arn:aws:ecs:us-east-1:111122223333:task/a', 'arn:aws:ecs:*:*:task/b']],
  ['StringLike', 'aws:PrincipalTag/team', '*'],
  ['StringLike', 'aws:PrincipalTag/team', ['*', 'a']],
  ['StringEquals', 'aws:PrincipalTag/team', 'a*'],
  ['StringNotEquals', 'aws:PrincipalTag/team', 'a*'],
  ['ForAllValues:StringEquals', 'aws:PrincipalTag/team', 'app'],
  ['ForAllValues:StringNotLike', 'aws:PrincipalTag/team', ['x*']],
  ['ForAllValues:StringLike', 'aws:TagKeys', ['a*']],
  ['NullIfExists', 'aws:PrincipalTag/team', 'true'],
  ['Null', 'aws:TagKeys', 'true'],
  ['IpAddress', 'aws:SourceIp', '203.0.113.77/24'],
  ['NotIpAddress', 'aws:SourceIp', '203.0.113.77/24'],
  ['StringEquals', 'kms:ViaService', 'secretsmanager.us-east-1.amazonaws.com'],
);

const few = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T | T[]> =>
  fc.oneof<fc.Arbitrary<T | T[]>[]>(one, fc.array(one, { minLength: 1, maxLength: 3 }));

/** A statement as it is meant; the defects of form come when it is written. */
const statements = fc.record(
  {
    Sid: fc.constantFrom('a', 'b', 'a b', 'r_1'),
    Effect: fc.constantFrom('Allow', 'Allow', 'Allow', 'Deny'),
    Action: few(actions),
    NotAction: actions,
    Resource: few(resources),
    NotResource: resources,
    Condition: fc.array(conditions, { minLength: 1, maxLength: 3 }).map((list) => {
      const made: Record<string, Record<string, unknown>> = {};
      for (const [operator, key, value] of list) made[operator] = { ...made[operator], [key]: value };
      return made;
    }),
  },
  { requiredKeys: ['Effect', 'Action', 'Resource'] },
);

/** How it is written: the elements and effects in the wrong case, commas that are too many, in JSON or in YAML. */
const writings = fc.record({
  version: fc.constantFrom('2012-10-17', '2012-10-17', '2008-10-17', '2026-01-01', null),
  indent: fc.constantFrom(0, 2, 4),
  yaml: fc.boolean(),
  lowerElement: fc.constantFrom('', 'Action', 'Effect', 'Resource', 'Statement'),
  lowerEffect: fc.boolean(),
  comma: fc.boolean(),
  mark: fc.boolean(),
});
type Writing = typeof writings extends fc.Arbitrary<infer T> ? T : never;

function written(document: object, { indent, yaml, lowerElement, lowerEffect, comma, mark }: Writing): string {
  let text = yaml ? stringify(document, { lineWidth: 0 }) : JSON.stringify(document, null, indent);
  if (lowerElement !== '') {
    text = text.replace(yaml ? `${lowerElement}:` : `"${lowerElement}":`, (name) => name.toLowerCase());
  }
  if (lowerEffect)
    text = text.replace(
      /(Effect"?: ?"?)(Allow|Deny)/,
      (_, lead: string, effect: string) => lead + effect.toLowerCase(),
    );
  if (comma && !yaml) text = text.replace(/\}(\s*)\]/, '},$1]');
  return mark && !yaml ? `\uFEFF${text}` : text;
}

const pick = <T>(...values: T[]) => values;
const CONTEXTS: Record<string, string | string[]>[] = pick<Record<string, string | string[]>>({}).concat(
  pick(
    'arn:aws:ecs:us-east-1:111122223333:task/a',
    'arn:aws:ecs:x:y:111122223333:z',
    'arn:aws:ecs:*:*:task/b',
    'arn:aws:ecs',
  ).flatMap((source) =>
    pick('app', 'a*', 'abc', 'xy').map((team) => ({
      'aws:SourceArn': source,
      'aws:PrincipalTag/team': team,
      'aws:SourceIp': '203.0.113.9',
      'kms:ViaService': 'secretsmanager.us-east-1.amazonaws.com',
    })),
  ),
  pick<Record<string, string | string[]>>(
    { 'aws:TagKeys': ['ab', 'ac'] },
    { 'aws:TagKeys': ['b'], 'aws:PrincipalTag/team': 'app' },
    { 'aws:PrincipalTag/team': 'app' },
    { 'aws:SourceIp': '198.51.100.1' },
    { 'aws:SourceArn': 'arn:aws:ecs:us-east-1:111122223333:task/a' },
    { 'kms:ViaService': 's3.us-east-1.amazonaws.com' },
  ),
);
const ACTIONS = [
  'secretsmanager:GetSecretValue',
  'secretsmanager:DeleteSecret',
  'kms:Decrypt',
  'ecr:GetAuthorizationToken',
  's3:GetObject',
];
const RESOURCES = [
  '*',
  secret('app'),
  secret('app-AbCdEf'),
  secret('app-eu-AbCdEf'),
  secret('apple-AbCdEf'),
  secret('abc-AbCdEf'),
  KEY,
  'arn:aws:s3:::b/k',
  'arn:aws:s3:::c/k',
];
const CALLER = { arn: `arn:aws:iam::${ACCOUNT}:role/principal`, account: ACCOUNT };

const REQUESTS = ACTIONS.flatMap((action) =>
  // An action that takes no resource is asked for with "*", and no other is.
  RESOURCES.filter((resource) => (resource === '*') === action.startsWith('ecr:')).flatMap((resource) =>
    CONTEXTS.map((context) => ({ caller: CALLER, action, resource, context })),
  ),
);
const allowed = (policy: Policy, request: Request) => evaluate(request, { identity: [policy] }).verdict === 'allow';

const NEEDS: Need[] = [
  ['secretsmanager:GetSecretValue', secret('app-AbCdEf')],
  ['secretsmanager:GetSecretValue', secret('app-eu-AbCdEf')],
  ['kms:Decrypt', KEY],
  ['ecr:GetAuthorizationToken', '*'],
].map(([action = '', resource = '']) => ({
  action,
  resource,
  context: { 'kms:ViaService': 'secretsmanager.us-east-1.amazonaws.com' },
  why: 'container app',
  without: null,
}));

/** The suite itself; it tells what was repaired, so that one sees that something was. */
function neverWidens(this: Suite, runs: number): void {
  this.timeout(60_000);
  let catalogue: Catalogue;
  let changed = 0;
  const rules = new Map<string, number>();

  before(async () => {
    catalogue = await loadCatalogue();
  });

  after(() => {
    const seen = [...rules].sort(([, a], [, b]) => b - a).map(([rule, count]) => `${rule} ${String(count)}`);
    console.log(`      ${String(changed)} files changed: ${seen.join(', ')}`);
  });

  const given = fc.record({
    statements: fc.array(statements, { minLength: 1, maxLength: 3 }),
    writing: writings,
    needs: fc.option(fc.subarray(NEEDS)),
  });

  it('whatever is in the file, needs or not', async () => {
    await fc.assert(
      fc.asyncProperty(given, async ({ statements: list, writing, needs }) => {
        const document = { ...(writing.version === null ? {} : { Version: writing.version }), Statement: list };
        const name = writing.yaml ? 'policy.yaml' : 'policy.json';
        const read = async (text: string) => (await readDocument({ name, text }, { type: 'identity' })).policies[0];
        const text = written(document, writing);
        const { files, repaired } = await fixSources([{ name, text }], { type: 'identity', needs }, catalogue);
        const [file] = files;
        if (!file) return;
        changed += 1;
        for (const { rule } of repaired) rules.set(rule, (rules.get(rule) ?? 0) + 1);

        const meant = await read(
          written(document, { ...writing, lowerElement: '', lowerEffect: false, comma: false, mark: false }),
        );
        const after = await read(file.text);
        assert.ok(meant);
        // Without Version and with statements by another name it is no policy, only JSON that is put right.
        if (!after) return;
        const was = await read(text);
        for (const request of REQUESTS) {
          if (!allowed(after, request) || allowed(meant, request) || (was && allowed(was, request))) continue;
          // What was missing, and nothing else: the very secret under another of its suffixes, at most.
          const missing = (needs ?? []).filter((need) => !allowed(meant, { caller: CALLER, ...need }));
          assert.ok(
            missing.some(({ action, resource }) => action === request.action && resource === request.resource),
            `${request.action} on ${request.resource} with ${JSON.stringify(request.context)}\n${text}\n${file.text}`,
          );
        }
        for (const need of needs ?? []) {
          const request = { caller: CALLER, ...need };
          assert.ok(
            !was || !allowed(was, request) || allowed(after, request),
            `lost ${need.action}\n${text}\n${file.text}`,
          );
        }
        if (!writing.yaml) JSON.parse(file.text);
        const again = await fixSources([file], { type: 'identity', needs }, catalogue);
        assert.deepEqual(again.repaired, [], file.text);
        const errors = async (content: string) =>
          checkDocument(await readDocument({ name, text: content }, { type: 'identity' }), catalogue).filter(
            ({ rule }) => rule.kind === 'error',
          ).length;
        assert.ok((await errors(file.text)) <= (await errors(text)));
      }),
      { numRuns: runs },
    );
    assert.ok(changed > runs / 3, `only ${String(changed)} files changed`);
  });
}

describe('iam fix: never widens', function () {
  neverWidens.call(this, 60);
});
describeLong('iam fix: never widens, many times', function () {
  neverWidens.call(this, 300);
});
