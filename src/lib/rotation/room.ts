/**
 * Room for two more versions, the claim and the new value: Secrets Manager keeps about 100 without a label, and drops none within 24 h
 * (facts/rotation.md §2c "Versions"). A value that the issuer has made and the store refuses would be lost.
 */
import { isInterruption, JamfMcpError, messageOf } from '../errors.ts';
import { isRotationId } from './claim.ts';
import type { Work } from './work.ts';

const MOST_YOUNG = 100;
const NEEDED = 2;
const YOUNG_MS = 24 * 3_600_000;

/**
 * Make sure that what is made can be stored. Costs a call on a dry run, and where a rotation has made the version in use
 * within 24 h: what makes a hundred versions in one day is a rotation that somebody repeats.
 * @throws JamfMcpError QUOTA_REACHED, saying from when on there is room
 */
export async function requireRoom({ input, store, issuer, context, currentAt, carry, claim }: Work): Promise<void> {
  const since = context.clock.now() - YOUNG_MS;
  if (store.kind !== 'aws' || issuer.draft || carry || currentAt === null || currentAt < since) return;
  if (!input.dryRun && !isRotationId(claim.base)) return;
  let made: number[];
  try {
    const versions = await store.versions(input.secret);
    made = versions
      .filter(({ stages }) => stages.length === 0)
      .flatMap(({ createdAt }) => (createdAt === null ? [] : [Date.parse(createdAt)]));
  } catch (error) {
    if (isInterruption(error)) throw error;
    // Whoever rotates need not be allowed to list versions.
    context.host.notify({ kind: 'debug', text: `the versions could not be counted: ${messageOf(error)}` });
    return;
  }
  const young = made.filter((at) => at > since).sort((a, b) => a - b);
  const last = young[young.length + NEEDED - MOST_YOUNG - 1];
  if (last === undefined) return;
  const from = new Date(last + YOUNG_MS).toISOString().replace(/\.\d+Z$/, 'Z');
  throw new JamfMcpError(
    'QUOTA_REACHED',
    `${input.secret} has ${String(young.length)} versions without a label of the last 24 h, of which Secrets Manager keeps ${String(MOST_YOUNG)} and drops none: a new value could not be stored; nothing was changed`,
    `wait until ${from}, then repeat the command`,
  );
}
