/** Who may take a role on: AWS's own service, for this account alone. */
import { evaluate, type Request } from '../evaluate.ts';
import { readJson } from '../parse.ts';
import type { Scope } from './scope.ts';

/** A trust policy. */
export interface TrustDocument {
  Version: '2012-10-17';
  Statement: {
    Sid: string;
    Effect: 'Allow';
    Principal: { Service: string };
    Action: 'sts:AssumeRole';
    Condition?: Record<string, Record<string, string>>;
  }[];
}

/**
 * The trust policy of a role of a service. ECS says for whom it asks, so it is held to that: otherwise another account
 * could have ECS use the role (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html). Lambda
 * says nothing when it starts a function, so a condition would keep it out.
 */
export function trustOf(service: 'ecs-tasks' | 'lambda', scope: Scope): TrustDocument {
  const { partition, region, account } = scope;
  const bound = {
    StringEquals: { 'aws:SourceAccount': account },
    ArnLike: { 'aws:SourceArn': `arn:${partition}:ecs:${region}:${account}:*` },
  };
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'AssumeRole',
        Effect: 'Allow',
        Principal: { Service: `${service}.amazonaws.com` },
        Action: 'sts:AssumeRole',
        ...(service === 'ecs-tasks' ? { Condition: bound } : {}),
      },
    ],
  };
}

/** Try the service itself, and others that are near. */
export function proveTrust(document: TrustDocument, scope: Scope): { allowed: number; denied: number; right: boolean } {
  const [policy] = readJson({ name: 'trust', text: JSON.stringify(document) }, { type: 'trust' }).policies;
  const { partition, region, account } = scope;
  const service = document.Statement[0]?.Principal.Service ?? '';
  const context = {
    'aws:SourceAccount': account,
    'aws:SourceArn': `arn:${partition}:ecs:${region}:${account}:task/cluster/0123`,
  };
  const role = `arn:${partition}:iam::${account}:role/any`;
  const request: Request = {
    caller: { arn: service, account, service },
    action: 'sts:AssumeRole',
    resource: role,
    context,
  };
  const other = account.replace(/.$/, (digit) => (digit === '9' ? '8' : '9'));
  const misses: Request[] = [
    { ...request, caller: { arn: 'ec2.amazonaws.com', account, service: 'ec2.amazonaws.com' } },
    { ...request, caller: { arn: `arn:${partition}:iam::${account}:role/other`, account } },
    { ...request, action: 'sts:TagSession' },
    ...(document.Statement[0]?.Condition === undefined
      ? []
      : [
          { ...request, context: { ...context, 'aws:SourceAccount': other } },
          { ...request, context: { ...context, 'aws:SourceArn': `arn:${partition}:ecs:${region}:${other}:task/x` } },
          { ...request, context: {} },
        ]),
  ];
  const allows = (one: Request) => evaluate(one, { identity: [], resource: policy ?? null }).verdict === 'allow';
  const denied = misses.filter((miss) => !allows(miss)).length;
  const allowed = allows(request) ? 1 : 0;
  return { allowed, denied, right: allowed === 1 && denied === misses.length };
}
