/**
 * The resource policy of a secret on AWS: what is accepted as one, and what is told of one.
 * https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutResourcePolicy.html
 */
import { isDeepStrictEqual } from 'node:util';
import { isInterruption, JamfMcpError } from '../errors.ts';
import type { Context } from '../host.ts';

/** Longest text that PutResourcePolicy takes, in characters. */
const LONGEST = 20_480;

/** What a policy comes to. */
export interface PolicySummary {
  statements: number;
  /** Whom the statements name, each once; `not …` for a NotPrincipal. */
  principals: string[];
}

/**
 * Check the text of a policy before anything is contacted.
 * @param name - what to call it in an error: its file
 * @returns the text
 * @throws JamfMcpError INPUT_INVALID where it is not a JSON object, or longer than 20,480 characters; none of the text
 *   is in the message, since a file that is no policy may well be one with secrets
 */
export function checkPolicy(text: string, name: string): string {
  const problem =
    text.length > LONGEST
      ? `has ${String(text.length)} characters, and a policy may have ${String(LONGEST)}`
      : objectIn(text) === null
        ? 'is not a JSON object'
        : null;
  if (problem === null) return text;
  throw new JamfMcpError(
    'INPUT_INVALID',
    `the resource policy ${name} ${problem}`,
    'name a JSON file with Version and Statement with --resource-policy',
  );
}

/** Whether two texts are the same policy, whatever their spaces and the order of their keys. */
export function samePolicy(a: string | null, b: string): boolean {
  return a !== null && isDeepStrictEqual(objectIn(a), objectIn(b));
}

/**
 * The policy as it was answered, for what can do without it.
 * @param answer - what the store's `policy` came to
 * @returns the text; null where there is none, and where reading it was denied, which the host is warned of
 * @throws JamfMcpError any other error of the answer
 */
export function readPolicy(answer: PromiseSettledResult<string | null>, context: Context): string | null {
  if (answer.status === 'fulfilled') return answer.value;
  const error: unknown = answer.reason;
  if (!(error instanceof JamfMcpError && error.code === 'ACCESS_DENIED')) throw error;
  context.host.notify({ kind: 'warning', text: `the resource policy cannot be told: ${error.message}` });
  return null;
}

/** Count the statements of a policy and collect whom they name. */
export function summaryOf(text: string): PolicySummary {
  const found = objectIn(text)?.Statement ?? [];
  const statements = listOf(found);
  const principals = statements.flatMap((statement) => {
    const { Principal, NotPrincipal } = (statement ?? {}) as Record<string, unknown>;
    return [...namesIn(Principal), ...namesIn(NotPrincipal).map((name) => `not ${name}`)];
  });
  return { statements: statements.length, principals: [...new Set(principals)] };
}

/**
 * Work that follows on a secret being stored: where it fails, the error tells that the secret is there, and how to go on.
 * @throws JamfMcpError as the work does
 */
export async function afterStoring<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const interrupted = isInterruption(cause);
    if (!interrupted && !(cause instanceof JamfMcpError)) throw cause;
    const [code, why, hint] =
      cause instanceof JamfMcpError
        ? [cause.code, cause.message, cause.hint]
        : (['INTERRUPTED', 'interrupted', null] as const);
    throw new JamfMcpError(
      code,
      `secret ${name} is stored, but its resource policy is not set: ${why}`,
      `${hint === null ? '' : `${hint}; then `}${GO_ON}`,
      { cause },
    );
  }
}

/** How to set the policy of a secret that is there. */
export const GO_ON = 'set it with `jamf-mcp secrets init --update --resource-policy FILE`';

function objectIn(text: string): Record<string, unknown> | null {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && !Array.isArray(parsed) ? (parsed as Record<string, unknown> | null) : null;
  } catch {
    return null; // told by the caller, without the text
  }
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [value]);

/** `"*"`, or by kind (`AWS`, `Service` …) one name or many. */
function namesIn(principal: unknown): string[] {
  const values = typeof principal === 'object' && principal !== null ? Object.values(principal) : [principal];
  return values.flatMap(listOf).filter((value) => typeof value === 'string');
}
