/** The audit: who read or changed a secret, what explains each access, and what is wrong with it. */
import { hostname } from 'node:os';
import { identity, type AwsIdentity, type AwsSettings } from '../aws.ts';
import { listServiceTasks, type ServiceTask } from '../ecs/tasks.ts';
import { isInterruption, JamfMcpError, messageOf } from '../errors.ts';
import type { Context } from '../host.ts';
import type { StoreKind } from '../secrets/store.ts';
import type { LocalOptions } from '../secrets/stores/local-access.ts';
import type { AuditedAccess } from './access.ts';
import { inOrder } from './detectors/index.ts';
import type { Finding } from './detectors/detector.ts';
import type { Facts } from './explain.ts';
import type { IdentityGroup } from './groups.ts';
import { judge, LISTED, type Emit, type Judgement } from './judge.ts';
import { parseSecretId, type Mention } from './secret-id.ts';
import { localPrincipal, readLocalLog } from './sources/local-log.ts';
import { lookupEvents, withinReach } from './sources/lookup-events.ts';
import type { Skipped, SourceReport } from './sources/source.ts';
import { withTimeline, type ClosedTimeline } from './timeline.ts';
import { parseWindow, type Window } from './window.ts';

/** What to audit. */
export interface AuditRequest {
  /** Name or ARN, of a secret that need not exist any more; null for every secret. */
  secret: string | null;
  store: StoreKind;
  /** As `parseWindow` takes them. */
  since: string;
  until?: string | undefined;
  aws: AwsSettings;
  /** The service whose task starts explain reads. */
  ecs: { cluster: string; service: string };
  /** ARNs, with `*`, that are expected to read the secret. */
  knownPrincipals: readonly string[];
  /** The local store, for one whose accesses are to be audited. */
  local: LocalOptions;
  /** Gets every access, oldest first: for reports that are written as they go. */
  emit?: Emit;
}

/** What came of it. Times are ISO 8601, UTC. */
export interface AuditResult {
  /** Null where every secret was asked for; `arn` where a record told it. */
  secret: { name: string; arn: string | null; store: StoreKind } | null;
  window: { since: string; until: string };
  sources: SourceReport[];
  /** Oldest first; of more than 10,000 those that nothing explains before the others. */
  accesses: AuditedAccess[];
  /** How many accesses there were, listed or not. */
  total: number;
  /** The accesses by who made them: most unexplained first. */
  principals: IdentityGroup[];
  /** Worst first. */
  findings: Finding[];
  /** Number of accesses that nothing explains. */
  unexplained: number;
  skipped: Skipped[];
}

/**
 * Audit a secret: on AWS by CloudTrail's event history, in the local store by its access log. Reads only.
 * @throws JamfMcpError USAGE for a store that keeps its records elsewhere; NOT_FOUND where there is no local store; INPUT_INVALID for a window or a secret that is none;
 *   CREDENTIALS_MISSING, ACCESS_DENIED, THROTTLED …, as the first call of AWS fails; INTERRUPTED
 */
export async function auditSecret(request: AuditRequest, context: Context): Promise<AuditResult> {
  const now = context.clock.now();
  const window = parseWindow(request, now);
  if (request.store === 'local') return await auditLocal(request, window, context);
  if (request.store !== 'aws') {
    throw new JamfMcpError(
      'USAGE',
      `the audit reads CloudTrail and the log of the local store, and neither sees the ${request.store} store`,
      'audit a secret on AWS: pass --store aws',
    );
  }
  withinReach(window, now);
  const asked = askedFor(request.secret);
  const skipped: Skipped[] = [];

  const caller = await identity(request.aws, context);
  const region = asked?.region ?? caller.region;
  const aws = { ...request.aws, region };
  if (asked?.account && asked.account !== caller.account) skipped.push(foreign(asked.account, caller));
  const tasks = await tasksOf({ ...request.ecs, aws }, skipped, context);

  const here = asked && { ...asked, account: asked.account ?? caller.account, region };
  return await withTimeline({ asked: here }, async (lines) => {
    const source = await lookupEvents({ aws, region, account: caller.account, window }, lines.sink(true), context);
    const facts: Facts = { now, self: caller.arn, tasks, knownPrincipals: request.knownPrincipals };
    const closed = lines.close();
    const judgement = await judge(closed, facts, request.emit);
    return {
      secret: here && { name: here.name, arn: closed.arn, store: request.store },
      window: { since: iso(window.since), until: iso(window.until) },
      sources: [source.report],
      ...judgement,
      skipped: [...skipped, ...source.skipped, ...namelessNote(closed, region), ...unlistedNote(judgement)],
    };
  });
}

