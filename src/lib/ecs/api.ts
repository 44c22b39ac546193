/** The few ECS calls that this program makes, bound to one service. */
import type {
  RegisterTaskDefinitionCommandInput,
  RunTaskCommandInput,
  Service,
  ServiceDeployment,
  ServiceDeploymentBrief,
  Task,
  TaskDefinition,
} from '@aws-sdk/client-ecs';
import { awsErrorName, call, clientConfig, type AwsSettings } from '../aws.ts';
import { JamfMcpError } from '../errors.ts';
import type { Context } from '../host.ts';
import { notFound } from './missing.ts';

/** One ECS service, and the account and Region it is in. */
export interface EcsTarget {
  cluster: string;
  service: string;
  aws: AwsSettings;
}

/** Calls on one service; every list is paged to its end. All throw JamfMcpError, NOT_FOUND for a cluster or service that is not there. */
export interface EcsApi {
  describeService(): Promise<Service>;
  /** UpdateService with forceNewDeployment: same task definition, new tasks. */
  forceNewDeployment(): Promise<Service>;
  /** Service deployments created at this time or later, as briefly as ListServiceDeployments tells them. */
  listServiceDeployments(since: Date): Promise<ServiceDeploymentBrief[]>;
  /** Those of the ARNs that AWS knows: a fresh one may stay unknown for seconds. */
  describeServiceDeployments(arns: readonly string[]): Promise<ServiceDeployment[]>;
  /** Tasks of the service; stopped ones are kept by AWS for an hour or longer. */
  listTaskArns(desiredStatus: 'RUNNING' | 'STOPPED'): Promise<string[]>;
  describeTasks(taskArns: readonly string[]): Promise<Task[]>;
  describeTaskDefinition(arn: string): Promise<TaskDefinition>;
  /** Tasks of the cluster, of whatever service or none, that carry this in `startedBy` and are not stopped. */
  listTaskArnsStartedBy(startedBy: string): Promise<string[]>;
  /** @returns the ARN of the new revision */
  registerTaskDefinition(definition: RegisterTaskDefinitionCommandInput): Promise<string>;
  deregisterTaskDefinition(arn: string): Promise<void>;
  /** ARNs of the active revisions of a family. */
  listTaskDefinitions(family: string): Promise<string[]>;
  /** Run one task in the cluster; repeated by the SDK with the same token, so that there is one at most. */
  runTask(task: Omit<RunTaskCommandInput, 'cluster'>): Promise<Task>;
  stopTask(arn: string, reason: string): Promise<void>;
  close(): void;
}

/** Most tasks that DescribeTasks takes. */
const TASKS_A_CALL = 100;

/** Errors of AWS that mean that the cluster or the service does not exist. */
const MISSING = /^(ClusterNotFoundException|ServiceNotFoundException|ClusterNotFound|ServiceNotFound)$/;

interface Answered {
  $metadata: { requestId?: string | undefined; attempts?: number | undefined };
}

type Send<Output> = (options: { abortSignal: AbortSignal }) => Promise<Output>;

