/** What a schedule is to be: everything that its parts follow from. */
import { createHash } from 'node:crypto';
import type { AwsSettings } from '../../aws.ts';
import type { EcsTarget } from '../../ecs/api.ts';
import { VARIABLES, type Choice } from '../lambda.ts';
import { namesFor, tagsFor, type Names } from './names.ts';
import { policyFor, type EncryptedSecret, type PolicyDocument } from './role.ts';
import type { Rules } from './rules.ts';

/** The runtime of the function: nodejs20.x is refused since 2026-06-01 (facts/hardening.md §0). */
export const RUNTIME = 'nodejs24.x' as const;

/** The file and the function in the zip. */
export const HANDLER = 'index.handler';

/** One step waits for other invocations for a minute, and for Jamf's nodes for half a minute. */
export const TIMEOUT_SECONDS = 180;
export const MEMORY_MEGABYTES = 256;

/** How long logs are kept, and events that failed, which is the longest that SQS has. */
export const RETENTION_DAYS = 90;
export const QUEUE_RETENTION_SECONDS = 14 * 86_400;

/** A schedule as it is to be. */
export interface Plan {
  aws: AwsSettings;
  account: string;
  region: string;
  partition: string;
  secret: EncryptedSecret & { name: string };
  rotator: (EncryptedSecret & { name: string }) | null;
  /** The service that is redeployed after a rotation, with its ARN. */
  service: (EcsTarget & { arn: string }) | null;
  /** What is made anew; null where it is not known. */
  choice: Choice | null;
  /** Null where they are not known: a schedule that is looked at, and has none. */
  rules: Rules | null;
  zip: Uint8Array;
  names: Names;
  tags: Record<string, string>;
}

/** Complete a plan with what follows from the rest. */
export function planFor(
  given: Omit<Plan, 'names' | 'tags' | 'account' | 'region' | 'partition'> & { environment: string },
): Plan {
  const { environment, ...rest } = given;
  const [, partition = 'aws', , region = '', account = ''] = rest.secret.arn.split(':');
  const names = namesFor(region, rest.secret.name);
  return { ...rest, partition, region, account, names, tags: tagsFor(rest.secret.name, environment) };
}

/** The ARNs of the parts: known before the parts are there. */
export function arnsOf({ partition, region, account, names }: Plan) {
  const arn = (service: string, rest: string) => `arn:${partition}:${service}:${region}:${account}:${rest}`;
  return {
    function: arn('lambda', `function:${names.function}`),
    role: `arn:${partition}:iam::${account}:role/${names.role}`,
    rule: arn('events', `rule/${names.rule}`),
    queue: arn('sqs', names.queue),
    logGroup: arn('logs', `log-group:${names.logGroup}`),
  };
}

/** The environment variables of the function. */
export function variablesOf({ secret, choice, rotator, service }: Plan): Record<string, string> {
  return {
    [VARIABLES.secret]: secret.arn,
    ...(choice ? { [VARIABLES.choice]: JSON.stringify(choice) } : {}),
    ...(rotator ? { [VARIABLES.rotator]: rotator.arn } : {}),
    ...(service ? { [VARIABLES.cluster]: service.cluster, [VARIABLES.service]: service.service } : {}),
  };
}

/** The policy of the function's role. */
export function policyOf(plan: Plan): PolicyDocument {
  const { logGroup, queue } = arnsOf(plan);
  return policyFor({
    secret: plan.secret,
    rotator: plan.rotator,
    service: plan.service?.arn ?? null,
    logGroup,
    queue,
  });
}

/** As Lambda tells the digest of its code. */
export const zipDigest = (zip: Uint8Array): string => createHash('sha256').update(zip).digest('base64');
