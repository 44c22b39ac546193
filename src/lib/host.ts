/**
 * The one seam between the core and its face. The core tells its host what happens and asks it what it needs to know;
 * the command line draws and prompts, the MCP server logs and refuses, tests record and answer.
 */
import type { Secret } from './redact.ts';

/** What the core tells while it works. Texts are one line, for people, without secret values. */
export type HostEvent =
  | { kind: 'step'; name: string; state: 'started' | 'done' | 'skipped' | 'failed'; text: string; durationMs?: number }
  /** What a wait is waiting for, or what was seen meanwhile. */
  | { kind: 'progress'; text: string }
  | { kind: 'warning'; text: string }
  /** A line that stays on the screen, such as one of a difference that is about to be asked about. */
  | { kind: 'detail'; text: string }
  /** Operation names, request ids, durations: never bodies. */
  | { kind: 'debug'; text: string }
  /** Told once before anything is changed. */
  | { kind: 'target'; store: string; account: string | null; region: string | null; principal: string | null };

/** What the core may need to know. `flag` names what to pass where no person can be asked. */
export type Question =
  /** Danger of the middle kind: y/N, or `--yes`, or where `name` is what would change, `--confirm NAME`. */
  | { kind: 'confirm'; text: string; name?: string }
  /** Severe danger: type the name, or `--confirm NAME`. */
  | { kind: 'confirm-name'; text: string; name: string }
  | { kind: 'text'; text: string; flag: string; default?: string; check?: (answer: string) => true | string }
  /** Typed without an echo. */
  | { kind: 'secret'; text: string; flag: string; check?: (answer: string) => true | string };

/** The answer that fits a question: confirmed or not, the text, or the secret. */
export type Answer<Q extends Question> = Q extends { kind: 'confirm' | 'confirm-name' }
  ? boolean
  : Q extends { kind: 'secret' }
    ? Secret
    : string;

/** A face of the program. */
export interface Host {
  /** Tell; never waits, never throws. */
  notify(event: HostEvent): void;
  /**
   * Ask, and wait for the answer.
   * @throws JamfMcpError INPUT_MISSING or CONFIRMATION_REQUIRED where nobody can be asked; INTERRUPTED on Ctrl-C
   */
  ask<Q extends Question>(question: Q): Promise<Answer<Q>>;
}

/** Time, so that tests need not wait for it. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /**
   * Wait.
   * @param ms - milliseconds
   * @throws AbortError as soon as the signal aborts
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** What every core function is handed beside its plain inputs. */
export interface Context {
  host: Host;
  clock: Clock;
  /** Aborted by Ctrl-C: every call and every wait listens to it. */
  signal: AbortSignal;
  /** Say what another Ctrl-C does from now on; absent where there is no process that one could end. */
  insist?: (insistence: Insistence) => void;
}

/** What becomes of a process that is asked to end once more. */
export interface Insistence {
  /** False: it stays, however often it is asked, until this is said otherwise. */
  ends: boolean;
  /** Told each time: why it stays, or how what it leaves is taken up again; one line. */
  text: string;
}

/** The clock on the wall. */
export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(ms, signal) {
    const { setTimeout: delay } = await import('node:timers/promises');
    await delay(ms, undefined, { signal });
  },
};
