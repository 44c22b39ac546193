/** The function itself, who may call it, and the rotation rules of the secret. */
import type { FunctionConfiguration } from '@aws-sdk/client-lambda';
import { awsErrorName } from '../../aws.ts';
import { JamfMcpError, messageOf } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { again } from '../patience.ts';
import type { Clients } from './clients.ts';
import { orMissing, sameJson, unlessMissing, type Part } from './part.ts';
import {
  arnsOf,
  HANDLER,
  MEMORY_MEGABYTES,
  RUNTIME,
  TIMEOUT_SECONDS,
  variablesOf,
  zipDigest,
  type Plan,
} from './plan.ts';
import type { Rules } from './rules.ts';

/** How long a new role may be unknown to Lambda, and a function in the making; first pauses; in ms. */
const ROLE_KNOWN_WITHIN_MS = 90_000;
const READY_WITHIN_MS = 120_000;
/** Setting rules begins with a look of Secrets Manager's own, in which other rules are refused. */
const PREVIOUS_WITHIN_MS = 30_000;
const FIRST_PAUSE_MS = 1_000;

/** What Lambda says of a role that it does not know yet, or whose rights it does not know yet. */
const NOT_YET = /cannot be assumed by Lambda|does not have permissions to call SendMessage/;

/** The function. */
export function functionPart(plan: Plan, clients: Clients, context: Context): Part {
  const { names, tags, zip } = plan;
  const FunctionName = names.function;
  const about = `function ${FunctionName}`;
  const arns = arnsOf(plan);
  const settings = {
    Role: arns.role,
    Runtime: RUNTIME,
    Handler: HANDLER,
    Timeout: TIMEOUT_SECONDS,
    MemorySize: MEMORY_MEGABYTES,
    Description: `jamf-mcp: rotates ${plan.secret.name}`,
    Environment: { Variables: variablesOf(plan) },
    DeadLetterConfig: { TargetArn: arns.queue },
  };

  const find = async () => {
    const { sdk, client } = await clients.lambda();
    const command = new sdk.GetFunctionCommand({ FunctionName });
    const found = await orMissing(clients.ask('GetFunction', about, (send) => client.send(command, send)));
    return found?.Configuration ?? null;
  };
  const whenRoleIsKnown = <T>(work: () => Promise<T>) =>
    again(work, {
      context,
      withinMs: ROLE_KNOWN_WITHIN_MS,
      firstPauseMs: FIRST_PAUSE_MS,
      when: (error) => NOT_YET.test(messageOf(error)),
      waiting: `waiting until Lambda knows the role ${names.role}`,
    });
  const ready = () =>
    again(
      async () => {
        const found = await find();
        const state = `${found?.State ?? 'gone'}, ${found?.LastUpdateStatus ?? 'no update'}`;
        if (found?.State === 'Failed' || found?.LastUpdateStatus === 'Failed') {
          const why = found.StateReason ?? found.LastUpdateStatusReason ?? 'no reason given';
          throw new JamfMcpError('REMOTE_FAILED', `${about} cannot run: ${why}`, null);
        }
        // An emulator may leave these out; then there is nothing to wait for.
        if ((found?.State ?? 'Active') !== 'Active' || (found?.LastUpdateStatus ?? 'Successful') !== 'Successful') {
          throw new JamfMcpError('TIMED_OUT', `${about} is not ready: ${state}`, 'run the command again');
        }
      },
      {
        context,
        withinMs: READY_WITHIN_MS,
        firstPauseMs: FIRST_PAUSE_MS,
        when: (error) => error instanceof JamfMcpError && error.code === 'TIMED_OUT',
        waiting: `waiting until ${about} is ready`,
      },
    );

  return {
    name: 'function',
    text: `Lambda ${about} (${RUNTIME}), which makes, tests and promotes the new value`,
    async look() {
      const found = await find();
      return found && functionDrift(found, settings, zip);
    },
    async install() {
      const { sdk, client } = await clients.lambda();
      const found = await find();
      if (!found) {
        const make = new sdk.CreateFunctionCommand({ FunctionName, ...settings, Code: { ZipFile: zip }, Tags: tags });
        await whenRoleIsKnown(() => clients.ask('CreateFunction', about, (send) => client.send(make, send)));
        await ready();
        return `${about} is ready`;
      }
      await ready();
      if (found.CodeSha256 !== zipDigest(zip)) {
        const code = new sdk.UpdateFunctionCodeCommand({ FunctionName, ZipFile: zip });
        await clients.ask('UpdateFunctionCode', about, (send) => client.send(code, send));
        await ready();
      }
      if (functionDrift(found, settings, zip).some((drift) => drift !== OTHER_CODE)) {
        const change = new sdk.UpdateFunctionConfigurationCommand({ FunctionName, ...settings });
        await whenRoleIsKnown(() =>
          clients.ask('UpdateFunctionConfiguration', about, (send) => client.send(change, send)),
        );
        await ready();
      }
      return `${about} is ready`;
    },
    async remove() {
      const { sdk, client } = await clients.lambda();
      const command = new sdk.DeleteFunctionCommand({ FunctionName });
      return await unlessMissing(clients.ask('DeleteFunction', about, (send) => client.send(command, send)));
    },
  };
}

