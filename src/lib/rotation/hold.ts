/** Ctrl-C at the right moment: a stretch of work that must not be torn is finished first. */
import type { Context } from '../host.ts';

/** A context whose signal can be held back. */
export interface Hold {
  /** Everything that may take part in a held stretch has to be built with this context. */
  context: Context;
  /** From now on an interruption waits. */
  begin(): void;
  /** An interruption that waited takes effect now. */
  end(): void;
}

/**
 * Put a gate before the signal of a context.
 * @param context - whose signal the gate passes on, at once or when the hold ends
 */
export function holdable(context: Context): Hold {
  const gate = new AbortController();
  let held = false;
  const pass = () => {
    if (!held) gate.abort(context.signal.reason);
    else context.host.notify({ kind: 'warning', text: 'interrupted: what cannot be repeated is finished first' });
  };
  if (context.signal.aborted) pass();
  else context.signal.addEventListener('abort', pass, { once: true });
  return {
    context: { ...context, signal: gate.signal },
    begin() {
      held = true;
    },
    end() {
      held = false;
      if (context.signal.aborted && !gate.signal.aborted) gate.abort(context.signal.reason);
    },
  };
}
