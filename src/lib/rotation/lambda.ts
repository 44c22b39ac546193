/**
 * The rotation function on AWS Lambda (nodejs24.x, ESM): Secrets Manager calls it for the four steps of a rotation,
 * EventBridge when the secret's current version changed. It logs one JSON line an event, without values.
 */
import type { EcsTarget } from '../ecs/api.ts';
import { JamfMcpError, messageOf } from '../errors.ts';
import type { Clock, Context, Host, HostEvent } from '../host.ts';
import { redact, redactDeep } from '../redact.ts';
import { schemaOf, type SecretSchema } from '../secrets/schema.ts';
import { AWSCURRENT, type SecretStore } from '../secrets/store.ts';
import type { Issuer, IssuerChoice } from './issuer.ts';
import { issuersWith } from './issuers/index.ts';
import { NO_ROTATORS, rotatorsFrom, type Rotators } from './issuers/rotators.ts';
import { LABEL_EVENT, redeployAfter, type LabelEvent } from './lambda-redeploy.ts';
import { rotationStep, type RotationEvent } from './lambda-steps.ts';

/** The environment variables of the function. */
export const VARIABLES = {
  secret: 'JAMF_MCP_SECRET_ARN',
  choice: 'JAMF_MCP_ROTATION_CHOICE',
  rotator: 'JAMF_MCP_ROTATOR_SECRET_ARN',
  cluster: 'JAMF_MCP_ECS_CLUSTER',
  service: 'JAMF_MCP_ECS_SERVICE',
} as const;

/** What the function makes anew; JSON in its environment. */
export interface Choice extends IssuerChoice {
  /** What is known of those fields. */
  schema: SecretSchema;
  /** Display names of two Jamf API clients that take turns; null: `X` and `X (alternate)`. */
  alternate: readonly [string, string] | null;
}

/** What the function is set up for. */
export interface FunctionSettings {
  /** ARN of the one secret it rotates. */
  secret: string;
  choice: Choice;
  /** ARN of the secret with the client that mints; null: the rotated client mints for itself. */
  rotator: string | null;
  ecs: EcsTarget | null;
}

/** What AWS Lambda tells of an invocation, as far as it is used. */
export interface Invocation {
  awsRequestId: string;
  functionName: string;
  getRemainingTimeInMillis(): number;
}

/** What the function runs on. */
export interface FunctionParts {
  env: Readonly<Record<string, string | undefined>>;
  /** Takes one line, without its end. */
  log: (line: string) => void;
  clock: Clock;
}

/** Before AWS ends an invocation it ends itself, so that the log says why; in ms. */
const MARGIN_MS = 3_000;

/**
 * Read the environment variables.
 * @throws JamfMcpError CONFIG_INVALID where one is missing
 */
export function functionSettings(env: FunctionParts['env']): FunctionSettings {
  const secret = env[VARIABLES.secret];
  if (!secret) throw new JamfMcpError('CONFIG_INVALID', `the function has no ${VARIABLES.secret}`, REINSTALL);
  const { [VARIABLES.cluster]: cluster, [VARIABLES.service]: service } = env;
  if (Boolean(cluster) !== Boolean(service)) {
    const text = `the function has ${VARIABLES.cluster} or ${VARIABLES.service}, and needs both or none`;
    throw new JamfMcpError('CONFIG_INVALID', text, REINSTALL);
  }
  return {
    secret,
    choice: choiceFrom(env[VARIABLES.choice]),
    rotator: env[VARIABLES.rotator] ?? null,
    ecs: cluster && service ? { cluster, service, aws: {} } : null,
  };
}

function choiceFrom(text: string | undefined): Choice {
  try {
    const choice = JSON.parse(text ?? '') as Partial<Choice>;
    if (typeof choice.issuer === 'string' && Array.isArray(choice.fields) && choice.schema) return choice as Choice;
  } catch {
    // Falls through to the refusal.
  }
  throw new JamfMcpError('CONFIG_INVALID', `the function has no ${VARIABLES.choice} that can be read`, REINSTALL);
}

const REINSTALL = 'install it again with `jamf-mcp rotate schedule`';

/**
 * Make the handler.
 * @returns a function for AWS Lambda: answers with what was done; what it throws has no value in it and no cause
 */
export function rotationFunction(
  parts: FunctionParts,
): (event: unknown, invocation: Invocation) => Promise<{ done: string }> {
  return async (event, invocation) => {
    const context = invocationContext(parts, invocation, event);
    const tell = (level: string, fields: Record<string, unknown>) => {
      parts.log(logLine(parts.clock, invocation, event, { level, ...fields }));
    };
    try {
      const done = redact(await handle(event, invocation, functionSettings(parts.env), context));
      tell('info', { done });
      return { done };
    } catch (error) {
      const { code, hint } =
        error instanceof JamfMcpError ? error : { code: 'BUG', hint: error instanceof Error ? error.stack : null };
      const message = redact(messageOf(error));
      tell('error', { code, error: message, hint });
      // Lambda writes whatever it can reach of an error into the log: causes hold AWS's and Jamf's own objects.
      const plain = new Error(message);
      plain.name = code;
      plain.stack = `${code}: ${message}`;
      throw plain;
    }
  };
}

