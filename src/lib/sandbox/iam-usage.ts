/** IAM: the report on which services a role has used, made in the background as AWS makes it. */
import { noSuchEntity, paged } from './iam-form.ts';
import type { SandboxRole } from './iam.ts';
import { roleArn } from './iam-account.ts';
import { requiredText } from './input.ts';
import type { AwsHandlers, World } from './service.ts';

/** What the tasks of the service have used since it runs: their secrets, image and log. */
const OF_THE_TASKS: ReadonlySet<string> = new Set(['secretsmanager', 'ecr', 'logs']);

/** GenerateServiceLastAccessedDetails and GetServiceLastAccessedDetails, for roles. */
export function usageHandlers(
  world: World,
  roles: readonly SandboxRole[],
  policiesOf: (role: SandboxRole) => readonly unknown[],
): AwsHandlers {
  const jobs = new Map<string, { role: SandboxRole; asked: number }>();
  return {
    GenerateServiceLastAccessedDetails(input) {
      const arn = requiredText(input, 'Arn', { min: 20, max: 2048 });
      const role = roles.find((candidate) => roleArn(candidate) === arn);
      if (!role) throw noSuchEntity(`ARN ${arn} is not valid or does not exist.`);
      const JobId = world.random.uuid();
      jobs.set(JobId, { role, asked: 0 });
      return { JobId };
    },
    GetServiceLastAccessedDetails(input) {
      const id = requiredText(input, 'JobId', { min: 36, max: 36 });
      const job = jobs.get(id);
      if (!job) throw noSuchEntity(`Job ${id} does not exist.`);
      job.asked += 1;
      const created = new Date(world.clock.now());
      if (job.asked === 1) return { JobStatus: 'IN_PROGRESS', JobCreationDate: created };
      const { role } = job;
      const services = [...new Set(policiesOf(role).flatMap(servicesIn))].sort().map((ServiceNamespace) => ({
        ServiceName: ServiceNamespace,
        ServiceNamespace,
        TotalAuthenticatedEntities: 1,
        ...(role.lastUsedAt !== undefined && OF_THE_TASKS.has(ServiceNamespace)
          ? { LastAuthenticated: new Date(role.lastUsedAt), LastAuthenticatedEntity: roleArn(role) }
          : {}),
      }));
      const { ServicesLastAccessed, IsTruncated, Marker } = paged('ServicesLastAccessed', services, input, id);
      return {
        JobStatus: 'COMPLETED',
        JobType: 'SERVICE_LEVEL',
        JobCreationDate: created,
        JobCompletionDate: created,
        ServicesLastAccessed,
        IsTruncated,
        Marker,
      };
    },
  };
}

/** The services that a policy grants something of. */
function servicesIn(policy: unknown): string[] {
  const { Statement } = policy as { Statement?: unknown };
  return [Statement].flat().flatMap((statement) => {
    const { Effect, Action } = statement as { Effect?: unknown; Action?: unknown };
    if (Effect !== 'Allow') return [];
    return [Action].flat().flatMap((action) => (typeof action === 'string' ? (action.split(':')[0] ?? []) : []));
  });
}
