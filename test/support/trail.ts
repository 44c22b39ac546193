/** CloudTrail records for audit tests, invented; and accesses as the audit judges them. */
import { AUDIT_DEFAULTS } from '../../src/lib/config/settings.ts';
import { accessFrom } from '../../src/lib/audit/event.ts';
import { grouper, type IdentityGroup } from '../../src/lib/audit/groups.ts';
import type { AuditedAccess } from '../../src/lib/audit/access.ts';
import type { Explanation, Facts } from '../../src/lib/audit/explain.ts';
import type { ServiceTask } from '../../src/lib/ecs/tasks.ts';

export const ACCOUNT = '111122223333';
export const NAME = 'jamf-mcp-server/production';
export const ARN = `arn:aws:secretsmanager:us-east-1:${ACCOUNT}:secret:${NAME}-AbCdEf`;

export type Json = Record<string, unknown>;

let number = 0;

/** A successful GetSecretValue by an IAM user; members given replace its own. */
export function record(members: Json = {}): Json {
  number += 1;
  return {
    eventVersion: '1.11',
    userIdentity: user('alice'),
    eventTime: '2026-11-21T10:00:00Z',
    eventSource: 'secretsmanager.amazonaws.com',
    eventName: 'GetSecretValue',
    awsRegion: 'us-east-1',
    sourceIPAddress: '192.0.2.7',
    userAgent: 'aws-cli/2.33.20',
    requestParameters: { secretId: ARN },
    responseElements: null,
    requestID: `request-${String(number)}`,
    eventID: `event-${String(number).padStart(6, '0')}`,
    readOnly: true,
    eventType: 'AwsApiCall',
    managementEvent: true,
    recipientAccountId: ACCOUNT,
    eventCategory: 'Management',
    ...members,
  };
}

export function user(name: string, accessKeyId = 'AKIAALICE0000EXAMPLE'): Json {
  return {
    type: 'IAMUser',
    principalId: 'AIDAEXAMPLE',
    arn: `arn:aws:iam::${ACCOUNT}:user/${name}`,
    accountId: ACCOUNT,
    accessKeyId,
    userName: name,
  };
}

export function session(role: string, name: string, path = '/'): Json {
  return {
    type: 'AssumedRole',
    principalId: `AROAEXAMPLE:${name}`,
    arn: `arn:aws:sts::${ACCOUNT}:assumed-role/${role}/${name}`,
    accountId: ACCOUNT,
    accessKeyId: 'ASIASESSION00EXAMPLE',
    sessionContext: {
      sessionIssuer: {
        type: 'Role',
        arn: `arn:aws:iam::${ACCOUNT}:role${path}${role}`,
        accountId: ACCOUNT,
        userName: role,
      },
    },
  };
}

export const TASK_ID = '0123456789abcdef0123456789abcdef';

export function task(members: Partial<ServiceTask> = {}): ServiceTask {
  return {
    taskArn: `arn:aws:ecs:us-east-1:${ACCOUNT}:task/jamf-mcp-cluster/${members.taskId ?? TASK_ID}`,
    taskId: TASK_ID,
    taskDefinitionArn: `arn:aws:ecs:us-east-1:${ACCOUNT}:task-definition/jamf-mcp-server:7`,
    executionRoleArn: `arn:aws:iam::${ACCOUNT}:role/service-role/ecsTaskExecutionRole`,
    taskRoleArn: `arn:aws:iam::${ACCOUNT}:role/jamf-mcp-task`,
    lastStatus: 'RUNNING',
    createdAt: '2026-11-21T10:00:00.250Z',
    startedAt: '2026-11-21T10:00:40.000Z',
    stoppedAt: null,
    stopCode: null,
    stoppedReason: null,
    startedBy: 'ecs-svc/1111111111111111111',
    deploymentId: 'ecs-svc/1111111111111111111',
    ...members,
  };
}

export function facts(members: Partial<Facts> = {}): Facts {
  return {
    now: Date.UTC(2026, 10, 22),
    self: null,
    tasks: [],
    deployments: [],
    rotations: [],
    breakGlass: [],
    functionOf: () => ({ function: 'rotate', role: 'rotate' }),
    baseline: null,
    settings: AUDIT_DEFAULTS,
    ...members,
  };
}

/** An explanation, told in short. */
export type Told = Partial<Explanation> & Pick<Explanation, 'kind' | 'ref'>;

/** A record in the form in which detectors and reports see it. */
export function audited(members: Json = {}, explanation: Told | null = null): AuditedAccess {
  const access = accessFrom(record(members));
  if (!access) throw new Error('not an access');
  return {
    ...access,
    secret: ARN,
    secretName: NAME,
    countedWith: null,
    explanation: explanation && { why: 'it agrees', ...explanation },
  };
}

/** Accesses grouped as an audit does. */
export function groupsOf(accesses: readonly AuditedAccess[]): IdentityGroup[] {
  const groups = grouper();
  for (const access of accesses) groups.see(access);
  return groups.groups();
}
