/** Sums up the calls of a role: each right that was used, how often and when last. */
import type { Catalogue } from '../catalogue.ts';
import type { Need } from '../need.ts';
import { callOf, type RoleCall, type UsedRole } from './call.ts';

/** Distinct resources of one action that are told one by one; of more, what their names have in common. */
const MOST_RESOURCES = 50;

/** What a role has used. */
export interface Usage {
  needs: Need[];
  /** Calls that used rights. */
  calls: number;
  /** Calls that were refused, by action: they are no use. */
  denied: Record<string, number>;
  /** Events of which the catalogue knows no action, and how often. */
  unknown: Record<string, number>;
  /** Actions of which the records do not name the resource, so that it is told by a pattern. */
  broad: string[];
}

interface Counted {
  use: Pick<Need, 'action' | 'resource' | 'context'>;
  count: number;
  last: string;
}

/** Takes records of whomever, and sums up those of the role; a record that comes twice counts once. */
export function usageOf(role: UsedRole, catalogue: Catalogue) {
  const used = new Map<string, Counted>();
  const seen = new Set<string>();
  const denied: Record<string, number> = {};
  const unknown: Record<string, number> = {};
  const broad = new Set<string>();
  let calls = 0;

  const count = (call: RoleCall) => {
    if (call.denied) {
      denied[call.action] = (denied[call.action] ?? 0) + 1;
      return;
    }
    if (!call.known) unknown[call.action] = (unknown[call.action] ?? 0) + 1;
    calls += 1;
    if (call.broad) broad.add(call.action);
    for (const use of call.uses) {
      const key = JSON.stringify([use.action, use.resource, use.context]);
      const before = used.get(key);
      const last = [before?.last ?? '', call.time ?? ''].sort().at(-1) ?? '';
      used.set(key, { use, count: (before?.count ?? 0) + 1, last });
    }
  };
  return {
    see: (record: unknown): void => {
      const call = callOf(record, role, catalogue);
      if (call === null) return;
      const id = (record as { eventID?: unknown }).eventID;
      if (typeof id === 'string') {
        if (seen.has(id)) return;
        seen.add(id);
      }
      count(call);
    },
    end: (): Usage => {
      const needs = narrowed([...used.values()], broad).map(({ use, count: times, last }) => ({
        ...use,
        why: `used ${times === 1 ? 'once' : `${String(times)} times`}${last === '' ? '' : `, last on ${last.slice(0, 10)}`}`,
        without: null,
      }));
      return { needs, calls, denied, unknown, broad: [...broad].sort() };
    },
  };
}

/** Of an action with very many resources, such as the objects of a bucket: what their ARNs begin with, and a star. */
function narrowed(all: readonly Counted[], broad: Set<string>): Counted[] {
  const byAction = Map.groupBy(all, ({ use }) => JSON.stringify([use.action, use.context]));
  return [...byAction.values()].flatMap((group) => {
    const [first, ...others] = group;
    if (first === undefined || group.length <= MOST_RESOURCES) return group;
    const start = others.reduce((common, { use }) => commonStart(common, use.resource), first.use.resource);
    // The account and what is before it are the same for all, or the star would take in other accounts.
    if (start.split(':').length < 6) return group;
    broad.add(first.use.action);
    return [
      {
        use: { ...first.use, resource: `${start}*` },
        count: group.reduce((sum, one) => sum + one.count, 0),
        last:
          group
            .map(({ last }) => last)
            .sort()
            .at(-1) ?? '',
      },
    ];
  });
}

function commonStart(a: string, b: string): string {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  return a.slice(0, length);
}
