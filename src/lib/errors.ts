/**
 * Every error of the program. Codes are stable and decide the exit code; messages are for people and may change.
 *
 * Messages are lower case, say what happened and why, and end without a full stop; the hint says what to do next.
 */

/** Exit codes: what a script can branch on. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  findings: 3,
  credentials: 4,
  notFound: 5,
  partial: 6,
  interrupted: 130,
} as const;

/** A stable error code; {@link JamfMcpError.exit} follows from it. */
export type ErrorCode =
  | 'USAGE'
  | 'INPUT_MISSING'
  | 'INPUT_INVALID'
  | 'CONFIG_INVALID'
  | 'CONFIRMATION_REQUIRED'
  | 'CREDENTIALS_MISSING'
  | 'CREDENTIALS_REFUSED'
  | 'ACCESS_DENIED'
  | 'NOT_FOUND'
  | 'SECRET_NOT_FOUND'
  | 'VERSION_NOT_FOUND'
  | 'SECRET_EXISTS'
  | 'SECRET_DELETED'
  | 'SECRET_MALFORMED'
  | 'STORE_TAMPERED'
  | 'CONFLICT'
  | 'DECLINED'
  | 'UNREACHABLE'
  | 'TIMED_OUT'
  | 'THROTTLED'
  | 'QUOTA_REACHED'
  | 'REMOTE_FAILED'
  | 'PARTIAL'
  | 'INTERRUPTED'
  | 'BUG';

const CODES: Readonly<Record<ErrorCode, number>> = {
  USAGE: EXIT.usage,
  INPUT_MISSING: EXIT.usage,
  INPUT_INVALID: EXIT.usage,
  CONFIG_INVALID: EXIT.usage,
  CONFIRMATION_REQUIRED: EXIT.usage,
  CREDENTIALS_MISSING: EXIT.credentials,
  CREDENTIALS_REFUSED: EXIT.credentials,
  ACCESS_DENIED: EXIT.credentials,
  NOT_FOUND: EXIT.notFound,
  SECRET_NOT_FOUND: EXIT.notFound,
  VERSION_NOT_FOUND: EXIT.notFound,
  SECRET_EXISTS: EXIT.failed,
  SECRET_DELETED: EXIT.failed,
  SECRET_MALFORMED: EXIT.failed,
  STORE_TAMPERED: EXIT.failed,
  CONFLICT: EXIT.failed,
  DECLINED: EXIT.failed,
  UNREACHABLE: EXIT.failed,
  TIMED_OUT: EXIT.failed,
  THROTTLED: EXIT.failed,
  QUOTA_REACHED: EXIT.failed,
  REMOTE_FAILED: EXIT.failed,
  PARTIAL: EXIT.partial,
  INTERRUPTED: EXIT.interrupted,
  BUG: EXIT.failed,
};

/** The `--json` form of an error. */
export interface ErrorJson {
  error: { code: ErrorCode; message: string; hint: string | null; exit: number; details?: unknown };
}

/** The one error class of the program: anything else that reaches the top is a bug of ours. */
export class JamfMcpError extends Error {
  /** Stable code, safe to branch on. */
  readonly code: ErrorCode;
  /** What to do next: one line, or null where nothing helps. */
  readonly hint: string | null;
  /** JSON-safe facts for `--json`, never a secret value. */
  readonly details: unknown;

  /**
   * @param code - one of the closed set of codes
   * @param message - what happened and why, lower case, one line, no full stop
   * @param hint - the next step, one line
   * @param options - `cause`: the error behind this one; `details`: JSON-safe facts for `--json`
   */
  constructor(
    code: ErrorCode,
    message: string,
    hint: string | null = null,
    options: { cause?: unknown; details?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'JamfMcpError';
    this.code = code;
    this.hint = hint;
    this.details = options.details;
  }

  /** The process exit code that this error leads to. */
  get exit(): number {
    return CODES[this.code];
  }

  toJSON(): ErrorJson {
    const { code, message, hint, exit, details } = this;
    return { error: { code, message, hint, exit, ...(details === undefined ? {} : { details }) } };
  }
}

/**
 * Whether an error came from an aborted signal (Ctrl-C), however the layer below spells it.
 * @param error - anything thrown
 * @returns true for `AbortError` (fetch, timers, AWS SDK), `ExitPromptError` (inquirer) and our own INTERRUPTED
 */
export function isInterruption(error: unknown): boolean {
  if (error instanceof JamfMcpError) return error.code === 'INTERRUPTED';
  return error instanceof Error && ['AbortError', 'AbortPromptError', 'ExitPromptError'].includes(error.name);
}

/** The text of anything thrown: an error's message, or its string form. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
