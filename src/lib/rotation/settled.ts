/** Where a secret stands once a process that was at work on it is gone. */
import type { Run } from './begin.ts';
import { isAtWork } from './claim.ts';
import { look, type Standing } from './plan.ts';
import type { RunInput } from './work.ts';

/**
 * Read the labels; where the process of a claim is gone, until they are what it has left. One that comes to a good end
 * between the reading and the question whether it still runs would else be taken for one that stopped half-way.
 * @param seen - as they were read a moment ago; null: not yet
 */
export async function settled(input: RunInput, { store, hold }: Run, seen: Standing | null = null): Promise<Standing> {
  const { context } = hold;
  for (let standing = seen ?? (await look(store, input.secret, context)); ;) {
    const gone = 'claim' in standing && isAtWork(standing.claim, input.isRunning, context.clock.now()) === false;
    if (!gone) return standing;
    const since = await look(store, input.secret, context);
    if (markOf(since) === markOf(standing)) return since;
    standing = since;
  }
}

/** What changes with every step that a rotation has come further. */
function markOf(standing: Standing): string {
  const holder = standing.kind === 'free' ? standing.lock : standing.holder;
  return [standing.kind, standing.current.versionId, holder].join();
}
