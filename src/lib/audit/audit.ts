/** The audit: who read or changed a secret, what explains each access, and what is wrong with it. */
import { hostname } from 'node:os';
import { identity, type AwsIdentity, type AwsSettings } from '../aws.ts';
import { readDeployments, type Deployment } from '../ecs/deployments.ts';
import { listServiceTasks, type ServiceTask } from '../ecs/tasks.ts';
import { isInterruption, JamfMcpError, messageOf } from '../errors.ts';
import type { AuditSettings } from '../config/settings.ts';
import type { Context } from '../host.ts';
import type { StoreKind } from '../secrets/store.ts';
import type { LocalOptions } from '../secrets/stores/local-access.ts';
import type { AuditedAccess } from './access.ts';
import type { Baseline } from './baseline.ts';
import { isTelling } from './causes/index.ts';
import { recordedFacts } from './causes/records.ts';
import { inOrder } from './detectors/index.ts';
import type { Finding } from './detectors/detector.ts';
import type { Facts } from './explain.ts';
import type { IdentityGroup } from './groups.ts';
import { judge, LISTED, type Emit, type JudgeOptions, type Judgement } from './judge.ts';
import { parseSecretId, writtenId, type Mention, type SecretId } from './secret-id.ts';
import { accountsOf, remoteSource, roadOf, type QueryWords, type Road, type SourceKind } from './sources/choose.ts';
import { filesSource, type FilesQuery } from './sources/files/index.ts';
import { localLog, localPrincipal } from './sources/local-log.ts';
import { withinReach } from './sources/lookup-events.ts';
import { GUARDS, lookupMany } from './sources/lookup-many.ts';
import { regionsOf } from './sources/regions.ts';
import { isS3, s3Source } from './sources/s3.ts';
import type { Skipped, Source, SourceReport } from './sources/source.ts';
import { withTimeline, type ClosedTimeline } from './timeline.ts';
import type { SuppressedFinding } from './suppress.ts';
import { parseWindow, type Window } from './window.ts';

/** What to audit. */
export interface AuditRequest {
  /** Name or ARN, of a secret that need not exist any more; null for every secret. */
  secret: string | null;
  store: StoreKind;
  /** As `parseWindow` takes them; without either, all that files hold, and of a store the last {@link SINCE}. */
  since?: string | undefined;
  until?: string | undefined;
  /** Files to audit instead of a store. */
  files?: Omit<FilesQuery, 'window'> | undefined;
  aws: AwsSettings;
  /** Where to read; by default what was named, else the event history, and past its reach what the settings know of. */
  source?: SourceKind | undefined;
  /** For a source that is asked a query. */
  query?: QueryWords | undefined;
  /** Which event histories are read, and how. */
  lookup?: LookupWords | undefined;
  /** The service whose task starts explain reads. */
  ecs: { cluster: string; service: string };
  /** `audit:` of jamf-mcp.yaml. */
  settings: AuditSettings;
  /** What is usual; null where nobody has told yet. */
  baseline: Baseline | null;
  /** The local store, for one whose accesses are to be audited. */
  local: LocalOptions;
  /** Only accesses of these principals, as `isPrincipal` takes them; everybody's without. */
  principals?: readonly string[] | undefined;
  /** Gets every access, oldest first: for reports that are written as they go. */
  emit?: Emit;
  /** Gets every record, counted or not, with what every cause says of it on demand. */
  inspect?: JudgeOptions['inspect'];
}

/** How the event history is read. */
export interface LookupWords {
  /** Names of Regions, or `all`; without, that of the secret, or of the credentials. */
  regions?: readonly string[] | undefined;
  /** Folder of what was read before; nothing is kept without. */
  cache?: string | undefined;
  /** Whether calls that concern what guards secrets are read, too: a trail that is stopped, a key that is disabled. */
  guards?: boolean | undefined;
}

/** How far an audit of a store goes back unless it is told. */
export const SINCE = '7d';

/** What came of it. Times are ISO 8601, UTC. */
export interface AuditResult {
  /** Null where every secret was asked for; `arn` where a record told it. */
  secret: { name: string; arn: string | null; store: StoreKind } | null;
  /** The principals that were asked for, as they were named; empty for everybody. */
  asked: readonly string[];
  /** Null where files were audited for whatever time they hold, and they hold no access. */
  window: { since: string | null; until: string | null };
  sources: SourceReport[];
  /** Oldest first; of more than 10,000 those that nothing explains before the others. */
  accesses: AuditedAccess[];
  /** How many accesses there were, listed or not. */
  total: number;
  /** The accesses by who made them: most unexplained first. */
  principals: IdentityGroup[];
  /** Worst first. */
  findings: Finding[];
  /** Findings that `audit.suppressions` of jamf-mcp.yaml takes out of the list; `--fail-on` does not see them. */
  suppressed: SuppressedFinding[];
  /** Number of accesses that nothing explains. */
  unexplained: number;
  skipped: Skipped[];
}

