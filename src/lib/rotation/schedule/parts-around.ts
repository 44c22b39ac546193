/** The parts around the function: its log group, its dead-letter queue, its role, and the rule that calls it. */
import { LABEL_EVENT } from '../lambda-redeploy.ts';
import type { Clients } from './clients.ts';
import { orMissing, sameJson, unlessMissing, type Part } from './part.ts';
import { arnsOf, policyOf, QUEUE_RETENTION_SECONDS, RETENTION_DAYS, type Plan } from './plan.ts';
import { TRUST } from './role.ts';

const keyValues = (tags: Record<string, string>) => Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));

/** The log group: made before the function, which would make one without an end. */
export function logGroupPart({ names, tags }: Plan, clients: Clients): Part {
  const logGroupName = names.logGroup;
  const about = `log group ${logGroupName}`;
  const find = async () => {
    const { sdk, client } = await clients.logs();
    const command = new sdk.DescribeLogGroupsCommand({ logGroupNamePrefix: logGroupName });
    const { logGroups } = await clients.ask('DescribeLogGroups', about, (send) => client.send(command, send));
    return logGroups?.find((group) => group.logGroupName === logGroupName) ?? null;
  };
  return {
    name: 'log group',
    text: `${about}, kept for ${String(RETENTION_DAYS)} days`,
    async look() {
      const group = await find();
      if (!group) return null;
      return group.retentionInDays === RETENTION_DAYS
        ? []
        : [
            `keeps its logs for ${group.retentionInDays === undefined ? 'ever' : `${String(group.retentionInDays)} days`}`,
          ];
    },
    async install() {
      const { sdk, client } = await clients.logs();
      const make = new sdk.CreateLogGroupCommand({ logGroupName, tags });
      if (!(await find())) await clients.ask('CreateLogGroup', about, (send) => client.send(make, send));
      const keep = new sdk.PutRetentionPolicyCommand({ logGroupName, retentionInDays: RETENTION_DAYS });
      await clients.ask('PutRetentionPolicy', about, (send) => client.send(keep, send));
      return `${about} is there`;
    },
    async remove() {
      const { sdk, client } = await clients.logs();
      const command = new sdk.DeleteLogGroupCommand({ logGroupName });
      return await unlessMissing(clients.ask('DeleteLogGroup', about, (send) => client.send(command, send)));
    },
  };
}

/** The queue that keeps events which the function could not deal with. */
export function queuePart({ names, tags }: Plan, clients: Clients): Part {
  const QueueName = names.queue;
  const about = `dead-letter queue ${QueueName}`;
  const wanted = { MessageRetentionPeriod: String(QUEUE_RETENTION_SECONDS), SqsManagedSseEnabled: 'true' };
  const find = async () => {
    const { sdk, client } = await clients.sqs();
    const command = new sdk.GetQueueUrlCommand({ QueueName });
    const found = await orMissing(clients.ask('GetQueueUrl', about, (send) => client.send(command, send)));
    return found?.QueueUrl ?? null;
  };
  return {
    name: 'queue',
    text: `${about}, for events that fail`,
    async look() {
      const QueueUrl = await find();
      if (QueueUrl === null) return null;
      const { sdk, client } = await clients.sqs();
      const command = new sdk.GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] });
      const { Attributes = {} } = await clients.ask('GetQueueAttributes', about, (send) => client.send(command, send));
      const waiting = Number(Attributes.ApproximateNumberOfMessages ?? 0);
      return [
        ...Object.entries(wanted).flatMap(([name, value]) => {
          const has = (Attributes as Record<string, string>)[name];
          return has === value ? [] : [`${name} is ${has ?? 'not set'}`];
        }),
        ...(waiting > 0 ? [`${String(waiting)} events failed and wait in it`] : []),
      ];
    },
    async install() {
      const { sdk, client } = await clients.sqs();
      const QueueUrl = await find();
      if (QueueUrl === null) {
        const make = new sdk.CreateQueueCommand({ QueueName, Attributes: wanted, tags });
        await clients.ask('CreateQueue', about, (send) => client.send(make, send));
      } else {
        const change = new sdk.SetQueueAttributesCommand({ QueueUrl, Attributes: wanted });
        await clients.ask('SetQueueAttributes', about, (send) => client.send(change, send));
      }
      return `${about} is there`;
    },
    async remove() {
      const QueueUrl = await find();
      if (QueueUrl === null) return false;
      const { sdk, client } = await clients.sqs();
      const command = new sdk.DeleteQueueCommand({ QueueUrl });
      return await unlessMissing(clients.ask('DeleteQueue', about, (send) => client.send(command, send)));
    },
  };
}

