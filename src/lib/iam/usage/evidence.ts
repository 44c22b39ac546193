/** `iam generate --from-audit`: what a role was seen to use, as the policy that allows exactly that. */
import { withinReach } from '../../audit/sources/lookup-events.ts';
import { parseWindow, type Window } from '../../audit/window.ts';
import { identity, type AwsSettings } from '../../aws.ts';
import { JamfMcpError, messageOf } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { loadCatalogue, type Catalogue } from '../catalogue.ts';
import { withPolicy, type GenerateResult } from '../generate/generate.ts';
import type { LiveRole } from '../live/role.ts';
import { readDocument } from '../parse.ts';
import { readUsage, type UsageRead } from './read.ts';
import { unusedRights, type UnusedRight } from './unused.ts';

/** What is asked. */
export interface EvidenceWish {
  /** Name or ARN of the role. */
  role: string;
  /** `90d`, `2026-11-01`. */
  since: string;
  /** Files of a trail; none: the event history. */
  paths: readonly string[];
  /** Account of the role, where nobody is to be asked: then with `paths` alone. */
  account: string | null;
  aws: AwsSettings;
}

/** What was seen. */
export interface Evidence {
  role: string;
  /** ISO 8601, UTC. */
  since: string;
  until: string;
  /** Records gone through, calls of the role that used rights, and calls that were refused, by action. */
  records: number;
  calls: number;
  denied: Record<string, number>;
  /** Rights that the role has and that no call used; null where its policies were not read. */
  unused: UnusedRight[] | null;
}

/** What is looked up where the role's policies do not tell which services it uses. */
const DEFAULT_SERVICES = ['secretsmanager', 'kms'];

/** What the records never show, however long they are. */
const INVISIBLE =
  'iam:PassRole is in no record, and neither are calls that have not come up since: add what you know to be needed';

/**
 * Generate a policy from what was used.
 * @throws JamfMcpError INPUT_INVALID, INPUT_MISSING; NOT_FOUND where the role was not seen to use anything
 */
export async function generateFromAudit(wish: EvidenceWish, context: Context): Promise<GenerateResult> {
  const now = context.clock.now();
  const window = windowOf(wish.since, now);
  if (wish.paths.length === 0) withinReach(window, now);
  const catalogue = await loadCatalogue();
  const { name, account, region, live, remarks } = await roleOf(wish, context);
  const services = live === null ? DEFAULT_SERVICES : await servicesOf(live, catalogue);
  const query = { role: { name, account }, window, paths: wish.paths, aws: wish.aws, services };
  const usage = await readUsage(query, catalogue, context);
  if (usage.needs.length === 0) {
    throw new JamfMcpError(
      'NOT_FOUND',
      `no call of the role ${name} that used a right is among ${String(usage.records)} records since ${wish.since}`,
      (wish.paths.length > 0 ? usage.remarks[0] : undefined) ??
        'look further back, or name the files of a trail as arguments',
    );
  }
  const title = `the role ${name}, by what it used since ${wish.since}`;
  const told = [...remarks, ...usage.remarks, ...remarksOn(usage), INVISIBLE];
  const result = await withPolicy({ title, needs: usage.needs, remarks: told }, { account, region }, catalogue);
  const iso = (ms: number) => new Date(ms).toISOString();
  return {
    ...result,
    evidence: {
      role: name,
      since: iso(window.since),
      until: iso(window.until),
      records: usage.records,
      calls: usage.calls,
      denied: usage.denied,
      unused: live === null ? null : await unusedRights(live, usage.needs),
    },
  };
}

/** The window, its errors under the name of the flag. */
function windowOf(since: string, now: number): Window {
  try {
    return parseWindow({ since }, now);
  } catch (error) {
    if (!(error instanceof JamfMcpError)) throw error;
    throw new JamfMcpError(error.code, error.message.replaceAll('--since', '--from-audit'), error.hint, {
      cause: error,
    });
  }
}

function remarksOn({ unknown, broad, denied }: UsageRead): string[] {
  const names = (counts: Record<string, number>) => Object.keys(counts).sort().join(', ');
  return [
    ...(broad.length > 0
      ? [`the records do not tell the resources of ${broad.join(', ')} one by one: they are patterns`]
      : []),
    ...(Object.keys(unknown).length > 0 ? [`no action is known for the events ${names(unknown)}`] : []),
    ...(Object.keys(denied).length > 0 ? [`refused, and therefore no use: ${names(denied)}`] : []),
  ];
}

interface FoundRole {
  name: string;
  account: string;
  region: string;
  live: LiveRole | null;
  remarks: string[];
}

async function roleOf({ role, account, paths, aws }: EvidenceWish, context: Context): Promise<FoundRole> {
  const name = role.slice(role.lastIndexOf('/') + 1);
  if (account !== null) {
    if (paths.length === 0) {
      throw new JamfMcpError(
        'USAGE',
        'with --account nobody is asked, so there is no event history either',
        'name the files of a trail as arguments, or leave --account out',
      );
    }
    return { name, account, region: aws.region ?? 'us-east-1', live: null, remarks: [] };
  }
  const caller = await identity(aws, context);
  const place = { name, account: caller.account, region: caller.region };
  try {
    const { readRole } = await import('../live/read.ts');
    return { ...place, live: await readRole(role, aws, context), remarks: [] };
  } catch (error) {
    if (!(error instanceof JamfMcpError) || !['ACCESS_DENIED', 'NOT_FOUND'].includes(error.code)) throw error;
    return { ...place, live: null, remarks: [`the policies of the role were not compared: ${messageOf(error)}`] };
  }
}

/** The services that a role may call at all: no other can have been used. */
async function servicesOf({ policies }: LiveRole, catalogue: Catalogue): Promise<string[]> {
  const found = new Set<string>();
  for (const { kind, source } of policies) {
    if (kind !== 'inline' && kind !== 'managed') continue;
    for (const policy of (await readDocument(source, { type: 'identity' })).policies) {
      for (const { effect, actions } of policy.statements) {
        if (effect !== 'Allow') continue;
        // Whoever may do everything was surely not looked up service by service: what guards secrets counts.
        if (actions?.not !== false || actions.values.some(({ text }) => /^[^:]*\*[^:]*(?::|$)/.test(text))) {
          for (const service of DEFAULT_SERVICES) found.add(service);
        } else for (const { text } of actions.values) found.add(text.slice(0, text.indexOf(':')).toLowerCase());
      }
    }
  }
  const known = [...found].filter((prefix) => catalogue.service(prefix) !== null).sort();
  return known.length > 0 ? known : DEFAULT_SERVICES;
}