/** What a kind of audit is made of. */
interface Plan {
  /** What the accesses are picked by; null for all that the sources give. */
  asked: Mention | null;
  /** Name of the secret asked for, and its ARN where that is known beforehand; null for every secret. */
  secret: { name: string; arn: string | null } | null;
  /** Every source is read at the same time as the others. */
  sources: readonly Source[];
  facts: Facts;
  /** Null for whatever time the sources have. */
  window: Window | null;
  /** What is left out from the beginning. */
  skipped: Skipped[];
  /** How the id of a secret is written. */
  write: (id: SecretId) => string;
}

/**
 * Audit a secret: in files where there are paths, else on AWS by CloudTrail's event history, Athena or CloudTrail Lake, or
 * in the local store by its access log. Reads only, but for the table and the results of Athena.
 * @throws JamfMcpError USAGE for a store that keeps its records elsewhere; NOT_FOUND where there is no local store;
 *   INPUT_INVALID for a window or a secret that is none; CREDENTIALS_MISSING, ACCESS_DENIED, THROTTLED …, as the first
 *   call of AWS fails; INTERRUPTED
 */
export async function auditSecret(request: AuditRequest, context: Context): Promise<AuditResult> {
  const plan = await planOf(request, context);
  const { asked, sources, facts, window, write } = plan;
  return await withTimeline({ asked, write, isTelling, signal: context.signal }, async (lines) => {
    const read = await Promise.all(sources.map(async (source) => source.read(lines.sink(source.newestFirst), context)));
    const closed = lines.close();
    const { notes, ...judgement } = await judge(closed, facts, request);
    return {
      secret: plan.secret && { ...plan.secret, arn: plan.secret.arn ?? closed.arn, store: request.store },
      asked: request.principals ?? [],
      window: windowOf(window, judgement),
      sources: read.map(({ report }) => report),
      ...judgement,
      findings: inOrder([...read.flatMap(({ findings = [] }) => findings), ...judgement.findings]),
      skipped: [
        ...plan.skipped,
        ...read.flatMap(({ skipped }) => skipped),
        ...notes,
        ...namelessNote(closed),
        ...unlistedNote(judgement),
      ],
    };
  });
}

async function planOf(request: AuditRequest, context: Context): Promise<Plan> {
  const { source = 'auto', files, store, settings, query = {} } = request;
  const now = context.clock.now();
  const window = files ? null : windowOfStore(request, now);
  const road = roadOf({ source, files, store, settings, query, window, now });
  if (road.kind === 'files') return await planOfFiles(request, road.files, context);
  if (store === 'local') return await planOfLocal(request, context);
  if (store === 'aws') return await planOfAws(request, road, context);
  throw new JamfMcpError(
    'USAGE',
    `the audit reads CloudTrail and the log of the local store, and neither sees the ${request.store} store`,
    'audit a secret on AWS: pass --store aws',
  );
}

const windowOfStore = ({ since = SINCE, until }: AuditRequest, now: number) => parseWindow({ since, until }, now);

async function planOfAws(
  request: AuditRequest,
  road: Exclude<Road, { kind: 'files' }>,
  context: Context,
): Promise<Plan> {
  const { settings, query = {} } = request;
  const now = context.clock.now();
  const window = windowOfStore(request, now);
  if (road.kind === 'own') withinReach(window, now);
  else if (request.source === undefined || request.source === 'auto') {
    const what = road.kind === 'athena' ? `Athena is asked about ${road.url}` : 'CloudTrail Lake is asked';
    context.host.notify({ kind: 'warning', text: `the event history keeps 90 days: ${what}` });
  }
  const asked = askedFor(request.secret);
  const skipped: Skipped[] = [];
  const caller = await identity(request.aws, context);
  const region = asked?.region ?? caller.region;
  const aws = { ...request.aws, region };
  const reached = accountsOf(road, query, caller, settings, asked?.account ?? null);
  if (asked?.account && !reached.includes(asked.account)) skipped.push(foreign(asked.account, caller));
  const tasks = await tasksOf({ ...request.ecs, aws }, skipped, context);
  const { accounts } = settings;
  const { regions: named = [], cache, guards = false } = request.lookup ?? {};
  const regions = regionsOf(named, region);
  return {
    // A name alone may be that of a secret in each Region and account that is read.
    asked: asked && {
      ...asked,
      account: asked.account ?? (reached.length === 1 ? (reached[0] ?? null) : null),
      region: asked.region ?? (regions.length === 1 ? region : null),
    },
    secret: asked && { name: asked.name, arn: null },
    sources:
      road.kind === 'own'
        ? lookupMany(
            { aws: request.aws, caller, regions, accounts, window, cache, guards: guards ? GUARDS : [] },
            context,
          )
        : [
            remoteSource(road, {
              aws: { ...request.aws, region: caller.region },
              accounts: reached,
              regions: { asked: regions, all: named.includes('all') },
              secret: request.secret,
              window,
              words: query,
              settings,
            }),
          ],
    facts: {
      now,
      self: caller.arn,
      tasks,
      deployments: await deploymentsOf({ ...request.ecs, aws }, window, skipped, context),
      ...(await recordedFacts(request.local.folder, skipped)),
      ...told(request),
    },
    window,
    skipped,
    write: writtenId,
  };
}

