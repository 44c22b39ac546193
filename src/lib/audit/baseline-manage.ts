/** What `audit baseline` does: show, learn from a window that the user names, allow one caller for a time. */
import { JamfMcpError } from '../errors.ts';
import type { Context } from '../host.ts';
import { auditSecret, type AuditRequest, type AuditResult } from './audit.ts';
import { baselineText, parseBaseline } from './baseline-file.ts';
import { learner, LEARNED_FOR_MS, withLearned, type LeftOut } from './baseline-learn.ts';
import type { Baseline, BaselineEntry } from './baseline.ts';
import { inNetwork } from './family.ts';
import type { Skipped } from './sources/source.ts';
import { DAY } from './window.ts';

/** The file of the baseline, as a command has found it. */
export interface BaselineFile {
  /** Where it is, or would be. */
  path: string;
  /** Empty where there is none. */
  content: string;
  save(content: string): Promise<void>;
}

const EMPTY: Baseline = { learned: [], entries: [] };

/**
 * The baseline in a file.
 * @returns null where there is none
 * @throws JamfMcpError CONFIG_INVALID with the place of what is wrong
 */
export const baselineIn = ({ path, content }: Pick<BaselineFile, 'path' | 'content'>): Baseline | null =>
  content.trim() === '' ? null : parseBaseline(content, path);

/** What `audit baseline show` tells. Times are ISO 8601, UTC. */
export interface BaselineShow {
  file: string;
  /** False where nothing was learnt or allowed yet. */
  exists: boolean;
  learned: readonly { since: string; until: string }[];
  entries: (BaselineEntry & {
    /** Whether it holds now. */
    state: 'holds' | 'expired' | 'not-yet';
  })[];
}

/** The baseline as it stands. */
export function showBaseline(file: Pick<BaselineFile, 'path' | 'content'>, now: number): BaselineShow {
  const baseline = baselineIn(file);
  const state = ({ since, until }: BaselineEntry) =>
    Date.parse(until) < now ? 'expired' : Date.parse(since) > now ? 'not-yet' : 'holds';
  return {
    file: file.path,
    exists: baseline !== null,
    learned: baseline?.learned ?? [],
    entries: (baseline?.entries ?? []).map((entry) => ({ ...entry, state: state(entry) })),
  };
}

/** What `audit baseline learn` did, or would do. */
export interface BaselineLearn {
  file: string;
  window: AuditResult['window'];
  /** How many accesses were looked at. */
  accesses: number;
  added: BaselineEntry[];
  widened: BaselineEntry[];
  unchanged: number;
  /** What happened and was not learnt, and why. */
  leftOut: LeftOut[];
  skipped: Skipped[];
  /** Whether the file was written. */
  changed: boolean;
}

/**
 * Learn what is usual from a window: every success of every caller but root, AWS itself, and whoever a grave finding
 * names. Asks before it writes.
 * @param request - what to audit; without its `since` nothing is learnt
 * @param options - `until`: the day until which it holds; 90 days after the window without. `reason`: why it is usual
 * @throws JamfMcpError USAGE without a window; what the audit fails with; CONFIRMATION_REQUIRED
 */
export async function learnBaseline(
  request: AuditRequest,
  file: BaselineFile,
  options: { until?: string | undefined; reason?: string | undefined; dryRun: boolean },
  context: Context,
): Promise<BaselineLearn> {
  if (request.since === undefined && !request.files) {
    throw new JamfMcpError(
      'USAGE',
      'what is usual is learnt from a time that you name',
      'pass --since, and --until where it ended: a time in which nothing was wrong',
    );
  }
  const before = baselineIn(file) ?? EMPTY;
  const learning = learner();
  const result = await auditSecret({ ...request, emit: learning.see.bind(learning) }, context);
  const { since, until } = result.window;
  if (since === null || until === null) {
    throw new JamfMcpError('NOT_FOUND', 'there is no access in what was read: nothing to learn', 'name another time');
  }
  const holds = options.until === undefined ? Date.parse(until) + LEARNED_FOR_MS : lastMoment(options.until, context);
  const learnt = learning.learned(
    result.findings,
    { since, until: new Date(holds).toISOString() },
    options.reason ?? `seen from ${since.slice(0, 10)} to ${until.slice(0, 10)}`,
  );
  const { baseline, added, widened, unchanged } = withLearned(before, learnt.entries, { since, until });
  const changes = added.length + widened.length;
  const text = `make ${what(added.length, 'caller')} usual${widened.length > 0 ? ` and widen ${what(widened.length, 'entry')}` : ''} in ${file.path}?`;
  const changed =
    changes > 0 &&
    !options.dryRun &&
    (await context.host.ask({ kind: 'confirm', text: listed([...added, ...widened], text) }));
  if (changed) await file.save(baselineText(file.content, baseline, before));
  const { leftOut } = learnt;
  const { total: accesses, window } = result;
  // What a detector lacks is what is learnt just now.
  const skipped = result.skipped.filter(({ where }) => where !== 'detectors');
  return { file: file.path, window, accesses, added, widened, unchanged, leftOut, skipped, changed };
}