async function handle(
  event: unknown,
  invocation: Invocation,
  settings: FunctionSettings,
  context: Context,
): Promise<string> {
  const { awsStore } = await import('../secrets/stores/aws.ts');
  const store = awsStore({ aws: {}, schema: schemaOf('jamf') }, context);
  if (isRotation(event)) {
    if (event.SecretId !== settings.secret) {
      const text = `the function is set up for ${settings.secret}, not for ${event.SecretId}`;
      throw new JamfMcpError('INPUT_INVALID', text);
    }
    return await rotationStep(event, {
      store,
      issuer: () => issuerOf(settings, store, context),
      context,
      by: { user: invocation.awsRequestId, host: invocation.functionName, pid: 0 },
    });
  }
  if (isLabelUpdate(event)) {
    return await redeployAfter(event, { secret: settings.secret, store, ecs: settings.ecs, context });
  }
  throw new JamfMcpError('INPUT_INVALID', 'the event is neither a step of a rotation nor an updated label');
}

async function issuerOf(settings: FunctionSettings, store: SecretStore, context: Context): Promise<Issuer> {
  const { choice, rotator } = settings;
  const { schema, alternate } = choice;
  const rotators = rotator === null ? NO_ROTATORS : await rotatorsIn(store, rotator);
  return (await issuersWith({ schema, rotators, alternate })(choice))(context);
}

/** The clients that mint, from a secret of their own: fields named as the environment variables of `rotate`, or a Jamf pair. */
async function rotatorsIn(store: SecretStore, name: string): Promise<Rotators> {
  const { fields } = await store.read(name, { stage: AWSCURRENT });
  const rotators = rotatorsFrom(Object.fromEntries([...fields].map(([field, value]) => [field, value.reveal()])));
  const [clientId, clientSecret] = [fields.get('JAMF_CLIENT_ID'), fields.get('JAMF_CLIENT_SECRET')];
  const pair = clientId && clientSecret ? { clientId: clientId.reveal(), clientSecret } : null;
  const found = { ...rotators, jamf: rotators.jamf ?? pair };
  if (found.jamf ?? found.auth0) return found;
  throw new JamfMcpError(
    'SECRET_MALFORMED',
    `the rotator secret ${name} has neither JAMF_MCP_ROTATOR_CLIENT_ID and _SECRET nor a Jamf pair`,
  );
}

const isObject = (value: unknown): value is Record<string, unknown> => value !== null && typeof value === 'object';

const isRotation = (event: unknown): event is RotationEvent =>
  isObject(event) && [event.Step, event.SecretId, event.ClientRequestToken].every((part) => typeof part === 'string');

const isLabelUpdate = (event: unknown): event is LabelEvent =>
  isObject(event) &&
  event.source === LABEL_EVENT.source &&
  event['detail-type'] === LABEL_EVENT.detailType &&
  Array.isArray(event.resources) &&
  isObject(event.detail) &&
  typeof event.detail.labelUpdated === 'string' &&
  typeof event.detail.versionId === 'string';

/** One line of the log: what, of which event, in which invocation. The rotation token is in no line. */
function logLine(clock: Clock, invocation: Invocation, event: unknown, fields: Record<string, unknown>): string {
  const of = isRotation(event)
    ? { step: event.Step, secret: event.SecretId, version: event.ClientRequestToken }
    : isLabelUpdate(event)
      ? { step: 'redeploy', secret: event.resources[0], version: event.detail.versionId }
      : {};
  const line = { time: new Date(clock.now()).toISOString(), request: invocation.awsRequestId, ...of, ...fields };
  return JSON.stringify(redactDeep(line));
}

/** A host that logs, and refuses to ask. */
function invocationContext({ log, clock }: FunctionParts, invocation: Invocation, event: unknown): Context {
  const host: Host = {
    notify(told: HostEvent) {
      if (told.kind === 'target') return;
      const level = told.kind === 'warning' ? 'warn' : told.kind === 'debug' ? 'debug' : 'info';
      log(logLine(clock, invocation, event, { level, text: told.text }));
    },
    ask: (question) =>
      Promise.reject(new JamfMcpError('INPUT_MISSING', `a rotation function can ask nobody: ${question.text}`)),
  };
  const leftMs = Math.max(1, invocation.getRemainingTimeInMillis() - MARGIN_MS);
  return { host, clock, signal: AbortSignal.timeout(leftMs) };
}