/** Open the API of one service; close it when done. */
export async function openEcs(target: EcsTarget, context: Context): Promise<EcsApi> {
  const ecs = await import('@aws-sdk/client-ecs');
  const client = new ecs.ECSClient(clientConfig(target.aws));
  const { cluster, service } = target;
  const about = `ECS service ${cluster}/${service}`;

  async function ask<Output extends Answered>(operation: string, send: Send<Output>): Promise<Output> {
    try {
      return await call(context, operation, about, send);
    } catch (error) {
      if (!MISSING.test(awsErrorName(error))) throw error;
      throw await notFound(client, target, context, awsErrorName(error).startsWith('Cluster') ? 'cluster' : 'service');
    }
  }

  async function pages<Item>(
    page: (
      nextToken: string | undefined,
    ) => Promise<{ items: readonly Item[] | undefined; nextToken: string | undefined }>,
  ): Promise<Item[]> {
    const all: Item[] = [];
    let token: string | undefined;
    do {
      const { items, nextToken } = await page(token);
      all.push(...(items ?? []));
      token = nextToken;
    } while (token !== undefined);
    return all;
  }

  return {
    async describeService() {
      const { services, failures } = await ask('DescribeServices', (options) =>
        client.send(new ecs.DescribeServicesCommand({ cluster, services: [service] }), options),
      );
      const [found] = services ?? [];
      if (found && found.status !== 'INACTIVE') return found;
      const why = found ? 'INACTIVE' : (failures?.[0]?.reason ?? 'MISSING');
      if (why === 'MISSING' || why === 'INACTIVE') throw await notFound(client, target, context, 'service');
      throw new JamfMcpError('REMOTE_FAILED', `${about}: DescribeServices failed: ${why}`, null);
    },
    async forceNewDeployment() {
      const { service: updated } = await ask('UpdateService', (options) =>
        client.send(new ecs.UpdateServiceCommand({ cluster, service, forceNewDeployment: true }), options),
      );
      if (!updated)
        throw new JamfMcpError('REMOTE_FAILED', `${about}: UpdateService answered without the service`, null);
      return updated;
    },
    listServiceDeployments: (since) =>
      pages(async (nextToken) => {
        const input = { cluster, service, createdAt: { after: since }, nextToken };
        const output = await ask('ListServiceDeployments', (options) =>
          client.send(new ecs.ListServiceDeploymentsCommand(input), options),
        );
        return { items: output.serviceDeployments, nextToken: output.nextToken };
      }),
    async describeServiceDeployments(arns) {
      if (arns.length === 0) return [];
      const input = { serviceDeploymentArns: [...arns] };
      const output = await ask('DescribeServiceDeployments', (options) =>
        client.send(new ecs.DescribeServiceDeploymentsCommand(input), options),
      );
      return output.serviceDeployments ?? [];
    },
    listTaskArns: (desiredStatus) =>
      pages(async (nextToken) => {
        const input = { cluster, serviceName: service, desiredStatus, nextToken };
        const output = await ask('ListTasks', (options) => client.send(new ecs.ListTasksCommand(input), options));
        return { items: output.taskArns, nextToken: output.nextToken };
      }),
    async describeTasks(taskArns) {
      const found: Task[] = [];
      for (let from = 0; from < taskArns.length; from += TASKS_A_CALL) {
        const tasks = taskArns.slice(from, from + TASKS_A_CALL);
        const output = await ask('DescribeTasks', (options) =>
          client.send(new ecs.DescribeTasksCommand({ cluster, tasks }), options),
        );
        found.push(...(output.tasks ?? []));
      }
      return found;
    },
    async describeTaskDefinition(arn) {
      const output = await ask('DescribeTaskDefinition', (options) =>
        client.send(new ecs.DescribeTaskDefinitionCommand({ taskDefinition: arn }), options),
      );
      if (output.taskDefinition) return output.taskDefinition;
      throw new JamfMcpError('NOT_FOUND', `there is no task definition ${arn}`, null);
    },
    listTaskArnsStartedBy: (startedBy) =>
      pages(async (nextToken) => {
        const input = { cluster, startedBy, nextToken };
        const output = await ask('ListTasks', (options) => client.send(new ecs.ListTasksCommand(input), options));
        return { items: output.taskArns, nextToken: output.nextToken };
      }),
    async registerTaskDefinition(definition) {
      const output = await ask('RegisterTaskDefinition', (options) =>
        client.send(new ecs.RegisterTaskDefinitionCommand(definition), options),
      );
      const arn = output.taskDefinition?.taskDefinitionArn;
      if (arn !== undefined) return arn;
      throw new JamfMcpError('REMOTE_FAILED', 'ECS registered a task definition but did not name it', null);
    },
    async deregisterTaskDefinition(arn) {
      await ask('DeregisterTaskDefinition', (options) =>
        client.send(new ecs.DeregisterTaskDefinitionCommand({ taskDefinition: arn }), options),
      );
    },
    listTaskDefinitions: (familyPrefix) =>
      pages(async (nextToken) => {
        const output = await ask('ListTaskDefinitions', (options) =>
          client.send(new ecs.ListTaskDefinitionsCommand({ familyPrefix, nextToken }), options),
        );
        return { items: output.taskDefinitionArns, nextToken: output.nextToken };
      }),
    async runTask(task) {
      const { tasks, failures } = await ask('RunTask', (options) =>
        client.send(new ecs.RunTaskCommand({ ...task, cluster, count: 1 }), options),
      );
      const [started] = tasks ?? [];
      if (started) return started;
      const [failure] = failures ?? [];
      const why = [failure?.reason, failure?.detail].filter((text) => text !== undefined).join(': ');
      throw new JamfMcpError(
        'REMOTE_FAILED',
        `${about}: RunTask started nothing: ${why || 'ECS gives no reason'}`,
        'a new deployment would meet the same: see that the cluster has room for one more task',
      );
    },
    async stopTask(arn, reason) {
      await ask('StopTask', (options) => client.send(new ecs.StopTaskCommand({ cluster, task: arn, reason }), options));
    },
    close() {
      client.destroy();
    },
  };
}

/** The last part of an ARN: `…:task/cluster/0123abcd` is `0123abcd`. */
export const idOf = (arn: string) => arn.slice(arn.lastIndexOf('/') + 1);

/** A time of the SDK as ISO 8601, or null. */
export const isoOf = (time: Date | undefined) => time?.toISOString() ?? null;
