/** Judges a timeline: what explains each access, what the detectors find, and what it all comes to. */
import type { AuditedAccess } from './access.ts';
import { detection, type Detected } from './detectors/run.ts';
import { countedOnce } from './batch.ts';
import { explainer, type Attempt, type Facts } from './explain.ts';
import { grouper, type IdentityGroup } from './groups.ts';
import { isPrincipal } from './principal.ts';
import type { ClosedTimeline } from './timeline.ts';

/** What a timeline comes to. */
export interface Judgement extends Detected {
  /** Oldest first; of more than {@link LISTED} all that fit, those that nothing explains before the others. */
  accesses: AuditedAccess[];
  /** How many accesses there were, listed or not. */
  total: number;
  /** How many of them nothing explains. */
  unexplained: number;
  /** Most unexplained first. */
  principals: IdentityGroup[];
}

/** Takes every access as it is judged, oldest first: a report that is written as it goes. */
export type Emit = (access: AuditedAccess) => void | Promise<void>;

/** Accesses that a result lists: what is more than a person reads goes to a report that is written as it goes. */
export const LISTED = 10_000;

/** What else is to be done with the accesses. */
export interface JudgeOptions {
  /** Gets each access that is counted. */
  emit?: Emit | undefined;
  /** Gets each record, counted or not, with what every cause says of it on demand. */
  inspect?: ((access: AuditedAccess, attempts: () => Attempt[]) => void) | undefined;
  /** Only accesses of these principals, as `isPrincipal` takes them; everybody's without. */
  principals?: readonly string[] | undefined;
}

/**
 * Judge every access.
 * @param timeline - complete
 * @param facts - what explanations and detectors go by
 */
export async function judge(
  timeline: ClosedTimeline,
  facts: Facts,
  { emit = ignore, inspect, principals = [] }: JudgeOptions = {},
): Promise<Judgement> {
  const detectors = detection(facts);
  const groups = grouper();
  const listed: Record<'explained' | 'unexplained', { place: number; access: AuditedAccess }[]> = {
    explained: [],
    unexplained: [],
  };
  const list = (access: AuditedAccess, place: number) => {
    const { explained, unexplained: first } = listed;
    if (explained.length + first.length >= LISTED && (access.explanation !== null || !explained.pop())) return;
    (access.explanation === null ? first : explained).push({ place, access });
  };
  let total = 0;
  let unexplained = 0;
  const causes = explainer(facts);
  for await (const batch of timeline.telling()) for (const access of batch) causes.learn(access);
  for await (const batch of countedOnce(timeline.batches())) {
    for (const settled of batch) {
      if (principals.length > 0 && !principals.some((one) => isPrincipal(one, settled.principal))) continue;
      const access: AuditedAccess = { ...settled, explanation: causes.explain(settled) };
      inspect?.(access, () => causes.attempts(settled));
      detectors.see(access);
      if (access.context) continue;
      total += 1;
      if (access.explanation === null) unexplained += 1;
      groups.see(access);
      list(access, total);
      await emit(access);
    }
  }
  return {
    accesses: [...listed.unexplained, ...listed.explained]
      .sort((a, b) => a.place - b.place)
      .map(({ access }) => access),
    total,
    unexplained,
    principals: groups.groups(),
    ...detectors.end(),
  };
}

const ignore = () => undefined;
