/** Asks IAM's policy simulator the same question: https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulateCustomPolicy.html */
import type { ContextEntry, ContextKeyTypeEnum, PolicyEvaluationDecisionType } from '@aws-sdk/client-iam';
import { call, clientConfig, type AwsSettings } from '../../aws.ts';
import { JamfMcpError } from '../../errors.ts';
import type { Context } from '../../host.ts';
import type { ReadLayers } from '../can-layers.ts';
import type { Catalogue, KeyType } from '../catalogue.ts';
import { evaluate, type Decision, type Request } from '../evaluate.ts';
import { policyText } from './document.ts';

/** What the simulator says, beside what we say of the same policies. */
export interface Simulation {
  verdict: Decision['verdict'];
  /** Ours of the policies that the simulator takes: those of the identity, and the boundary. */
  ours: Decision['verdict'];
  agrees: boolean;
  /** Condition keys that it misses in the request, sorted. */
  absent: string[];
}

const VERDICTS: Readonly<Record<PolicyEvaluationDecisionType, Decision['verdict']>> = {
  allowed: 'allow',
  explicitDeny: 'explicit-deny',
  implicitDeny: 'implicit-deny',
};

const TYPES: Readonly<Record<KeyType, [one: ContextKeyTypeEnum, list: ContextKeyTypeEnum]>> = {
  String: ['string', 'stringList'],
  ARN: ['string', 'stringList'],
  Bool: ['boolean', 'booleanList'],
  Numeric: ['numeric', 'numericList'],
  Date: ['date', 'dateList'],
  IPAddress: ['ip', 'ipList'],
  Binary: ['binary', 'binaryList'],
};

/**
 * Simulate a request under its identity policies and its boundary. Policies of resources are left out: the simulator
 * takes them for users only.
 * @returns null where deployment fills in a part of a policy
 * @throws JamfMcpError as `call` does
 */
export async function simulate(
  request: Request,
  { layers, policies }: ReadLayers,
  { aws, catalogue, context }: { aws: AwsSettings; catalogue: Catalogue; context: Context },
): Promise<Simulation | null> {
  const textsOf = (layer: 'identity' | 'boundary') =>
    policies.filter((one) => one.layer === layer).map(({ policy, source }) => policyText(policy, source));
  const [identity, boundary] = [textsOf('identity'), textsOf('boundary')];
  if ([...identity, ...boundary].includes(null)) return null;
  if (identity.length === 0)
    throw new JamfMcpError('INPUT_INVALID', 'not asked: it judges policies of an identity, and there is none');
  const ours = evaluate(request, { identity: layers.identity, boundary: layers.boundary ?? null }).verdict;
  const entries = entriesOf(request.context, catalogue);
  const { IAMClient, SimulateCustomPolicyCommand } = await import('@aws-sdk/client-iam');
  const client = new IAMClient(clientConfig(aws));
  try {
    const output = await call(context, 'SimulateCustomPolicy', `simulation of ${request.action}`, (options) =>
      client.send(
        new SimulateCustomPolicyCommand({
          PolicyInputList: identity.filter((text) => text !== null),
          ...(boundary.length > 0
            ? { PermissionsBoundaryPolicyInputList: boundary.filter((text) => text !== null) }
            : {}),
          ActionNames: [request.action],
          ResourceArns: [request.resource],
          ...(entries.length > 0 ? { ContextEntries: entries } : {}),
        }),
        options,
      ),
    );
    const [result] = output.EvaluationResults ?? [];
    const verdict = VERDICTS[result?.EvalDecision ?? 'implicitDeny'];
    return { verdict, ours, agrees: verdict === ours, absent: [...(result?.MissingContextValues ?? [])].sort() };
  } finally {
    client.destroy();
  }
}

/**
 * {@link simulate}, or null where it cannot be: the offline verdict stands then, and `unread` tells why.
 * @throws JamfMcpError INTERRUPTED
 */
export async function simulateOr(
  request: Request,
  layers: ReadLayers,
  means: Parameters<typeof simulate>[2],
  unread: { what: string; why: string }[],
): Promise<Simulation | null> {
  const what = "IAM's simulator";
  try {
    const simulation = await simulate(request, layers, means);
    if (simulation === null) unread.push({ what, why: 'not asked: deployment fills in a part of a policy' });
    return simulation;
  } catch (error) {
    if (!(error instanceof JamfMcpError) || error.code === 'INTERRUPTED') throw error;
    unread.push({ what, why: error.message });
    return null;
  }
}

function entriesOf(context: Request['context'], catalogue: Catalogue): ContextEntry[] {
  return Object.entries(context).map(([name, value]) => {
    const [one, list] = TYPES[catalogue.key(name)?.type ?? 'String'];
    return {
      ContextKeyName: name,
      ContextKeyValues: typeof value === 'string' ? [value] : [...value],
      ContextKeyType: typeof value === 'string' ? one : list,
    };
  });
}