/** Who is at the machine explains their own accesses; nobody else's are explained unless the settings expect them. */
async function auditLocal(request: AuditRequest, window: Window, context: Context): Promise<AuditResult> {
  const { local, secret, knownPrincipals } = request;
  const name = secret?.replace(/^local:/, '') ?? null;
  return await withTimeline({ asked: null, write: (id) => `local:${id.name}` }, async (lines) => {
    const { report, findings } = await readLocalLog({ local, secret: name, window }, lines.sink(false), context);
    const self = localPrincipal(local.user, hostname());
    const facts: Facts = { now: context.clock.now(), self, tasks: [], knownPrincipals };
    const judgement = await judge(lines.close(), facts, request.emit);
    return {
      secret: name === null ? null : { name, arn: `local:${name}`, store: 'local' },
      window: { since: iso(window.since), until: iso(window.until) },
      sources: [report],
      ...judgement,
      findings: inOrder([...findings, ...judgement.findings]),
      skipped: [
        ...(report.complete
          ? []
          : [{ where: 'access.log', why: 'it is not as it was written: accesses may be missing or made up' }]),
        ...unlistedNote(judgement),
      ],
    };
  });
}

function askedFor(secret: string | null): Mention | null {
  if (secret === null) return null;
  const asked = parseSecretId(secret, 'caller');
  if (asked) return asked;
  throw new JamfMcpError(
    'INPUT_INVALID',
    `${secret || 'an empty text'} is not the name or ARN of a secret`,
    'pass --secret NAME, or --all-secrets',
  );
}

const foreign = (account: string, caller: AwsIdentity): Skipped => ({
  where: `account ${account}`,
  why: `the secret is there and the credentials are of ${caller.account}: only accesses from ${caller.account} are recorded here`,
});

/** Without ECS an audit still tells who read the secret; it only explains less. */
async function tasksOf(
  target: AuditRequest['ecs'] & { aws: AwsSettings },
  skipped: Skipped[],
  context: Context,
): Promise<ServiceTask[]> {
  const where = `ECS service ${target.cluster}/${target.service}`;
  try {
    const tasks = await listServiceTasks(target, context);
    if (tasks.length === 0) skipped.push({ where, why: 'it has no tasks: reads at task starts cannot be matched' });
    return tasks;
  } catch (error) {
    if (isInterruption(error)) throw error;
    skipped.push({ where, why: `reads at task starts cannot be matched: ${messageOf(error)}` });
    return [];
  }
}

function namelessNote({ nameless }: ClosedTimeline, region: string): Skipped[] {
  if (nameless.size === 0) return [];
  const calls = [...nameless].map(([action, count]) => `${String(count)} ${action}`).join(', ');
  return [
    {
      where: `records in ${region}`,
      why: `they name no secret, so whether they concern this one is unknown: ${calls}`,
    },
  ];
}

function unlistedNote({ total }: Judgement): Skipped[] {
  if (total <= LISTED) return [];
  return [
    {
      where: 'the list of accesses',
      why: `it has ${String(LISTED)} of ${String(total)}, those that nothing explains first; all of them were judged`,
    },
  ];
}

const iso = (ms: number) => new Date(ms).toISOString();