const OTHER_CODE = 'its code is not that of this version of jamf-mcp';

/** What differs between a function and what it should be. */
function functionDrift(
  found: FunctionConfiguration,
  wanted: {
    Role: string;
    Runtime: string;
    Handler: string;
    Timeout: number;
    MemorySize: number;
    Environment: { Variables: Record<string, string> };
    DeadLetterConfig: { TargetArn: string };
  },
  zip: Uint8Array,
): string[] {
  const checks: [boolean, string][] = [
    [found.CodeSha256 === zipDigest(zip), OTHER_CODE],
    [found.Runtime === wanted.Runtime, `its runtime is ${found.Runtime ?? 'unknown'}, not ${wanted.Runtime}`],
    [found.Role === wanted.Role, `it runs under another role: ${found.Role ?? 'none'}`],
    [found.Handler === wanted.Handler, `its handler is ${found.Handler ?? 'unknown'}`],
    [found.Timeout === wanted.Timeout, `its time limit is ${String(found.Timeout)} s, not ${String(wanted.Timeout)} s`],
    [found.MemorySize === wanted.MemorySize, `its memory is ${String(found.MemorySize)} MB`],
    [
      sameJson(found.Environment?.Variables ?? {}, wanted.Environment.Variables),
      'its environment variables were changed',
    ],
    [
      found.DeadLetterConfig?.TargetArn === wanted.DeadLetterConfig.TargetArn,
      'it has no dead-letter queue, or another',
    ],
  ];
  return checks.flatMap(([fine, drift]) => (fine ? [] : [drift]));
}

/** A statement of the function's policy: which service may call it, on behalf of what. */
interface Permission {
  StatementId: string;
  Principal: string;
  SourceArn: string;
}

/** Secrets Manager may call the function for this one secret, EventBridge for this one rule, both in this account only. */
export function permissionsPart(plan: Plan, clients: Clients): Part {
  const { names, account, secret, service } = plan;
  const arns = arnsOf(plan);
  const FunctionName = names.function;
  const about = `permissions of function ${FunctionName}`;
  const { secretsManager, events } = names.statements;
  const wanted: Permission[] = [
    { StatementId: secretsManager, Principal: 'secretsmanager.amazonaws.com', SourceArn: secret.arn },
    ...(service ? [{ StatementId: events, Principal: 'events.amazonaws.com', SourceArn: arns.rule }] : []),
  ];

  const statements = async (): Promise<Record<string, unknown>[] | null> => {
    const { sdk, client } = await clients.lambda();
    const command = new sdk.GetPolicyCommand({ FunctionName });
    const found = await orMissing(clients.ask('GetPolicy', about, (send) => client.send(command, send)));
    if (found?.Policy === undefined) return null;
    return (JSON.parse(found.Policy) as { Statement: Record<string, unknown>[] }).Statement;
  };
  const isRight = (statement: Record<string, unknown>, { Principal, SourceArn }: Permission) =>
    sameJson(statement.Principal, { Service: Principal }) &&
    sameJson(conditionsOf(statement.Condition), { 'aws:sourceaccount': account, 'aws:sourcearn': SourceArn });

  return {
    name: 'permissions',
    text: `who may call it: ${service ? 'Secrets Manager and EventBridge' : 'Secrets Manager'}, from this account only`,
    async look() {
      const found = await statements();
      if (!found) return null;
      const drift = wanted.flatMap((permission) => {
        const statement = found.find(({ Sid }) => Sid === permission.StatementId);
        if (!statement) return [`${permission.Principal} may not call it`];
        return isRight(statement, permission) ? [] : [`${permission.Principal} may call it for something else`];
      });
      const others = found.filter(({ Sid }) => !wanted.some(({ StatementId }) => StatementId === Sid));
      return [...drift, ...others.map(({ Sid }) => `somebody else may call it, too: statement ${String(Sid)}`)];
    },
    async install() {
      const { sdk, client } = await clients.lambda();
      const found = (await statements()) ?? [];
      for (const permission of wanted) {
        const { StatementId } = permission;
        const statement = found.find(({ Sid }) => Sid === StatementId);
        if (statement && isRight(statement, permission)) continue;
        const off = new sdk.RemovePermissionCommand({ FunctionName, StatementId });
        if (statement) await clients.ask('RemovePermission', about, (send) => client.send(off, send));
        const add = new sdk.AddPermissionCommand({
          FunctionName,
          Action: 'lambda:InvokeFunction',
          SourceAccount: account,
          ...permission,
        });
        await clients.ask('AddPermission', about, (send) => client.send(add, send));
      }
      return `${wanted.map(({ Principal }) => Principal).join(' and ')} may call it`;
    },
    // They go with the function.
    remove: () => Promise.resolve(false),
  };
}

