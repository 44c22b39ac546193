/** A test context whose clock is the sandbox's: what sleeps on it lets time pass in the sandbox. */
import { testContext, type TestContext } from './context.ts';
import type { TestSandbox } from './sandbox.ts';

/** A test context in a sandbox. */
export interface SandboxContext extends TestContext {
  /** How long each sleep was, in ms. */
  readonly slept: number[];
}

/** A context for the running sandbox. */
export function contextIn({ clock }: TestSandbox): SandboxContext {
  const slept: number[] = [];
  const context = testContext();
  return {
    ...context,
    slept,
    clock: {
      slept,
      now: () => clock.now(),
      advance: (ms) => {
        clock.advance(ms);
      },
      sleep: async (ms, signal) => {
        signal?.throwIfAborted();
        slept.push(ms);
        clock.advance(ms);
        await new Promise((resolve) => setImmediate(resolve));
        signal?.throwIfAborted();
      },
    },
  };
}
