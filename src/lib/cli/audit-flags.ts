/** What the commands that audit share: flags, and the files that were named. */
import * as Flags from '@oclif/core/flags';

export const sinceFlag = Flags.string({
  summary: 'start: 90m, 12h, 7d or 2w before now, 2026-11-01, or 2026-11-01T10:00Z (default: 7d; all of it for files)',
  helpValue: 'TIME',
});

export const untilFlag = Flags.string({
  summary: 'end, in the same forms; a date includes its day (default: now)',
  helpValue: 'TIME',
});

export const principalFlag = Flags.string({
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

/** The Region of the AWS clients, of those that were named. */
export const homeRegion = (regions: readonly string[] | undefined) => regions?.find((region) => region !== 'all');

export const cacheFlag = Flags.boolean({
  summary: 'keep what the event history tells of past hours, so that the next run reads only what is new',
  default: true,
  allowNo: true,
});

export const guardsFlag = Flags.boolean({
  summary: 'read what was done to trails and keys, too: 13 more calls, some 7 seconds, for each Region',
  exclusive: ['follow'],
});

export const clusterFlag = Flags.string({
  summary: 'ECS cluster of the service that reads the secret',
  helpValue: 'NAME',
});

export const serviceFlag = Flags.string({ summary: 'ECS service that reads the secret', helpValue: 'NAME' });

/** What was named on the command line; undefined where nothing was. */
export function filesOf(paths: readonly string[]) {
  if (paths.length === 0) return undefined;
  const streams = paths.includes('-') ? [{ name: 'stdin', stream: process.stdin }] : [];
  return { paths: paths.filter((path) => path !== '-'), streams };
}