const what = (count: number, name: string) =>
  `${String(count)} ${count === 1 ? name : name === 'entry' ? 'entries' : `${name}s`}`;

/** The question, with the first few of what it is about. */
const listed = (entries: readonly BaselineEntry[], question: string) => {
  const few = entries.slice(0, 5).map(({ principal, secret }) => `${principal} on ${secret}`);
  const more = entries.length > few.length ? ` and ${String(entries.length - few.length)} more` : '';
  return `${few.join(', ')}${more}: ${question}`;
};

/** What to allow. */
export interface AllowRequest {
  /** ARN of a role or a user, with `*`. */
  principal: string;
  /** Name, with `*`. */
  secret: string;
  actions: readonly string[];
  networks: readonly string[];
  userAgents: readonly string[];
  regions: readonly string[];
  /** The last day. */
  until: string;
  reason: string;
}

/** What `audit baseline allow` did. */
export interface BaselineAllow {
  file: string;
  entry: BaselineEntry;
  changed: boolean;
}

/**
 * Allow a caller from now on until a day. An allowed entry of the same caller and secret is replaced.
 * @throws JamfMcpError INPUT_INVALID for a day that has passed or is more than a year away, and for what is no ARN or network
 */
export async function allowCaller(
  request: AllowRequest,
  file: BaselineFile,
  options: { dryRun: boolean },
  context: Context,
): Promise<BaselineAllow> {
  check(request);
  const until = new Date(lastMoment(request.until, context)).toISOString();
  const before = baselineIn(file) ?? EMPTY;
  const entry: BaselineEntry = {
    ...request,
    hours: [],
    daily: null,
    since: new Date(context.clock.now()).toISOString(),
    until,
    origin: 'allowed',
  };
  const same = before.entries.findIndex(
    ({ origin, principal, secret }) => origin === 'allowed' && principal === entry.principal && secret === entry.secret,
  );
  const entries = same === -1 ? [...before.entries, entry] : before.entries.with(same, entry);
  if (!options.dryRun) await file.save(baselineText(file.content, { ...before, entries }, before));
  return { file: file.path, entry, changed: !options.dryRun };
}

/** Most days that something is allowed for: then somebody looks at it again. */
const MOST_DAYS = 366;

function lastMoment(day: string, { clock }: Context): number {
  const now = clock.now();
  const end = Date.parse(`${day}T23:59:59Z`);
  if (!/^\d{4}-\d\d-\d\d$/.test(day) || Number.isNaN(end) || !new Date(end).toISOString().startsWith(day)) {
    throw new JamfMcpError('INPUT_INVALID', 'the end is not a day', 'write it as 2026-12-31');
  }
  if (end >= now && end <= now + MOST_DAYS * DAY) return end;
  throw new JamfMcpError(
    'INPUT_INVALID',
    end < now ? `${day} has passed` : `${day} is more than a year away: nobody would look at it again`,
    'name a day of the next twelve months',
  );
}

function check({ principal, networks, reason, actions }: AllowRequest): void {
  const wrong =
    !/^(arn:|local:)/.test(principal) || /^(arn:)?\*+$/.test(principal)
      ? `${principal || 'an empty text'} is not the ARN of a principal`
      : reason.trim() === ''
        ? 'the reason is empty'
        : actions.some((action) => !/^[A-Za-z]+$/.test(action))
          ? 'an action is not the name of a call, such as GetSecretValue'
          : networks.find((network) => network.includes('/') && !inNetwork(network.split('/')[0] ?? '', network));
  if (wrong === undefined) return;
  const text = networks.includes(wrong) ? `${wrong} is not a network` : wrong;
  throw new JamfMcpError('INPUT_INVALID', text, 'see `jamf-mcp audit baseline allow --help`');
}