/** The role of the function, with one inline policy. */
export function rolePart(plan: Plan, clients: Clients): Part {
  const { names, tags } = plan;
  const RoleName = names.role;
  const PolicyName = names.policy;
  const about = `role ${RoleName}`;
  const policy = policyOf(plan);
  const find = async () => {
    const { sdk, client } = await clients.iam();
    const command = new sdk.GetRoleCommand({ RoleName });
    return (await orMissing(clients.ask('GetRole', about, (send) => client.send(command, send))))?.Role ?? null;
  };
  return {
    name: 'role',
    text: `${about}, which may do what the function does and nothing else`,
    async look() {
      const role = await find();
      if (!role) return null;
      const { sdk, client } = await clients.iam();
      const read = new sdk.GetRolePolicyCommand({ RoleName, PolicyName });
      const found = await orMissing(clients.ask('GetRolePolicy', about, (send) => client.send(read, send)));
      return [
        ...(sameJson(documentOf(role.AssumeRolePolicyDocument), TRUST) ? [] : ['others than Lambda may take it']),
        ...(sameJson(documentOf(found?.PolicyDocument), policy) ? [] : ['its rights are not those of this version']),
      ];
    },
    async install() {
      const { sdk, client } = await clients.iam();
      const trust = JSON.stringify(TRUST);
      if (await find()) {
        const change = new sdk.UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument: trust });
        await clients.ask('UpdateAssumeRolePolicy', about, (send) => client.send(change, send));
      } else {
        const Description = `jamf-mcp: rotates ${plan.secret.name}`.replace(/[^ -~]/g, '?');
        const role = { RoleName, AssumeRolePolicyDocument: trust, Description, Tags: keyValues(tags) };
        await clients.ask('CreateRole', about, (send) => client.send(new sdk.CreateRoleCommand(role), send));
      }
      const put = new sdk.PutRolePolicyCommand({ RoleName, PolicyName, PolicyDocument: JSON.stringify(policy) });
      await clients.ask('PutRolePolicy', about, (send) => client.send(put, send));
      return `${about} has ${String(policy.Statement.length)} rights`;
    },
    async remove() {
      const { sdk, client } = await clients.iam();
      const strip = new sdk.DeleteRolePolicyCommand({ RoleName, PolicyName });
      await unlessMissing(clients.ask('DeleteRolePolicy', about, (send) => client.send(strip, send)));
      const command = new sdk.DeleteRoleCommand({ RoleName });
      return await unlessMissing(clients.ask('DeleteRole', about, (send) => client.send(command, send)));
    },
  };
}

/** IAM answers documents percent-encoded. */
function documentOf(text: string | undefined): unknown {
  if (text === undefined) return null;
  try {
    return JSON.parse(text.startsWith('%7B') ? decodeURIComponent(text) : text);
  } catch {
    return text;
  }
}

/** The rule that calls the function when AWSCURRENT of the one secret moves. */
export function rulePart(plan: Plan, clients: Clients): Part {
  const { names, tags, secret } = plan;
  const Name = names.rule;
  const about = `rule ${Name}`;
  const arns = arnsOf(plan);
  const pattern = {
    source: [LABEL_EVENT.source],
    'detail-type': [LABEL_EVENT.detailType],
    resources: [secret.arn],
    detail: { labelUpdated: ['AWSCURRENT'] },
  };
  const find = async () => {
    const { sdk, client } = await clients.events();
    const command = new sdk.DescribeRuleCommand({ Name });
    return await orMissing(clients.ask('DescribeRule', about, (send) => client.send(command, send)));
  };
  return {
    name: 'rule',
    text: `EventBridge ${about}: redeploy when AWSCURRENT moves`,
    async look() {
      const rule = await find();
      if (!rule) return null;
      const { sdk, client } = await clients.events();
      const list = new sdk.ListTargetsByRuleCommand({ Rule: Name });
      const { Targets = [] } = await clients.ask('ListTargetsByRule', about, (send) => client.send(list, send));
      return [
        ...(rule.State === 'ENABLED' ? [] : ['it is disabled']),
        ...(sameJson(documentOf(rule.EventPattern), pattern) ? [] : ['it waits for other events']),
        ...(Targets.some(({ Arn }) => Arn === arns.function) ? [] : ['it does not call the function']),
      ];
    },
    async install() {
      const { sdk, client } = await clients.events();
      const EventPattern = JSON.stringify(pattern);
      const rule = {
        Name,
        EventPattern,
        State: 'ENABLED' as const,
        Description: `jamf-mcp: redeploys after a rotation of ${secret.name}`,
      };
      // Tags are taken when a rule is made, and refused where it is there.
      const known = await find();
      const put = new sdk.PutRuleCommand(known ? rule : { ...rule, Tags: keyValues(tags) });
      await clients.ask('PutRule', about, (send) => client.send(put, send));
      const target = new sdk.PutTargetsCommand({ Rule: Name, Targets: [{ Id: names.target, Arn: arns.function }] });
      await clients.ask('PutTargets', about, (send) => client.send(target, send));
      return `${about} calls the function`;
    },
    async remove() {
      const { sdk, client } = await clients.events();
      const off = new sdk.RemoveTargetsCommand({ Rule: Name, Ids: [names.target] });
      const there = await unlessMissing(clients.ask('RemoveTargets', about, (send) => client.send(off, send)));
      const command = new sdk.DeleteRuleCommand({ Name });
      await unlessMissing(clients.ask('DeleteRule', about, (send) => client.send(command, send)));
      return there;
    },
  };
}
