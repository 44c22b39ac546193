/** Where a verification tells what it finds: bounded, since an archive may be wrong in a million places. */
import type { Context } from '../../host.ts';
import { isInterruption, messageOf } from '../../errors.ts';
import type { Skipped } from '../sources/source.ts';
import type { VerifyFinding } from '../verify.ts';
import type { KeyRing } from './keys.ts';
import { trailFinding, type TrailRule } from './rules.ts';

/** What the parts of a verification have in common. */
export interface Told {
  keys: KeyRing;
  /** Whether an object without its metadata was tampered with; see {@link Archive.keepsMetadata}. */
  keepsMetadata: boolean;
  context: Context;
  find(rule: TrailRule, file: string, title: string): void;
  skip(skipped: Skipped): void;
  /** Tell of what could not be read, and go on. @throws what interrupts the whole */
  skipUnread(where: string, error: unknown): void;
}

/** What was told so far. */
export interface Gathered {
  findings: VerifyFinding[];
  /** Findings beyond the most that are listed. */
  omitted: number;
  skipped: Skipped[];
}

/** Findings, and skipped files, that are listed. */
export const MOST_TOLD = 1_000;

/** A place to tell. */
export function gatherTold(context: Context): { gathered: Gathered; told: Omit<Told, 'keys' | 'keepsMetadata'> } {
  const gathered: Gathered = { findings: [], omitted: 0, skipped: [] };
  const skip = (one: Skipped) => {
    if (gathered.skipped.length < MOST_TOLD) gathered.skipped.push(one);
  };
  return {
    gathered,
    told: {
      context,
      skip,
      find(rule, file, title) {
        if (gathered.findings.length < MOST_TOLD) gathered.findings.push(trailFinding(rule, file, title));
        else gathered.omitted += 1;
      },
      skipUnread(where, error) {
        context.signal.throwIfAborted();
        if (isInterruption(error)) throw error;
        skip({ where, why: messageOf(error) });
      },
    },
  };
}