/** Records on the disk may be of any account and any time: nothing is asked of AWS. */
async function planOfFiles(
  request: AuditRequest,
  files: NonNullable<AuditRequest['files']>,
  context: Context,
): Promise<Plan> {
  const now = context.clock.now();
  const window =
    request.since === undefined && request.until === undefined
      ? null
      : parseWindow({ since: request.since ?? '1970-01-01', until: request.until }, now);
  const asked = askedFor(request.secret);
  const skipped: Skipped[] = [];
  return {
    asked,
    secret: asked && { name: asked.name, arn: null },
    sources: fileSources(files, request.aws, window),
    facts: {
      now,
      self: null,
      tasks: [],
      deployments: [],
      ...(await recordedFacts(request.local.folder, skipped)),
      ...told(request),
    },
    window,
    skipped,
    write: writtenId,
  };
}

/** What lies on the disk or comes by stdin is one source, each place in S3 another. */
function fileSources(files: NonNullable<AuditRequest['files']>, aws: AwsSettings, window: Window | null): Source[] {
  const { s3 = [], disk = [] } = Object.groupBy(files.paths, (path) => (isS3(path) ? 's3' : 'disk'));
  return [
    ...(disk.length > 0 || files.streams?.length ? [filesSource({ ...files, paths: disk, window })] : []),
    ...s3.map((url) => s3Source({ url, aws, window })),
  ];
}

/** Who is at the machine explains their own accesses; nobody else's are explained unless the settings expect them. */
async function planOfLocal(request: AuditRequest, context: Context): Promise<Plan> {
  const { local, secret } = request;
  const now = context.clock.now();
  const window = parseWindow({ since: request.since ?? SINCE, until: request.until }, now);
  const name = secret?.replace(/^local:/, '') ?? null;
  const skipped: Skipped[] = [];
  return {
    // What concerns the whole store names no secret, and belongs to the audit of each.
    asked: null,
    secret: name === null ? null : { name, arn: `local:${name}` },
    sources: [localLog({ local, secret: name, window })],
    facts: {
      now,
      self: localPrincipal(local.user, hostname()),
      tasks: [],
      deployments: [],
      ...(await recordedFacts(local.folder, skipped)),
      ...told(request),
    },
    window,
    skipped,
    write: (id) => `local:${id.name}`,
  };
}

/** The facts that the user has told. */
const told = ({ settings, baseline }: AuditRequest) => ({ settings, baseline });

function windowOf(window: Window | null, { principals }: Pick<Judgement, 'principals'>): AuditResult['window'] {
  // Of files, and with --until alone, all before it is looked at: that has no beginning.
  if (window) return { since: window.since === 0 ? null : iso(window.since), until: iso(window.until) };
  const times = principals.flatMap(({ first, last }) => [first, last]).filter((time) => time !== null);
  const [since = null, until = null] = [times.toSorted()[0], times.toSorted().at(-1)];
  return { since, until };
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

/** What was deployed in the window, for the starts of tasks that ECS has forgotten. */
async function deploymentsOf(
  target: AuditRequest['ecs'] & { aws: AwsSettings },
  window: Window,
  skipped: Skipped[],
  context: Context,
): Promise<Deployment[]> {
  try {
    return await readDeployments(target, iso(window.since), context);
  } catch (error) {
    if (isInterruption(error)) throw error;
    const where = `deployments of ${target.cluster}/${target.service}`;
    // Where the service itself cannot be read, that has been told already.
    if (!skipped.some((one) => one.where === `ECS service ${target.cluster}/${target.service}`)) {
      skipped.push({ where, why: `older task starts cannot be matched with them: ${messageOf(error)}` });
    }
    return [];
  }
}

function namelessNote({ nameless }: ClosedTimeline): Skipped[] {
  if (nameless.size === 0) return [];
  const calls = [...nameless].map(([action, count]) => `${String(count)} ${action}`).join(', ');
  return [
    {
      where: 'some records',
      why: `they name no secret, so whether they concern this one is unknown: ${calls}`,
    },
  ];
}

function unlistedNote({ total }: Pick<Judgement, 'total'>): Skipped[] {
  if (total <= LISTED) return [];
  return [
    {
      where: 'the list of accesses',
      why: `it has ${String(LISTED)} of ${String(total)}, those that nothing explains first; all of them were judged`,
    },
  ];
}

const iso = (ms: number) => new Date(ms).toISOString();
