/** IAM's policy simulator, for the policies of an identity and its boundary. */
import type { Input } from './iam-form.ts';
import { missing, objects, texts } from './input.ts';
import { decide, statementsOf } from './policy.ts';
import { AwsFault, type AwsHandlers } from './service.ts';

/** SimulateCustomPolicy: https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulateCustomPolicy.html */
export const simulateHandlers: AwsHandlers = {
  SimulateCustomPolicy(input) {
    const policies = documentsOf(input, 'PolicyInputList');
    if (policies.length === 0) throw missing('policyInputList');
    const boundary = documentsOf(input, 'PermissionsBoundaryPolicyInputList');
    const actions = texts(input, 'ActionNames', 1_000, { min: 3, max: 128 }) ?? [];
    if (actions.length === 0) throw missing('actionNames');
    const resources = texts(input, 'ResourceArns', 1_000, { min: 1, max: 2048 }) ?? ['*'];
    const context = Object.fromEntries(
      (objects(input, 'ContextEntries', 100) ?? []).map((entry): [string, string | string[]] => {
        const values = texts(entry, 'ContextKeyValues', 100) ?? [];
        return [
          String(entry.ContextKeyName),
          String(entry.ContextKeyType).endsWith('List') ? values : (values[0] ?? ''),
        ];
      }),
    );
    const wanted = keysOf([...policies, ...boundary]);
    const absent = wanted.filter((key) => !Object.keys(context).some((has) => has.toLowerCase() === key.toLowerCase()));
    return {
      EvaluationResults: actions.flatMap((action) =>
        resources.map((resource) => {
          const request = { action, resource, context };
          const own = decide(policies, request);
          const limit = boundary.length === 0 ? 'allowed' : decide(boundary, request);
          return {
            EvalActionName: action,
            EvalResourceName: resource,
            EvalDecision: [own, limit].includes('explicitDeny') ? 'explicitDeny' : limit === 'allowed' ? own : limit,
            MatchedStatements: [],
            MissingContextValues: absent,
            ...(boundary.length === 0
              ? {}
              : { PermissionsBoundaryDecisionDetail: { AllowedByPermissionsBoundary: String(limit === 'allowed') } }),
          };
        }),
      ),
      IsTruncated: false,
    };
  },
};

function documentsOf(input: Input, name: string): unknown[] {
  return (texts(input, name, 100, { min: 1, max: 131_072 }) ?? []).map((text, index) => {
    try {
      const parsed: unknown = JSON.parse(text);
      if (parsed !== null && typeof parsed === 'object' && 'Statement' in parsed) return parsed;
    } catch {
      // Told below, as of a policy that is JSON and no policy.
    }
    throw new AwsFault('InvalidInput', `Invalid policy in ${name} at position ${String(index + 1)}.`);
  });
}

/** The condition keys that policies ask for. */
function keysOf(documents: readonly unknown[]): string[] {
  const blocks = documents
    .flatMap(statementsOf)
    .flatMap(({ Condition }) => Object.values((Condition ?? {}) as Record<string, object>));
  return [...new Set(blocks.flatMap((block) => Object.keys(block)))].sort();
}
