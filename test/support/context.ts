/** A context for core tests: a host that records and answers, a clock that never waits. */
import type { Answer, Clock, Context, Host, HostEvent, Question } from '../../src/lib/host.ts';
import { JamfMcpError } from '../../src/lib/errors.ts';
import type { Secret } from '../../src/lib/redact.ts';

/** A clock that stands still until somebody sleeps on it or moves it. */
export interface FakeClock extends Clock {
  advance(ms: number): void;
  /** How long each sleep was, in ms. */
  readonly slept: number[];
}

/** Starts at 2026-11-22T00:00:00Z unless told otherwise; `sleep` moves it on at once. */
export function fakeClock(start = Date.UTC(2026, 10, 22)): FakeClock {
  let now = start;
  const slept: number[] = [];
  return {
    now: () => now,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      slept.push(ms);
      now += ms;
      // Let what is waiting on I/O go on, so that a polling loop cannot starve a server in the same process.
      await new Promise((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
    },
    advance: (ms) => {
      now += ms;
    },
    slept,
  };
}

export interface TestContext extends Context {
  clock: FakeClock;
  readonly events: HostEvent[];
  readonly questions: Question[];
  /** Queue an answer: the next question gets it. With none queued, a question is refused as on `--no-input`. */
  answer(...answers: (boolean | string | Secret)[]): void;
  abort(): void;
}

export function testContext(options: { start?: number } = {}): TestContext {
  const events: HostEvent[] = [];
  const questions: Question[] = [];
  const answers: unknown[] = [];
  const controller = new AbortController();
  const host: Host = {
    notify: (event) => {
      events.push(event);
    },
    ask: <Q extends Question>(question: Q): Promise<Answer<Q>> => {
      questions.push(question);
      if (answers.length > 0) return Promise.resolve(answers.shift() as Answer<Q>);
      const code = question.kind.startsWith('confirm') ? 'CONFIRMATION_REQUIRED' : 'INPUT_MISSING';
      return Promise.reject(new JamfMcpError(code, `nobody to ask: ${question.text}`));
    },
  };
  return {
    host,
    clock: fakeClock(options.start),
    signal: controller.signal,
    events,
    questions,
    answer: (...more) => {
      answers.push(...more);
    },
    abort: () => {
      controller.abort();
    },
  };
}
