/** Each rule where it has to fire, and the same policy put right, where it must not. */
import assert from 'node:assert/strict';
import { loadCatalogue } from '../../src/lib/iam/catalogue.ts';
import { readJson } from '../../src/lib/iam/parse.ts';
import type { PolicyType } from '../../src/lib/iam/policy.ts';
import { JOIN_RULES } from '../../src/lib/iam/join-rules.ts';
import { ONLINE_RULES } from '../../src/lib/iam/online/rules.ts';
import { ACCESS_RULES } from '../../src/lib/iam/rules/access.ts';
import { RULES } from '../../src/lib/iam/rules/index.ts';
import { checkDocument } from '../../src/lib/iam/validate.ts';
import { attached, CASES, decrypt, key, read, SECRET, textOf, upload, when, type Raw } from './rules-cases.ts';

async function rulesFor(given: Raw | Raw[] | string, type: PolicyType): Promise<string[]> {
  const document = readJson({ name: 'policy.json', text: textOf(given) }, { type });
  if (textOf(given).length > 2_500_000) {
    const { readDocument } = await import('../../src/lib/iam/parse.ts');
    return (await readDocument({ name: 'policy.json', text: textOf(given) })).problems.map(({ rule }) => rule.id);
  }
  return checkDocument(document, await loadCatalogue()).map(({ rule }) => rule.id);
}

/** Rules that need more than one policy: tried where what they compare is at hand. */
const ELSEWHERE = new Set([...ACCESS_RULES, ...JOIN_RULES, ...ONLINE_RULES].map(({ id }) => id));

describe('iam: rules', () => {
  for (const [rule, type, bad, good] of CASES) {
    it(`${rule} fires where it has to and nowhere else`, async () => {
      assert.ok(
        (await rulesFor(bad, type)).includes(rule),
        `silent on ${textOf(bad).slice(0, 300)}: ${(await rulesFor(bad, type)).join(', ')}`,
      );
      assert.ok(!(await rulesFor(good, type)).includes(rule), `fires on ${textOf(good).slice(0, 300)}`);
    });
  }

  it('weigh what --fail-on goes by', () => {
    const severity = (id: string) => RULES.find((rule) => rule.id === id)?.severity;
    const table = {
      'arn-unknown-service': 'medium',
      'resource-never-matches': 'medium',
      'secret-without-suffix': 'high',
      'decrypt-unbound': 'high',
      'sensitive-read-unbound': 'high',
      'confused-deputy': 'medium',
    };
    for (const [id, expected] of Object.entries(table)) assert.equal(severity(id), expected, id);
  });

  it('are all tried, and have all that a finding shows', () => {
    const tried = new Set(CASES.map(([rule]) => rule));
    assert.deepEqual(
      RULES.filter(({ id }) => !tried.has(id) && !ELSEWHERE.has(id)).map(({ id }) => id),
      [],
    );
    for (const { id, title, why, fix } of RULES) {
      assert.match(id, /^[a-z0-9-]+$/);
      assert.ok(title !== '' && why.endsWith('.') && fix !== '', id);
    }
  });

  it('have nothing to say of the narrowest policy', async () => {
    const narrow = decrypt({
      Condition: {
        StringEquals: {
          'kms:ViaService': 'secretsmanager.us-east-1.amazonaws.com',
          'kms:EncryptionContext:SecretARN': `${SECRET}-AbCdEf`,
        },
      },
    });
    assert.deepEqual(await rulesFor([read(), narrow], 'identity'), []);
  });
});

describe('iam: variables', () => {
  const table: Record<string, string> = {
    '${aws:username': 'MISSING_BRACE_IN_VARIABLE',
    '${}': 'EMPTY_VARIABLE',
    '${ aws:username}': 'UNSUPPORTED_SPACE_IN_VARIABLE',
    '${aws:username, none}': 'MISSING_QUOTE_IN_VARIABLE',
    "${aws:username, 'none}": 'MISSING_QUOTE_IN_VARIABLE',
  };
  for (const [variable, code] of Object.entries(table)) {
    it(`${variable} is ${code}`, async () => {
      const document = readJson({
        name: 'policy.json',
        text: textOf(upload({ Resource: `arn:aws:s3:::bucket/${variable}` })),
      });
      const codes = checkDocument(document, await loadCatalogue()).flatMap(({ rule }) =>
        rule.id === 'variable-form' ? [rule.code] : [],
      );
      assert.deepEqual(codes, [code]);
    });
  }
});

describe('iam: complaints about other tools', () => {
  const silent: Record<string, [PolicyType, Raw | Raw[]]> = {
    '"*" for actions that take no resource': [
      'identity',
      read({
        Action: ['ecr:GetAuthorizationToken', 'secretsmanager:ListSecrets', 'secretsmanager:GetRandomPassword'],
        Resource: '*',
      }),
    ],
    '"*" in the policy of a secret, which means this secret': ['resource', attached()],
    '"*" in a key policy, which means this key': ['kms', key()],
    'everyone in a Deny': [
      'resource',
      {
        Effect: 'Deny',
        Principal: '*',
        Action: 'secretsmanager:*',
        Resource: '*',
        ...when('Bool', 'aws:SecureTransport', 'false'),
      },
    ],
    'a Deny of everything': ['identity', { Effect: 'Deny', Action: '*', Resource: '*' }],
    'a named secret': ['identity', read()],
    'a statement bound by the tag of the resource': [
      'identity',
      read({ Resource: '*', ...when('StringEquals', 'aws:ResourceTag/app', 'x') }),
    ],
    "one's own user": [
      'identity',
      read({
        Action: ['iam:CreateAccessKey', 'iam:CreateLoginProfile'],
        Resource: 'arn:aws:iam::*:user/${aws:username}',
      }),
    ],
    'the managed key of Secrets Manager': [
      'kms',
      [
        key(),
        {
          Effect: 'Allow',
          Principal: { AWS: '*' },
          Action: ['kms:Decrypt', 'kms:GenerateDataKey*', 'kms:CreateGrant'],
          Resource: '*',
          Condition: {
            StringEquals: {
              'kms:CallerAccount': '111122223333',
              'kms:ViaService': 'secretsmanager.us-east-1.amazonaws.com',
            },
          },
        },
      ],
    ],
  };
  for (const [what, [type, given]] of Object.entries(silent)) {
    it(`nothing is said of ${what}`, async () => {
      assert.deepEqual(await rulesFor(given, type), []);
    });
  }

  it('the default statement of a key policy is told as what it is, and blamed for nothing', async () => {
    const root = key({ Principal: { AWS: 'arn:aws:iam::111122223333:root' }, Action: 'kms:*' });
    assert.deepEqual(await rulesFor(root, 'kms'), ['key-delegates-to-iam']);
  });

  it('wildcards in actions are seen through', async () => {
    assert.ok(
      (
        await rulesFor(read({ Action: ['iam:Pass*', 'lambda:Create*', 'lambda:Invoke*'], Resource: '*' }), 'identity')
      ).includes('privilege-escalation'),
    );
  });

  it('a Deny with a condition takes nothing back for certain', async () => {
    const denied = read({ Effect: 'Deny', Action: 'iam:CreatePolicyVersion', Resource: '*' });
    const allowed = read({ Action: 'iam:CreatePolicyVersion', Resource: '*' });
    assert.ok(!(await rulesFor([allowed, denied], 'identity')).includes('privilege-escalation'));
    assert.ok(
      (await rulesFor([allowed, { ...denied, ...when('Bool', 'aws:ViaAWSService', 'false') }], 'identity')).includes(
        'privilege-escalation',
      ),
    );
  });
});
