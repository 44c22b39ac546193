/** What the commands that audit share: flags, and the files that were named. */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';

/** Files instead of a store. */
export const pathArg = Args.string({
  description: 'files, folders, patterns or s3://BUCKET/PREFIX of CloudTrail records; - for stdin',
  ignoreStdin: true,
});

export const sinceFlag = Flags.string({
  summary: 'start: 90m, 12h, 7d or 2w before now, 2026-11-01, or 2026-11-01T10:00Z (default: 7d; all of it for files)',
  helpValue: 'TIME',
});

export const untilFlag = Flags.string({
  summary: 'end, in the same forms; a date includes its day (default: now)',
  helpValue: 'TIME',
});

const principalFlag = Flags.string({
  summary: 'only what this principal did: an ARN, role/NAME, user/NAME or a name alone, with *; may be repeated',
  helpValue: 'NAME',
  multiple: true,
  multipleNonGreedy: true,
});

export const regionsFlag = Flags.string({
  summary: 'AWS Region whose event history is read; may be repeated, or all (default: the ordinary AWS chain)',
  helpValue: 'REGION',
  helpGroup: 'GLOBAL',
  multiple: true,
  multipleNonGreedy: true,
});

const cacheFlag = Flags.boolean({
  summary: 'keep what the event history tells of past hours, so that the next run reads only what is new',
  default: true,
  allowNo: true,
});

/** Which records are read, and what explains them: of every command that audits. */
export const recordFlags = {
  since: sinceFlag,
  until: untilFlag,
  region: regionsFlag,
  cache: cacheFlag,
  cluster: Flags.string({ summary: 'ECS cluster of the service that reads the secret', helpValue: 'NAME' }),
  service: Flags.string({ summary: 'ECS service that reads the secret', helpValue: 'NAME' }),
};

/** Whose accesses, and to what. */
export const subjectFlags = {
  'all-secrets': Flags.boolean({ summary: 'every secret of the account and Region instead of one' }),
  principal: principalFlag,
};

/** Where records are read, where it is not the event history. */
const sourceFlags = {
  source: Flags.option({
    summary: 'where to read (default: auto, which is the PATHs, else the event history, else what audit.trail keeps)',
    options: ['auto', 'lookup', 'athena', 'lake', 's3', 'files'] as const,
    exclusive: ['follow'],
  })(),
  account: Flags.string({
    summary: 'account whose records Athena or Lake looks for; may be repeated (default: yours, and audit.accounts)',
    helpValue: 'ID',
    multiple: true,
    multipleNonGreedy: true,
  }),
  workgroup: Flags.string({ summary: 'workgroup of Athena (default: primary)', helpValue: 'NAME' }),
  'output-location': Flags.string({
    summary: 'where Athena writes what it finds (default: as the workgroup says)',
    helpValue: 's3://…',
  }),
  'event-data-store': Flags.string({
    summary: 'event data store of CloudTrail Lake (default: the only one)',
    helpValue: 'ID',
  }),
};

/** Those of `audit` itself that are of no kind that it knows: formats and severities are its own. */
export const auditFlags = {
  ...recordFlags,
  ...subjectFlags,
  ...sourceFlags,
  follow: Flags.boolean({
    char: 'f',
    summary: 'go on until Ctrl-C: print each new access with its explanation, as CloudTrail delivers it',
    exclusive: ['until', 'fail-on', 'output', 'guards'],
  }),
  guards: Flags.boolean({
    summary: 'read what was done to trails and keys, too: 13 more calls, some 7 seconds, for each Region',
  }),
  output: Flags.string({
    char: 'o',
    summary: 'file to write the report to (default: standard output)',
    helpValue: 'FILE',
  }),
};

/** The Region of the AWS clients, of those that were named. */
export const homeRegion = (regions: readonly string[] | undefined) => regions?.find((region) => region !== 'all');

/** The flags as settings are gathered from them: with one Region. */
export const atHome = <Given extends { region?: readonly string[] | undefined }>(flags: Given) => ({
  ...flags,
  region: homeRegion(flags.region),
});

/**
 * What was named on the command line.
 * @param argv - the arguments; `-` is standard input
 * @returns undefined where nothing was
 */
export function filesOf(argv: readonly unknown[]) {
  const paths = argv.map(String);
  if (paths.length === 0) return undefined;
  const streams = paths.includes('-') ? [{ name: 'stdin', stream: process.stdin }] : [];
  return { paths: paths.filter((path) => path !== '-'), streams };
}
