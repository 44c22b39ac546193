/** Several environments, one after the other. */
import { JamfMcpError, messageOf } from '../errors.ts';
import type { Context } from '../host.ts';
import { rotate } from './rotate.ts';
import type { RotateInput, RotateOutput, RotateResult } from './work.ts';

/**
 * Rotate in order, stopping at the first failure.
 * @returns the result itself where there is one environment, else a list
 * @throws JamfMcpError what {@link rotate} throws; of several environments with `details.environments`: the results of
 *   those before, and of the one that stopped as far as it came
 */
export async function rotateAll(inputs: readonly RotateInput[], context: Context): Promise<RotateOutput> {
  const [first, ...others] = inputs;
  if (first && others.length === 0) return rotate(first, context);
  requireDifferent(inputs);
  const environments: RotateResult[] = [];
  for (const input of inputs) {
    context.host.notify({ kind: 'progress', text: `environment ${input.environment}: ${input.secret}` });
    try {
      environments.push(await rotate(input, context));
    } catch (error) {
      throw stoppedAt(input, environments, inputs, error);
    }
  }
  return { environments };
}

/** Two environments with one secret: it would be rotated twice. */
function requireDifferent(inputs: readonly RotateInput[]): void {
  const twice = inputs.find(
    ({ environment, secret }, n) =>
      inputs.findIndex((other) => other.environment === environment || other.secret === secret) < n,
  );
  if (!twice) return;
  throw new JamfMcpError(
    'USAGE',
    `the environment ${twice.environment} and one before it have the same secret ${twice.secret}`,
    'name each environment once, and see that jamf-mcp.yaml gives each its own secret',
  );
}

function stoppedAt(
  { environment }: RotateInput,
  done: readonly RotateResult[],
  inputs: readonly RotateInput[],
  error: unknown,
): unknown {
  if (!(error instanceof JamfMcpError)) return error;
  const left = inputs.slice(done.length + 1).map((input) => input.environment);
  const before = done.length > 0 ? `; done: ${done.map(({ secret }) => secret.environment).join(', ')}` : '';
  const after = left.length > 0 ? `; not begun: ${left.join(', ')}` : '';
  const reached = isResult(error.details) ? [error.details] : [];
  const message = `environment ${environment}: ${messageOf(error)}${before}${after}`;
  return new JamfMcpError(error.code, message, error.hint, {
    cause: error,
    details: { environments: [...done, ...reached] },
  });
}

const isResult = (details: unknown): details is RotateResult =>
  typeof details === 'object' && details !== null && 'steps' in details;
