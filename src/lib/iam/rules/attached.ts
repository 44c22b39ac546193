/** Policies that are attached to a resource decide about that resource alone. */
import { arnParts } from '../arn.ts';
import type { Rule } from '../finding.ts';
import { isGlob } from '../glob.ts';
import type { Policy } from '../policy.ts';
import { quoted, ruleOf as rule, type Check } from './check.ts';

const FOREIGN_RESOURCE = rule(
  'resource-of-another-service',
  'UNSUPPORTED_RESOURCE_ARN_IN_POLICY',
  'warning',
  'medium',
  'a resource of another service than the policy is attached to',
  'The policy of a resource decides about that resource alone.',
  'Write "*", or the ARN of the resource that the policy is attached to.',
);

/** Rules of this file. */
export const ATTACHED_RULES: readonly Rule[] = [FOREIGN_RESOURCE];

/** Services by the type of what a template attaches the policy to. */
const SERVICES: Readonly<Record<string, string>> = {
  'AWS::SecretsManager::ResourcePolicy': 'secretsmanager',
  'AWS::KMS::Key': 'kms',
  'AWS::S3::BucketPolicy': 's3',
  'AWS::SQS::QueuePolicy': 'sqs',
  'AWS::SNS::TopicPolicy': 'sns',
};

/** The service that a policy is attached to; null where that cannot be told for certain. */
export function serviceOfPolicy({ type, origin }: Policy): string | null {
  return type === 'kms' ? 'kms' : type === 'resource' ? (SERVICES[origin.attachedTo] ?? null) : null;
}

/** The one service of all actions: a policy of a file does not say what it is attached to. */
function serviceOfActions({ type, statements }: Policy): string | null {
  if (type !== 'resource') return null;
  const actions = statements.flatMap((statement) => (statement.actions?.not === false ? statement.actions.values : []));
  const services = new Set(actions.map(({ text }) => text.slice(0, text.indexOf(':') + 1).toLowerCase()));
  const [only = ''] = services;
  return services.size === 1 && only.length > 1 && !isGlob(only) ? only.slice(0, -1) : null;
}

/** The resources of every statement. */
export const checkAttached: Check = (policy, context) => {
  const service = serviceOfPolicy(policy) ?? serviceOfActions(policy);
  if (service === null) return;
  for (const { resources } of policy.statements) {
    for (const resource of resources?.values ?? []) {
      const named = arnParts(resource.text)?.[1] ?? '*';
      if (resource.holes.length > 0 || isGlob(named) || named === '' || named.toLowerCase() === service) continue;
      // Services whose ARNs have another name than their actions (ses, elasticloadbalancing) have types that say so.
      const types = context.catalogue.service(service)?.resourceTypes ?? [];
      if (types.length === 0 || types.some(({ pattern }) => arnParts(pattern)?.[1] === named)) continue;
      context.report(FOREIGN_RESOURCE, resource, `${quoted(resource)} is no resource of ${service}`);
    }
  }
};
