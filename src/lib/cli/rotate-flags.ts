/** Flags of the commands that rotate, and what they come to. */
import * as Flags from '@oclif/core/flags';
import type { Settings } from '../config/settings.ts';
import { JamfMcpError } from '../errors.ts';
import { Secret } from '../redact.ts';
import { durationMs } from './duration.ts';
import { readText } from './input.ts';
import { stillRuns, thisProcess } from './runner.ts';
import { quoted, shellWords } from './shell-words.ts';

/** Flags of `rotate`. */
export const ROTATE_FLAGS = {
  env: Flags.string({
    helpGroup: 'GLOBAL',
    char: 'e',
    summary:
      'environment to work on (default: production); several: one after the other, stopping at the first failure',
    helpValue: 'NAME',
    env: 'JAMF_MCP_ENV',
    multiple: true,
    multipleNonGreedy: true,
  }),
  only: Flags.string({
    summary: 'the field to rotate (default: the Jamf client secret); several of one issuer',
    helpValue: 'FIELD',
    multiple: true,
    multipleNonGreedy: true,
  }),
  strategy: Flags.option({
    summary: 'one Jamf client (single) or two that take turns (default: alternate where there are two)',
    options: ['single', 'alternate'] as const,
  })(),
  'setup-alternate': Flags.boolean({
    summary: 'create the second Jamf client, or put it right, and do nothing else',
    default: false,
  }),
  ask: Flags.boolean({ summary: 'ask for the new value, made elsewhere', default: false, exclusive: ['generate'] }),
  generate: Flags.boolean({ summary: 'make the new value here', default: false }),
  'from-file': Flags.string({
    summary: 'file with the new value, - for stdin; needs --only',
    helpValue: 'FILE',
    exclusive: ['ask', 'generate'],
  }),
  'force-deploy': Flags.boolean({
    summary: 'redeploy the ECS service and wait until every task has the new secret',
    default: false,
  }),
  'prove-injection': Flags.boolean({
    summary: 'first start one task that is given AWSPENDING, and go on only where it is; AWS only',
    default: false,
  }),
  'no-deploy': Flags.boolean({
    summary: 'leave running tasks as they are, also where an earlier run was to redeploy them',
    default: false,
  }),
  cluster: Flags.string({ summary: 'ECS cluster (default: jamf-mcp-cluster)', helpValue: 'NAME' }),
  service: Flags.string({ summary: 'ECS service (default: jamf-mcp-service)', helpValue: 'NAME' }),
  timeout: Flags.string({
    summary: 'how long the deployment may take: 90s, 15m, 1h (default: 15m)',
    helpValue: 'TIME',
  }),
  reason: Flags.string({ summary: 'why, for the record', helpValue: 'TEXT' }),
};

/** Flags of `rotate resume` and `rotate undo`: which service they redeploy, the claim says. */
export const TAKE_UP_FLAGS = {
  'no-deploy': Flags.boolean({ summary: 'leave running tasks as they are', default: false }),
  timeout: Flags.string({
    summary: 'how long the deployment may take: 90s, 15m, 1h',
    default: '15m',
    helpValue: 'TIME',
  }),
};

/** The flags that say which secret, and confirm: the commands that take a rotation up need them again. */
const WHICH = ['env', 'store', 'secret', 'profile', 'region', 'yes', 'confirm', 'no-input'];

/** The flags that decide what is rotated and how. */
const WHAT = [
  ...['strategy', 'ask', 'generate', 'from-file', 'force-deploy', 'prove-injection', 'no-deploy', 'cluster', 'service'],
  'timeout',
];

/** The command of each verb, and the flags that it repeats. */
const LINES = {
  rotate: ['rotate', [...WHAT, ...WHICH]],
  resume: ['rotate resume', [...WHICH, 'timeout']],
  abort: ['rotate abort', WHICH],
  undo: ['rotate undo', [...WHICH, 'timeout']],
  status: ['rotate status', WHICH.slice(0, WHICH.indexOf('yes'))],
  deploy: ['deploy', ['cluster', 'service', ...WHICH.filter((name) => name !== 'confirm')]],
  rollback: ['secrets rollback', ['to', ...WHICH]],
} satisfies Record<string, [command: string, names: readonly string[]]>;

/** Flags of one command that another has in another sense, or by default. */
const OWN: Readonly<Record<string, undefined>> = { timeout: undefined, 'no-deploy': undefined };

/** Command lines to paste, with the flags that were given; `more`: what else they need, unless rotate itself was run. */
export function repeatOf(
  bin: string,
  flags: Readonly<Record<string, unknown>>,
): (verb: keyof typeof LINES, more?: Readonly<Record<string, unknown>>) => string {
  const isRotate = 'force-deploy' in flags;
  return (verb, more = {}) => {
    const [command, names] = LINES[verb];
    const all: Readonly<Record<string, unknown>> =
      verb === 'rotate' && isRotate
        ? { ...flags, timeout: more.timeout ?? flags.timeout }
        : { ...flags, ...OWN, ...more };
    const only =
      verb === 'rotate' && Array.isArray(all.only) ? all.only.map((name) => ` --only ${quoted(String(name))}`) : [];
    return shellWords(bin, command + only.join(''), all, names);
  };
}

