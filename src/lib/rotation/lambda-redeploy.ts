/** The other entry of the rotation function: a secret got another current version, so its service is redeployed. */
import { openEcs, type EcsTarget } from '../ecs/api.ts';
import type { Context } from '../host.ts';
import { AWSCURRENT, AWSPENDING, versionWith, type SecretInfo, type SecretStore } from '../secrets/store.ts';
import { runnerText } from './claim.ts';
import { claimBehind } from './lambda-claim.ts';

/** `Secret Label Updated`, as EventBridge delivers it (event-detail-secret-label-updated-secretsmanager in AWS's guide). */
export interface LabelEvent {
  source: string;
  'detail-type': string;
  /** ARN of the secret. */
  resources: readonly string[];
  detail: { name: string; labelUpdated: string; versionId: string };
}

/** What the pattern of the rule says, and what is looked for here again. */
export const LABEL_EVENT = { source: 'aws.secretsmanager', detailType: 'Secret Label Updated' } as const;

/** What a redeployment works with. */
export interface RedeployWork {
  /** ARN of the one secret. */
  secret: string;
  store: SecretStore;
  /** Null: no service is redeployed. */
  ecs: EcsTarget | null;
  context: Context;
}

/** How long the labels may lag behind the event, and the pause between two looks, in ms. */
const VISIBLE_WITHIN_MS = 10_000;
const PAUSE_MS = 1_000;

/**
 * Force a new deployment, for the secret's AWSCURRENT only, and not where the rotation that moved it redeploys itself.
 * @returns what was done, or why nothing was; one line
 */
export async function redeployAfter(event: LabelEvent, work: RedeployWork): Promise<string> {
  const { secret, store, ecs, context } = work;
  const { labelUpdated, versionId } = event.detail;
  if (!event.resources.includes(secret)) return 'nothing to do: the event is of another secret';
  if (labelUpdated !== AWSCURRENT) return `nothing to do: ${labelUpdated} moved, which no task reads`;
  if (!ecs) return 'nothing to do: no service is to be redeployed';
  const info = await settled(work, versionId);
  const currentId = versionWith(info, AWSCURRENT);
  if (currentId !== versionId) return `nothing to do: AWSCURRENT moved on to version ${String(currentId)}`;
  const pendingId = versionWith(info, AWSPENDING);
  const claim = pendingId === null ? null : await claimBehind(store, secret, pendingId);
  if (claim?.ecs?.cluster === ecs.cluster && claim.ecs.service === ecs.service) {
    return `nothing to do: the rotation of ${runnerText(claim.by)} redeploys ${ecs.cluster}/${ecs.service} itself`;
  }
  const api = await openEcs(ecs, context);
  try {
    const { deployments } = await api.forceNewDeployment();
    const id = deployments?.find(({ status }) => status === 'PRIMARY')?.id ?? 'of unknown id';
    return `deployment ${id} of ${ecs.cluster}/${ecs.service} is under way`;
  } finally {
    api.close();
  }
}

/** The labels, once they know what the event tells, or have had the time to. */
async function settled({ secret, store, context }: RedeployWork, versionId: string): Promise<SecretInfo> {
  const until = context.clock.now() + VISIBLE_WITHIN_MS;
  for (;;) {
    const info = await store.describe(secret);
    if (versionWith(info, AWSCURRENT) === versionId || context.clock.now() + PAUSE_MS > until) return info;
    await context.clock.sleep(PAUSE_MS, context.signal);
  }
}
