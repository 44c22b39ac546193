/** What caused an access: every cause is tried, strongest first. */
import type { AuditSettings } from '../config/settings.ts';
import type { Deployment } from '../ecs/history.ts';
import type { ServiceTask } from '../ecs/tasks.ts';
import type { Baseline } from './baseline.ts';
import type { CauseKind, Explanation } from './causes/cause.ts';
import { CAUSES } from './causes/index.ts';
import type { BreakGlassFact } from './causes/known.ts';
import type { RotationFact } from './causes/rotation.ts';
import type { SettledAccess } from './timeline.ts';

export type { CauseKind, Explanation } from './causes/cause.ts';
export { isServiceRole } from './causes/tasks.ts';

/** What explanations and detectors go by. */
export interface Facts {
  /** Milliseconds since 1970. */
  now: number;
  /** ARN of who runs the audit; null where unknown. */
  self: string | null;
  /** Tasks of the configured service, recently stopped ones included. */
  tasks: readonly ServiceTask[];
  /** Deployments of that service in the window. */
  deployments: readonly Deployment[];
  /** Rotations of ours whose records hold. */
  rotations: readonly RotationFact[];
  /** Times at which values were asked for with a reason; empty where that log does not hold. */
  breakGlass: readonly BreakGlassFact[];
  /** Names of the rotation function that this program sets up for a secret, and of its role. */
  functionOf(region: string | null, secret: string): { function: string; role: string };
  /** What is usual; null where nobody has told yet. */
  baseline: Baseline | null;
  /** `audit:` of jamf-mcp.yaml. */
  settings: AuditSettings;
}

/** A cause that was tried on an access. */
export interface Attempt {
  kind: CauseKind;
  explains: boolean;
  /** What agrees, or what does not; one line. */
  why: string;
}

/** Explains accesses, after it has seen all of them. */
export interface Explainer {
  /** Called for every access, oldest first, before any is explained. */
  learn(access: SettledAccess): void;
  /** @returns the strongest explanation, or null where nothing explains it */
  explain(access: SettledAccess): Explanation | null;
  /** Every cause with what it says of an access, strongest first. */
  attempts(access: SettledAccess): Attempt[];
}

/** An explainer that has seen nothing yet. */
export function explainer(facts: Facts): Explainer {
  const causes = CAUSES.map((cause) => ({ kind: cause.kind, work: cause.start(facts) }));
  const learning = causes.map(({ work }) => work).filter((work) => 'learn' in work);
  return {
    learn(access) {
      for (const work of learning) work.learn?.(access);
    },
    explain(access) {
      for (const { work } of causes) {
        const answer = work.explain(access);
        if (typeof answer !== 'string') return answer;
      }
      return null;
    },
    attempts: (access) =>
      causes.map(({ kind, work }) => {
        const answer = work.explain(access);
        return typeof answer === 'string'
          ? { kind, explains: false, why: answer }
          : { kind, explains: true, why: answer.why };
      }),
  };
}