/**
 * What a command on a rotation is given beside the settings.
 * @throws JamfMcpError USAGE for a time that is none
 */
export const givenFrom = (
  bin: string,
  { user }: Pick<Settings, 'user'>,
  flags: Readonly<Record<string, unknown>> & { timeout?: string | undefined; reason?: string | undefined },
) => ({
  limitMs: durationMs(flags.timeout ?? '15m', '--timeout'),
  noDeploy: flags['no-deploy'] === true,
  dryRun: flags['dry-run'] === true,
  reason: flags.reason ?? null,
  runner: thisProcess(user ?? null),
  isRunning: stillRuns,
  command: repeatOf(bin, flags),
});

/** The service that is redeployed, and the one for which the injection is proved: named by flags, else by the settings. */
export function servicesFrom(
  flags: Readonly<Record<string, unknown>> & { cluster?: string | undefined; service?: string | undefined },
  { ecs }: Pick<Settings, 'ecs'>,
): Record<'deploy' | 'proof', Settings['ecs'] | null> {
  const named = { cluster: flags.cluster ?? ecs.cluster, service: flags.service ?? ecs.service };
  return {
    deploy: flags['force-deploy'] === true ? named : null,
    proof: flags['prove-injection'] === true ? named : null,
  };
}

/** The environments that were named; a variable of the environment names one. */
export const environmentsOf = ({ env }: { env?: string | readonly string[] | undefined }): readonly string[] =>
  typeof env === 'string' ? [env] : (env ?? []);

/**
 * Refuse flags that say nothing together.
 * @throws JamfMcpError USAGE
 */
export function requireSense(flags: Readonly<Record<string, unknown>>): void {
  if (flags['setup-alternate'] === true) requireSetUpAlone(flags);
  const deploys = flags['force-deploy'] === true;
  if (deploys && flags['no-deploy'] === true)
    throw new JamfMcpError('USAGE', '--force-deploy and --no-deploy say the opposite', 'leave one of them out');
  const given = (names: readonly string[]) =>
    names.filter((name) => flags[name] !== undefined).map((name) => `--${name}`);
  const proves = flags['prove-injection'] === true;
  if (proves && !deploys && given(['cluster', 'service']).length === 0) {
    throw new JamfMcpError(
      'USAGE',
      '--prove-injection does not say for which ECS service',
      'add --force-deploy, or name the service with --cluster and --service',
    );
  }
  const idle = given(['cluster', 'service', 'timeout']);
  if (!deploys && !proves && idle.length > 0) {
    throw new JamfMcpError(
      'USAGE',
      `${idle.join(', ')} without --force-deploy: no service is redeployed, so there is nothing to apply to`,
      `add --force-deploy, or leave out ${idle.join(', ')}`,
    );
  }
  const one = given(['secret', 'cluster', 'service', 'from-file']);
  if (Array.isArray(flags.env) && flags.env.length > 1 && one.length > 0) {
    throw new JamfMcpError(
      'USAGE',
      `${one.join(', ')} would be the same in every environment`,
      'say in jamf-mcp.yaml what each environment has, or rotate one environment at a time',
    );
  }
}

/** Flags that `--setup-alternate` has no use for: a list of its own, as help would show them as excluding each other. */
const ROTATING = ['only', 'strategy', 'ask', 'generate', 'from-file', 'force-deploy', 'prove-injection', 'no-deploy'];

function requireSetUpAlone(flags: Readonly<Record<string, unknown>>): void {
  const idle = [...ROTATING, 'reason'].filter((name) => flags[name] !== undefined && flags[name] !== false);
  if (idle.length > 0) {
    const names = idle.map((name) => `--${name}`).join(', ');
    throw new JamfMcpError('USAGE', `--setup-alternate rotates nothing: ${names} say how to`, `leave out ${names}`);
  }
  if (Array.isArray(flags.env) && flags.env.length > 1)
    throw new JamfMcpError('USAGE', '--setup-alternate works on one environment', 'leave all --env but one out');
}

/**
 * The value of one field, from a file or stdin.
 * @returns null where no file is named
 * @throws JamfMcpError USAGE where several fields are to come from it
 */
export function valueFrom(
  path: string | undefined,
  fields: readonly string[],
): (() => Promise<ReadonlyMap<string, Secret>>) | null {
  if (path === undefined) return null;
  const [field, second] = fields;
  if (field === undefined || second !== undefined)
    throw new JamfMcpError('USAGE', '--from-file brings the value of one field', 'name it with --only FIELD');
  return async () => {
    const [text] = await readText(path);
    return new Map([[field, new Secret(text.replace(/\r?\n$/, ''))]]);
  };
}
