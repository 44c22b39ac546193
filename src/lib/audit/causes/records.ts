/** What the data folder of this machine knows of causes: the records of rotations, and the break-glass log. */
import { agentText } from '../../aws.ts';
import { isInterruption, messageOf } from '../../errors.ts';
import type { Facts } from '../explain.ts';
import type { Skipped } from '../sources/source.ts';
import type { BreakGlassFact } from './known.ts';
import type { RotationFact } from './rotation.ts';

/** What is read here. */
export type RecordedFacts = Pick<Facts, 'rotations' | 'breakGlass' | 'functionOf'>;

/** Most rotations that are looked at, the newest first. */
const MOST_ROTATIONS = 10_000;

/**
 * Read both. What does not hold (a signature, a chain) explains nothing, and is told.
 * @param folder - the data folder; nothing is made where there is none
 * @param skipped - gets what was left out
 */
export async function recordedFacts(folder: string, skipped: Skipped[]): Promise<RecordedFacts> {
  const { namesFor } = await import('../../rotation/schedule/names.ts');
  const names = new Map<string, { function: string; role: string }>();
  return {
    rotations: await orTold('the records of rotations', skipped, () => rotationsIn(folder, skipped)),
    breakGlass: await orTold('the break-glass log', skipped, () => breakGlassIn(folder, skipped)),
    functionOf(region, secret) {
      const key = `${region ?? ''}/${secret}`;
      const known = names.get(key) ?? namesFor(region ?? '', secret);
      if (names.size < MOST_ROTATIONS) names.set(key, known);
      return known;
    },
  };
}

/** Without its records an audit explains less, and says so. */
async function orTold<T>(where: string, skipped: Skipped[], read: () => Promise<T[]>): Promise<T[]> {
  try {
    return await read();
  } catch (error) {
    if (isInterruption(error)) throw error;
    skipped.push({ where, why: `cannot be read, so it explains nothing: ${messageOf(error)}` });
    return [];
  }
}

async function rotationsIn(folder: string, skipped: Skipped[]): Promise<RotationFact[]> {
  const { readRecords } = await import('../../rotation/record.ts');
  const kept = await readRecords(folder, { limit: MOST_ROTATIONS });
  for (const { path, problem } of kept) {
    if (problem !== null)
      skipped.push({ where: path, why: `this record of a rotation ${problem}: it explains nothing` });
  }
  return kept
    .filter(({ problem }) => problem === null)
    .map(({ record: { rotationId, secret, by, since, endedAt, reason, versions, deployment } }) => ({
      rotationId,
      secret: { name: secret.name, arn: secret.arn },
      by,
      since,
      endedAt,
      reason,
      versions: [rotationId, versions.before, versions.after],
      deployment: deployment && {
        id: deployment.id,
        startedAt: deployment.startedAt,
        finishedAt: deployment.finishedAt,
      },
    }));
}

async function breakGlassIn(folder: string, skipped: Skipped[]): Promise<BreakGlassFact[]> {
  const { readBreakGlass } = await import('../../secrets/breakglass.ts');
  const { entries, problems } = await readBreakGlass(folder);
  const [problem] = problems;
  if (problem) {
    // One false line may stand anywhere: then none is believed.
    const place = problem.line === null ? 'it' : `line ${String(problem.line)}`;
    const why = `${place} ${problem.why}: no reason in it explains anything; look with audit verify`;
    skipped.push({ where: 'the break-glass log', why });
    return [];
  }
  return entries.map(({ at, secret, action, user, reason }) => ({
    at,
    secret,
    action,
    user,
    reason,
    agentText: agentText(reason),
  }));
}
