/** IAM Access Analyzer: validation of policies and two of its custom checks, for the faults that a test plants. */
import { isNode, parseDocument, type Document } from 'yaml';
import { requiredText, text } from './input.ts';
import { page } from './paging.ts';
import { decide, statementsOf, type Statement } from './policy.ts';
import { AwsFault, type AwsService } from './service.ts';

type Input = Record<string, unknown>;

/** A finding before its place is counted out. */
interface Found {
  code: string;
  type: 'ERROR' | 'SECURITY_WARNING' | 'WARNING' | 'SUGGESTION';
  details: string;
  /** Of each place, the way from the root. */
  paths: (string | number)[][];
}

const LEARN_MORE = 'https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html';
const TYPES = ['IDENTITY_POLICY', 'RESOURCE_POLICY', 'SERVICE_CONTROL_POLICY', 'RESOURCE_CONTROL_POLICY'];

/** ValidatePolicy, CheckNoPublicAccess and CheckNoNewAccess. */
export function createAccessAnalyzer(): AwsService {
  return {
    handlers: {
      ValidatePolicy(input) {
        const document = requiredText(input, 'policyDocument', { min: 1, max: 1_048_576 });
        const type = oneOf(input, 'policyType', TYPES);
        // JSON is YAML, whose reader tells where everything stands.
        const tree = parseDocument(document);
        const parsed = jsonOf(document);
        const found = parsed === undefined ? [BROKEN] : [...findingsOf(parsed, type)];
        const cut = page(
          found.map((one) => shown(one, tree, document)),
          {
            size: input.maxResults === undefined ? 100 : Number(input.maxResults),
            token: text(input, 'nextToken'),
            binding: [document, type],
          },
        );
        return { findings: cut.items, nextToken: cut.nextToken };
      },
      CheckNoPublicAccess(input) {
        const statements = read(input, 'policyDocument');
        requiredText(input, 'resourceType');
        return verdict(
          statements,
          (statement) => statement.Effect === 'Allow' && everyone(statement) && statement.Condition === undefined,
          'public access to the resource',
        );
      },
      CheckNoNewAccess(input) {
        const statements = read(input, 'newPolicyDocument');
        const existing = { Statement: read(input, 'existingPolicyDocument') };
        oneOf(input, 'policyType', ['IDENTITY_POLICY', 'RESOURCE_POLICY']);
        const isNew = ({ Effect, Action, Resource }: Statement) =>
          Effect === 'Allow' &&
          listOf(Action).some((action) =>
            listOf(Resource).some((resource) => decide([existing], { action, resource }) !== 'allowed'),
          );
        return verdict(statements, isNew, 'new access compared to your existing policy');
      },
    },
  };
}

const BROKEN: Found = { code: 'JSON_SYNTAX_ERROR', type: 'ERROR', details: 'Fix the JSON syntax error.', paths: [[]] };

function* findingsOf(document: object, type: string): Generator<Found> {
  if (!('Version' in document)) {
    yield {
      code: 'MISSING_VERSION',
      type: 'WARNING',
      details: 'We recommend that you specify the Version element to help you with debugging permission issues.',
      paths: [[]],
    };
  }
  const single = !Array.isArray((document as { Statement?: unknown }).Statement);
  for (const [index, statement] of statementsOf(document).entries()) {
    const path = single ? ['Statement'] : ['Statement', index];
    if (type === 'RESOURCE_POLICY' && !Object.hasOwn(statement, 'Principal')) {
      yield {
        code: 'MISSING_PRINCIPAL',
        type: 'ERROR',
        details: 'Add a Principal element to the policy statement.',
        paths: [path],
      };
    }
    const passing = listOf(statement.Action).findIndex((action) => action.toLowerCase() === 'iam:passrole');
    const member = (name: 'Action' | 'Resource', at: number) => [
      ...path,
      name,
      ...(Array.isArray(statement[name]) ? [at] : []),
    ];
    if (statement.Effect === 'Allow' && passing !== -1 && listOf(statement.Resource).includes('*')) {
      yield {
        code: 'PASS_ROLE_WITH_STAR_IN_RESOURCE',
        type: 'SECURITY_WARNING',
        details:
          'Using the iam:PassRole action with wildcards (*) in the resource can be overly permissive because it allows iam:PassRole permissions on multiple resources. We recommend that you specify resource ARNs or add the iam:PassedToService condition key to your statement.',
        paths: [member('Action', passing), member('Resource', listOf(statement.Resource).indexOf('*'))],
      };
    }
    for (const [at, action] of listOf(statement.Action).entries()) {
      if (!/^secretsmanager:/i.test(action) || /[*?]/.test(action) || ACTIONS.has(action.toLowerCase())) continue;
      yield {
        code: 'INVALID_ACTION',
        type: 'ERROR',
        details: `The action ${action} does not exist.`,
        paths: [member('Action', at)],
      };
    }
  }
}