/** The conditions of a statement: key in lower case to value; the operator is one of equality in all that AWS writes. */
function conditionsOf(condition: unknown): Record<string, unknown> {
  const operators = Object.values((condition ?? {}) as Record<string, Record<string, unknown>>);
  return Object.fromEntries(
    operators.flatMap((keys) => Object.entries(keys).map(([key, value]) => [key.toLowerCase(), value])),
  );
}

/** How the drift begins that another function stands in the rules. */
export const OTHER_FUNCTION = 'it calls another function';

/** The rotation of the secret itself. */
export function rotationPart(plan: Plan, clients: Clients, context: Context): Part {
  const { secret, rules } = plan;
  const arns = arnsOf(plan);
  const about = `secret ${secret.name}`;
  const describe = async () => {
    const { sdk, client } = await clients.secrets();
    const command = new sdk.DescribeSecretCommand({ SecretId: secret.arn });
    return await orMissing(clients.ask('DescribeSecret', about, (send) => client.send(command, send)));
  };
  const look = async () => {
    const found = await describe();
    if (!found?.RotationLambdaARN || found.RotationEnabled === false) return null;
    const drift: [boolean, string][] = [
      [found.RotationLambdaARN === arns.function, `${OTHER_FUNCTION}: ${found.RotationLambdaARN}`],
      [!rules || sameRules(found.RotationRules, rules.rules), 'its rules are others'],
    ];
    return drift.flatMap(([fine, text]) => (fine ? [] : [text]));
  };
  return {
    name: 'rotation',
    text: `rotation of ${about}${rules ? ` ${rules.text}` : ''}, without rotating it now`,
    look,
    async install() {
      if (!rules) throw new JamfMcpError('BUG', 'a rotation was to be set without rules');
      const { sdk, client } = await clients.secrets();
      const command = new sdk.RotateSecretCommand({
        SecretId: secret.arn,
        RotationLambdaARN: arns.function,
        RotationRules: rules.rules,
        RotateImmediately: false,
      });
      if ((await look())?.length === 0) return `${about} is rotated ${rules.text} already`;
      try {
        await again(() => clients.ask('RotateSecret', about, (send) => client.send(command, send)), {
          context,
          withinMs: PREVIOUS_WITHIN_MS,
          firstPauseMs: FIRST_PAUSE_MS,
          when: isUnderWay,
          waiting: `a rotation of ${secret.name} is under way: waiting for its end`,
        });
      } catch (error) {
        throw stuck(error, secret.name);
      }
      return `${about} is rotated ${rules.text}`;
    },
    async remove() {
      const found = await describe();
      if (!found?.RotationEnabled || found.RotationLambdaARN !== arns.function) return false;
      const { sdk, client } = await clients.secrets();
      const command = new sdk.CancelRotateSecretCommand({ SecretId: secret.arn });
      await clients.ask('CancelRotateSecret', about, (send) => client.send(command, send));
      return true;
    },
  };
}

/** AWS fills in what follows from the rest: only what was asked for counts. */
function sameRules(found: object | undefined, wanted: Rules['rules']): boolean {
  const has = (found ?? {}) as Record<string, unknown>;
  return Object.entries(wanted).every(([name, value]) => has[name] === value);
}

const isUnderWay = (error: unknown) =>
  awsErrorName(error) === 'InvalidRequestException' && /previous rotation/i.test(messageOf(error));

function stuck(error: unknown, name: string): unknown {
  if (!isUnderWay(error)) return error;
  return new JamfMcpError(
    'CONFLICT',
    `a rotation of ${name} is under way or got stuck, so its schedule cannot be set`,
    'look with `jamf-mcp rotate status`, end it with `jamf-mcp rotate resume` or `rotate abort`, then repeat the command',
    { cause: error },
  );
}
