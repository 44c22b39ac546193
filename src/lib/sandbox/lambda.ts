/** Lambda: functions that really run, under the role they are given, for whom their policy lets in. */
import { createHash } from 'node:crypto';
import type { SandboxRole } from './iam.ts';
import { objectOf, requiredText, text } from './input.ts';
import { run } from './lambda-runner.ts';
import type { Logs } from './logs.ts';
import { allows } from './policy.ts';
import { roleSession, type Principals } from './principals.ts';
import { ACCOUNT, AwsFault, type AwsService, type World } from './service.ts';
import type { Sqs } from './sqs.ts';

type Input = Record<string, unknown>;

/** One function. */
export interface LambdaFunction {
  name: string;
  arn: string;
  role: string;
  settings: {
    Runtime: string;
    Handler: string;
    Timeout: number;
    MemorySize: number;
    Description: string;
    Architectures: unknown;
    Environment: { Variables: Record<string, string> };
    DeadLetterConfig: { TargetArn: string } | undefined;
  };
  zip: Buffer;
  tags: Record<string, string>;
  /** Statements of its resource policy, by id. */
  policy: Map<string, Record<string, unknown>>;
  changedAt: number;
  /** Until then it is Pending, or its update InProgress. */
  readyAt: number;
  created: boolean;
}

/** Who calls a function on behalf of what. */
export interface Caller {
  /** `secretsmanager.amazonaws.com` */
  service: string;
  sourceArn: string;
}

/** Lambda with what tests may look at. */
export interface Lambda extends AwsService {
  /** By name. */
  functions: Map<string, LambdaFunction>;
  /** Whether the policy of a function lets a service call it. */
  admits(arn: string, caller: Caller): boolean;
  /** Call it once. @returns what it answered. @throws Error with its message */
  invoke(arn: string, event: unknown): Promise<string>;
  /** How many calls are under way. */
  running(): number;
  /** Call it without waiting: twice more if it fails, then its dead-letter queue gets the event. */
  enqueue(arn: string, event: unknown): void;
}

/** What Lambda needs of the rest of the account. */
export interface LambdaWorld {
  world: World;
  principals: Principals;
  roles: readonly SandboxRole[];
  logs: Logs;
  sqs: Sqs;
  /** What a function finds in its environment beside its own variables; known once the server listens. */
  environment: () => Record<string, string>;
}

/** How long a role is unknown to Lambda, how long a function is in the making, and the pauses between attempts; in ms. */
const ROLE_KNOWN_AFTER_MS = 4_000;
const READY_AFTER_MS = 1_500;
const RETRY_AFTER_MS = [60_000, 120_000];

