/** A cluster or a service that ECS does not have, and what there is instead. */
import type { ECSClient } from '@aws-sdk/client-ecs';
import { isInterruption, JamfMcpError, messageOf } from '../errors.ts';
import { nearest } from '../format/nearest.ts';
import type { Context } from '../host.ts';

/** Most names that a hint offers. */
const MOST_OFFERED = 5;

/** Most pages of names that are read for a hint (100 names each, for clusters; 100 for services). */
const MOST_PAGES = 5;

/**
 * The error for a cluster or a service that is not there (or was deleted: INACTIVE), with the nearest names that are.
 * @param what - which of the two
 * @throws JamfMcpError INTERRUPTED; where the names cannot be listed, the error simply offers none
 */
export async function notFound(
  client: ECSClient,
  { cluster, service }: { cluster: string; service: string },
  context: Context,
  what: 'cluster' | 'service',
): Promise<JamfMcpError> {
  const [typed, flag] = what === 'cluster' ? [cluster, '--cluster'] : [service, '--service'];
  const missing = what === 'cluster' ? `cluster ${cluster}` : `service ${service} in the cluster ${cluster}`;
  const names = await namesOf(client, what === 'cluster' ? null : cluster, context);
  const near = nearest(lastPart(typed), names ?? [], MOST_OFFERED);
  const offered = near.length > 0 || !names || names.length > MOST_OFFERED ? near : names;
  return new JamfMcpError('NOT_FOUND', `ECS has no ${missing}`, hint(what, names, offered, flag), {
    details: { offered },
  });
}

function hint(
  what: 'cluster' | 'service',
  names: readonly string[] | null,
  offered: readonly string[],
  flag: string,
): string {
  if (offered.length > 0) {
    const there = `there ${offered.length === 1 ? 'is' : 'are'} ${offered.join(', ')}`;
    return `${there}: name one with ${flag} or in jamf-mcp.yaml, and check --region`;
  }
  const none = what === 'cluster' ? 'this account has no cluster in this Region: ' : 'the cluster has no service: ';
  return `${names?.length === 0 ? none : ''}name them with --cluster and --service or in jamf-mcp.yaml, and check --region`;
}

/** Names of the services of a cluster, or of the clusters; null where they cannot be listed. */
async function namesOf(client: ECSClient, cluster: string | null, context: Context): Promise<string[] | null> {
  const { ListClustersCommand, ListServicesCommand } = await import('@aws-sdk/client-ecs');
  const options = { abortSignal: context.signal };
  const arns: string[] = [];
  let nextToken: string | undefined;
  try {
    for (let page = 0; page < MOST_PAGES; page += 1) {
      if (cluster === null) {
        const output = await client.send(new ListClustersCommand({ nextToken }), options);
        arns.push(...(output.clusterArns ?? []));
        nextToken = output.nextToken;
      } else {
        const output = await client.send(new ListServicesCommand({ cluster, maxResults: 100, nextToken }), options);
        arns.push(...(output.serviceArns ?? []));
        nextToken = output.nextToken;
      }
      if (nextToken === undefined) break;
    }
  } catch (error) {
    if (isInterruption(error)) throw new JamfMcpError('INTERRUPTED', 'interrupted', null, { cause: error });
    // Whoever may not list names is told all the same that theirs is wrong.
    context.host.notify({ kind: 'debug', text: `ecs: names cannot be offered: ${messageOf(error)}` });
    return null;
  }
  return arns.map(lastPart);
}

const lastPart = (arn: string) => arn.slice(arn.lastIndexOf('/') + 1);
