/** Which of its services a role has used, as IAM tracks it, and the rights on services that it has not. */
import type { ServiceLastAccessed } from '@aws-sdk/client-iam';
import { JamfMcpError } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { problem } from '../finding.ts';
import { isGlob } from '../glob.ts';
import type { Located } from '../join-check.ts';
import type { RoleDocuments } from '../join-roles.ts';
import { UNUSED_STATEMENT } from '../join-rules.ts';
import { listed } from '../rules/check.ts';
import { everyPage, type Clients } from './clients.ts';
import { REST_MS } from './together.ts';

/** How often IAM is asked whether its report is ready, and for how long, in ms. */
const EVERY_MS = 500;
const LONGEST_MS = 60_000;

/** When each service was last used, in ms since 1970, by its prefix; null: not in the 400 days that IAM tracks. */
export type ServiceUse = ReadonlyMap<string, number | null>;

/**
 * Ask IAM which services a role or user has used: it makes a report, which takes seconds.
 * https://docs.aws.amazon.com/IAM/latest/APIReference/API_GenerateServiceLastAccessedDetails.html
 * @throws JamfMcpError ACCESS_DENIED; TIMED_OUT where the report takes more than a minute
 */
export async function servicesUsed(clients: Clients, arn: string, context: Context): Promise<ServiceUse> {
  const { sdk, client } = await clients.iam();
  const about = `use of ${arn}`;
  const { JobId } = await clients.ask('GenerateServiceLastAccessedDetails', about, (options) =>
    client.send(new sdk.GenerateServiceLastAccessedDetailsCommand({ Arn: arn }), options),
  );
  const page = (Marker?: string) =>
    clients.ask('GetServiceLastAccessedDetails', about, (options) =>
      client.send(new sdk.GetServiceLastAccessedDetailsCommand({ JobId, Marker }), options),
    );
  const until = context.clock.now() + LONGEST_MS;
  for (let first = await page(); first.JobStatus !== 'COMPLETED'; first = await page()) {
    if (first.JobStatus === 'FAILED' || context.clock.now() >= until) {
      const why = first.JobStatus === 'FAILED' ? (first.Error?.Message ?? 'it failed') : 'it was not ready in a minute';
      throw new JamfMcpError('TIMED_OUT', `${about}: IAM made no report: ${why}`, 'repeat the command later');
    }
    await context.clock.sleep(EVERY_MS, context.signal);
  }
  const services = await everyPage<ServiceLastAccessed>(async (marker) => {
    const { ServicesLastAccessed, IsTruncated, Marker } = await page(marker);
    return { items: ServicesLastAccessed, next: IsTruncated ? Marker : undefined };
  });
  return new Map(
    services.map(({ ServiceNamespace = '', LastAuthenticated }) => [
      ServiceNamespace.toLowerCase(),
      LastAuthenticated?.getTime() ?? null,
    ]),
  );
}

/** Rights on services that a principal has not used for long; a young one may be about to. */
export function unusedRights({ role, documents }: RoleDocuments, used: ServiceUse, now: number): Located[] {
  if (typeof role.createdAt !== 'string' || Date.parse(role.createdAt) > now - REST_MS) return [];
  const idle = (service: string): boolean => {
    const last = used.get(service);
    return last === null || (last !== undefined && last < now - REST_MS);
  };
  return documents
    .filter(({ live }) => live.kind === 'inline' || live.kind === 'managed')
    .flatMap(({ live, document }) =>
      document.policies
        .flatMap(({ statements }) => statements)
        .flatMap(({ effect, actions }): Located[] => {
          if (effect !== 'Allow' || !actions || actions.not) return [];
          const resting = actions.values.filter(({ text }) => idle(serviceOf(text)));
          const [first, ...others] = resting;
          if (!first) return [];
          const services = [...new Set(resting.map(({ text }) => serviceOf(text)))];
          const message = `${role.name} has not used ${listed(services)} for 90 days or longer`;
          const severity = live.name.includes(':iam::aws:') ? 'info' : UNUSED_STATEMENT.severity;
          return [{ document, problem: problem(UNUSED_STATEMENT, first, message, { also: others, severity }) }];
        }),
    );
}

/** The service of an action; none where that is a pattern. */
function serviceOf(action: string): string {
  const service = action.slice(0, Math.max(0, action.indexOf(':'))).toLowerCase();
  return isGlob(service) ? '' : service;
}