const RUNTIMES = /^(nodejs2[246]\.x|python3\.1[1-4])$/;
const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** Lambda with no functions. */
export function createLambda({ world, principals, roles, logs, sqs, environment }: LambdaWorld): Lambda {
  const functions = new Map<string, LambdaFunction>();
  let running = 0;
  const { clock, random } = world;
  const roleOf = (arn: string) =>
    roles.find(({ name, path }) => arn === `arn:aws:iam::${ACCOUNT}:role${path ?? '/'}${name}`);
  const find = (id: string) => functions.get(id.split(':').at(-1) ?? '');
  const named = (input: Input) => {
    const id = requiredText(input, 'FunctionName', { min: 1, max: 170 });
    const found = find(id);
    if (found) return found;
    throw new AwsFault(
      'ResourceNotFoundException',
      `Function not found: arn:aws:lambda:${world.region}:${ACCOUNT}:function:${id}`,
      404,
    );
  };
  const settled = (input: Input) => {
    const found = named(input);
    if (clock.now() >= found.readyAt) return found;
    throw new AwsFault(
      'ResourceConflictException',
      `The operation cannot be performed at this time. ${found.created ? `An update is in progress for resource: ${found.arn}` : 'The function is currently in the following state: Pending'}`,
      409,
    );
  };
  const checkRole = (arn: string, settings: LambdaFunction['settings']) => {
    const role = roleOf(arn);
    if (!role || !trusts(role.trust) || clock.now() < (role.createdAt ?? 0) + ROLE_KNOWN_AFTER_MS) {
      throw invalid('The role defined for the function cannot be assumed by Lambda.');
    }
    const queue = settings.DeadLetterConfig?.TargetArn;
    const request = { action: 'sqs:SendMessage', resource: queue ?? '' };
    if (queue !== undefined && !allows(Object.values(role.inline), request)) {
      throw invalid('The provided execution role does not have permissions to call SendMessage on SQS');
    }
  };
  const changed = () => {
    const now = clock.now();
    return { changedAt: now, readyAt: now + READY_AFTER_MS, created: true };
  };
  const shown = ({ name, arn, role, settings, zip, changedAt, readyAt, created }: LambdaFunction) => {
    const ready = clock.now() >= readyAt;
    return {
      FunctionName: name,
      FunctionArn: arn,
      Role: role,
      ...settings,
      CodeSize: zip.length,
      CodeSha256: createHash('sha256').update(zip).digest('base64'),
      LastModified: new Date(changedAt).toISOString().replace('Z', '+0000'),
      Version: '$LATEST',
      PackageType: 'Zip',
      State: ready || created ? 'Active' : 'Pending',
      LastUpdateStatus: ready ? 'Successful' : 'InProgress',
    };
  };

  async function invoke(arn: string, event: unknown): Promise<string> {
    const found = find(arn);
    const role = found && roleOf(found.role);
    if (!found || !role) throw new Error(`there is no function ${arn} with a role`);
    const { settings, name } = found;
    const keys = {
      accessKeyId: `ASIA${random.text(9, UPPER)}EXAMPLE`,
      sessionToken: `sandbox-${random.text(32)}-EXAMPLE`,
    };
    const secretAccessKey = `sandbox-${random.text(24)}-EXAMPLE`;
    principals.add({ ...keys, secretAccessKey }, roleSession(role, name, keys.accessKeyId, clock.now()));
    const requestId = random.uuid();
    running += 1;
    const { ok, payload, lines } = await run({
      zip: found.zip,
      handler: settings.Handler,
      env: {
        ...environment(),
        ...settings.Environment.Variables,
        AWS_ACCESS_KEY_ID: keys.accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey,
        AWS_SESSION_TOKEN: keys.sessionToken,
        AWS_LAMBDA_FUNCTION_NAME: name,
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(settings.MemorySize),
      },
      event,
      functionName: name,
      requestId,
      timeoutMs: settings.Timeout * 1000,
    }).finally(() => {
      running -= 1;
    });
    write(found, role, lines);
    if (!ok) throw new FunctionError(payload);
    return payload;
  }

  /** What a function writes reaches its log group only where its role may write there. */
  function write({ name, arn }: LambdaFunction, role: SandboxRole, lines: readonly string[]): void {
    const group = logs.groups.get(`/aws/lambda/${name}`);
    const stream = `${new Date(clock.now()).toISOString().slice(0, 10).replaceAll('-', '/')}/[$LATEST]${arn.length.toString(16)}`;
    const resource = group ? `${group.arn.slice(0, -2)}:log-stream:${stream}` : '';
    const may = ['logs:CreateLogStream', 'logs:PutLogEvents'].every((action) =>
      allows(Object.values(role.inline), { action, resource }),
    );
    if (!group || !may) return;
    const events = group.streams.get(stream) ?? [];
    group.streams.set(stream, events);
    events.push(...lines.map((line) => ({ at: clock.now(), line })));
  }

  function enqueue(arn: string, event: unknown, attempt = 0): void {
    invoke(arn, event).catch((error: unknown) => {
      const pause = RETRY_AFTER_MS[attempt];
      if (pause !== undefined) {
        clock.after(pause, () => {
          enqueue(arn, event, attempt + 1);
        });
        return;
      }
      const found = find(arn);
      const target = found?.settings.DeadLetterConfig?.TargetArn ?? '';
      const role = found && roleOf(found.role);
      const queue = [...sqs.queues.values()].find((one) => one.arn === target);
      if (!queue || !role || !allows(Object.values(role.inline), { action: 'sqs:SendMessage', resource: target }))
        return;
      const message = { body: JSON.stringify(event), at: clock.now(), error: String(error) };
      queue.messages.push(message);
    });
  }

  return {
    functions,
    invoke,
    running: () => running,
    enqueue: (arn, event) => {
      enqueue(arn, event);
    },
    admits(arn, { service, sourceArn }) {
      return [...(find(arn)?.policy.values() ?? [])].some(({ Effect, Principal, Action, Resource, Condition }) => {
        if ((Principal as { Service?: unknown }).Service !== service) return false;
        const context = { 'AWS:SourceAccount': ACCOUNT, 'AWS:SourceArn': sourceArn };
        const document = { Statement: [{ Effect, Action, Resource, Condition }] };
        return allows([document], { action: 'lambda:InvokeFunction', resource: arn, context });
      });
    },
    resource: ({ input }) => {
      const id = text(input, 'FunctionName') ?? text(input, 'Resource') ?? '';
      return find(id)?.arn ?? '*';
    },
    handlers: {
      CreateFunction(input, { region }) {
        const name = requiredText(input, 'FunctionName', { min: 1, max: 64 });
        if (functions.has(name))
          throw new AwsFault('ResourceConflictException', `Function already exist: ${name}`, 409);
        const role = requiredText(input, 'Role');
        const settings = settingsOf(input);
        checkRole(role, settings);
        const found: LambdaFunction = {
          name,
          arn: `arn:aws:lambda:${region}:${ACCOUNT}:function:${name}`,
          role,
          settings,
          zip: zipOf(objectOf(input, 'Code') ?? {}),
          tags: { ...(objectOf(input, 'Tags') as Record<string, string> | undefined) },
          policy: new Map(),
          changedAt: clock.now(),
          readyAt: clock.now() + READY_AFTER_MS,
          created: false,
        };
        functions.set(name, found);
        return shown(found);
      },
      GetFunction(input) {
        const found = named(input);
        return { Configuration: shown(found), Code: { RepositoryType: 'S3' }, Tags: found.tags };
      },
      GetFunctionConfiguration: (input) => shown(named(input)),
      UpdateFunctionCode(input) {
        const found = settled(input);
        Object.assign(found, { zip: zipOf(input), ...changed() });
        return shown(found);
      },
      UpdateFunctionConfiguration(input) {
        const found = settled(input);
        const role = text(input, 'Role') ?? found.role;
        const settings = settingsOf({ ...found.settings, ...input });
        checkRole(role, settings);
        Object.assign(found, { role, settings, ...changed() });
        return shown(found);
      },
      DeleteFunction(input) {
        functions.delete(named(input).name);
        return undefined;
      },
      AddPermission(input) {
        const { policy, arn } = named(input);
        const Sid = requiredText(input, 'StatementId', { min: 1, max: 100 });
        if (policy.has(Sid)) {
          throw new AwsFault(
            'ResourceConflictException',
            `The statement id (${Sid}) provided already exists. Please provide a new statement id, or remove the existing statement.`,
            409,
          );
        }
        const account = text(input, 'SourceAccount');
        const source = text(input, 'SourceArn');
        const statement = {
          Sid,
          Effect: 'Allow',
          Principal: { Service: requiredText(input, 'Principal') },
          Action: requiredText(input, 'Action'),
          Resource: arn,
          Condition: {
            ...(account === undefined ? {} : { StringEquals: { 'AWS:SourceAccount': account } }),
            ...(source === undefined ? {} : { ArnLike: { 'AWS:SourceArn': source } }),
          },
        };
        policy.set(Sid, statement);
        return { Statement: JSON.stringify(statement) };
      },
      GetPolicy(input) {
        const { policy } = named(input);
        if (policy.size === 0) {
          throw new AwsFault('ResourceNotFoundException', 'The resource you requested does not exist.', 404);
        }
        return { Policy: JSON.stringify({ Version: '2012-10-17', Id: 'default', Statement: [...policy.values()] }) };
      },
      RemovePermission(input) {
        const { policy } = named(input);
        if (policy.delete(requiredText(input, 'StatementId'))) return undefined;
        throw new AwsFault('ResourceNotFoundException', 'The resource you requested does not exist.', 404);
      },
      async Invoke(input) {
        const { arn } = named(input);
        const { FunctionName, ...event } = input;
        try {
          return { Payload: await invoke(arn, event), FunctionName };
        } catch (error) {
          if (!(error instanceof FunctionError)) throw error;
          return { Payload: error.message, FunctionError: 'Unhandled' };
        }
      },
    },
  };
}