/** The actions of Secrets Manager that the sandbox has; every other service's pass. */
const ACTIONS: ReadonlySet<string> = new Set(
  [
    ...['BatchGetSecretValue', 'CancelRotateSecret', 'CreateSecret', 'DeleteResourcePolicy', 'DeleteSecret'],
    ...['DescribeSecret', 'GetRandomPassword', 'GetResourcePolicy', 'GetSecretValue', 'ListSecrets'],
    ...['ListSecretVersionIds', 'PutResourcePolicy', 'PutSecretValue', 'RemoveRegionsFromReplication'],
    ...['ReplicateSecretToRegions', 'RestoreSecret', 'RotateSecret', 'StopReplicationToReplica', 'TagResource'],
    ...['UntagResource', 'UpdateSecret', 'UpdateSecretVersionStage', 'ValidateResourcePolicy'],
  ].map((name) => `secretsmanager:${name.toLowerCase()}`),
);

/** Lines from 1, columns from 0, the end exclusive. */
function shown({ code, type, details, paths }: Found, tree: Document, document: string) {
  return {
    findingDetails: details,
    findingType: type,
    issueCode: code,
    learnMoreLink: LEARN_MORE,
    locations: paths.map((path) => {
      const node = path.length > 0 ? tree.getIn(path, true) : undefined;
      const [start, end] = (isNode(node) ? node.range : null) ?? [0, document.length];
      return {
        path: path.map((step) => (typeof step === 'number' ? { index: step } : { value: step })),
        span: { start: positionOf(document, start), end: positionOf(document, end) },
      };
    }),
  };
}

function jsonOf(text: string): object | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return parsed !== null && typeof parsed === 'object' ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function positionOf(document: string, offset: number) {
  const before = document.slice(0, offset).split('\n');
  return { line: before.length, column: before.at(-1)?.length ?? 0, offset };
}

function verdict(statements: readonly Statement[], fails: (statement: Statement) => boolean, what: string) {
  const reasons = statements.flatMap((statement, index) =>
    fails(statement)
      ? [{ description: `The statement in index ${String(index)} grants ${what}.`, statementIndex: index }]
      : [],
  );
  const failed = reasons.length > 0;
  return {
    result: failed ? 'FAIL' : 'PASS',
    message: failed ? `The modified permissions grant ${what}.` : `The policy document does not grant ${what}.`,
    reasons: failed ? reasons : [],
  };
}

function everyone(statement: Statement): boolean {
  const { Principal } = statement as { Principal?: unknown };
  if (Principal === '*') return true;
  return listOf((Principal as { AWS?: unknown } | undefined)?.AWS).includes('*');
}

function read(input: Input, name: string): Statement[] {
  const document = requiredText(input, name, { min: 1, max: 1_048_576 });
  try {
    return statementsOf(JSON.parse(document)).filter((statement) => typeof statement === 'object');
  } catch {
    throw new AwsFault('ValidationException', `The ${name} is not valid JSON.`);
  }
}

function oneOf(input: Input, name: string, values: readonly string[]): string {
  const value = requiredText(input, name);
  if (values.includes(value)) return value;
  throw new AwsFault(
    'ValidationException',
    `1 validation error detected: Value '${value}' at '${name}' failed to satisfy constraint: Member must satisfy enum value set: [${values.join(', ')}]`,
  );
}

const listOf = (value: unknown): string[] =>
  (Array.isArray(value) ? value : [value]).filter((item): item is string => typeof item === 'string');
