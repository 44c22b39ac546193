/** Ctrl-C at the right moment: a stretch of work that must not be torn is finished first. */
import type { Context } from '../host.ts';

/** A context whose signal can be held back. */
export interface Hold {
  /** Everything that may take part in a held stretch has to be built with this context. */
  context: Context;
  /** From now on an interruption waits, and the process cannot be ended by asking again. */
  begin(): void;
  /** An interruption that waited takes effect now. */
  end(): void;
}

/** What whoever interrupts is told, and how long an interruption waits. */
export interface HoldOptions {
  /** Why it has to wait. */
  held: string;
  /** How what was ended at once is taken up again. */
  free: string;
  /** In ms, from the interruption: what hangs for longer is given up. */
  limitMs: number;
}

/**
 * Put a gate before the signal of a context.
 * @param context - whose signal the gate passes on, at once or when the hold ends
 */
export function holdable(context: Context, { held: why, free, limitMs }: HoldOptions): Hold {
  const gate = new AbortController();
  let held = false;
  const open = () => {
    gate.abort(context.signal.reason);
  };
  const pass = () => {
    if (!held) open();
    else AbortSignal.timeout(limitMs).addEventListener('abort', open, { once: true });
  };
  if (context.signal.aborted) pass();
  else context.signal.addEventListener('abort', pass, { once: true });
  context.insist?.({ ends: true, text: free });
  return {
    context: { ...context, signal: gate.signal },
    begin() {
      if (held) return;
      held = true;
      context.insist?.({ ends: false, text: why });
    },
    end() {
      if (!held) return;
      held = false;
      context.insist?.({ ends: true, text: free });
      if (context.signal.aborted) open();
    },
  };
}