/** A function that failed; the message is its payload. */
class FunctionError extends Error {}

const invalid = (message: string) => new AwsFault('InvalidParameterValueException', message);

function trusts(document: unknown): boolean {
  const { Statement: statements } = document as { Statement: { Principal?: { Service?: unknown } }[] };
  return statements.some(({ Principal }) => Principal?.Service === 'lambda.amazonaws.com');
}

function zipOf(code: Input): Buffer {
  const zip = Buffer.from(requiredText(code, 'ZipFile', { min: 1 }), 'base64');
  if (zip.subarray(0, 2).toString('latin1') !== 'PK') throw invalid('Could not unzip uploaded file.');
  return zip;
}

function settingsOf(input: Input): LambdaFunction['settings'] {
  const runtime = requiredText(input, 'Runtime');
  if (!RUNTIMES.test(runtime)) {
    throw invalid(
      `The runtime parameter of ${runtime} is no longer supported for creating or updating AWS Lambda functions.`,
    );
  }
  const number = (name: string, otherwise: number) => (typeof input[name] === 'number' ? input[name] : otherwise);
  return {
    Runtime: runtime,
    Handler: requiredText(input, 'Handler', { min: 1, max: 128 }),
    Timeout: number('Timeout', 3),
    MemorySize: number('MemorySize', 128),
    Description: text(input, 'Description', { max: 256 }) ?? '',
    Architectures: input.Architectures ?? ['x86_64'],
    Environment: (objectOf(input, 'Environment') ?? { Variables: {} }) as { Variables: Record<string, string> },
    DeadLetterConfig: objectOf(input, 'DeadLetterConfig') as { TargetArn: string } | undefined,
  };
}
