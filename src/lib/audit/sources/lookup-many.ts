/** The event histories of many Regions and accounts, read at the same time, each at its own pace. */
import { awsErrorName, type AwsIdentity, type AwsSettings } from '../../aws.ts';
import { isInterruption, messageOf } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { CONTEXT } from '../event.ts';
import type { Window } from '../window.ts';
import { assumed, roleArn, type AccountRole } from './accounts.ts';
import { lateNote, lookupEvents, type LookupQuery } from './lookup-events.ts';
import { isOptIn } from './regions.ts';
import type { Source, SourceResult } from './source.ts';

/** Names of the calls that stop a trail or take a key away: LookupEvents takes one at a time, so each is a call at least. */
export const GUARDS: readonly string[] = ['cloudtrail.amazonaws.com', 'kms.amazonaws.com'].flatMap((source) => [
  ...(CONTEXT[source] ?? []),
]);

/** What to read. */
export interface LookupManyQuery {
  aws: AwsSettings;
  caller: AwsIdentity;
  regions: readonly string[];
  /** Other accounts, and the caller's own where a role is named for it. */
  accounts: readonly AccountRole[];
  /** Fixed once, for all of them. */
  window: Window;
  cache?: string | undefined;
  guards?: readonly string[] | undefined;
}

/**
 * A source for every Region of every account. One that fails is told, and the others go on; where all fail, what the first
 * fails with is thrown.
 * @throws JamfMcpError CONFIG_INVALID for a role that is none
 */
export function lookupMany(query: LookupManyQuery, context: Context): Source[] {
  const { aws, caller, accounts, window, cache, guards } = query;
  const partition = caller.arn.split(':')[1] ?? 'aws';
  const own = accounts.some(({ account }) => account === caller.account) ? [] : [{ account: caller.account }];
  const signed: Pick<LookupQuery, 'account' | 'credentials'>[] = [
    ...own,
    ...accounts.map((one) => ({
      account: one.account,
      credentials: assumed(roleArn(one, partition), { ...aws, region: caller.region }, context),
    })),
  ];
  return sharingFate(
    window,
    signed.flatMap((who) =>
      query.regions.map((region) => ({ aws, region, window, cache, guards, ...who }) satisfies LookupQuery),
    ),
  );
}

/** How a Region that is not enabled answers credentials that are good elsewhere. */
const NOT_ENABLED = /UnrecognizedClient|InvalidClientTokenId|InvalidAccessKeyId|AuthFailure|OptInRequired/;

function sharingFate(window: Window, queries: readonly LookupQuery[]): Source[] {
  const one = queries.length === 1;
  const all = `CloudTrail LookupEvents in ${String(queries.length)} Regions and accounts`;
  const fates = queries.map(() => Promise.withResolvers<boolean>());
  const withNote = (result: SourceResult, index: number, { clock }: Context): SourceResult =>
    one || index > 0 ? result : { ...result, skipped: [...lateNote(window, clock.now(), all), ...result.skipped] };
  return queries.map((query, index) => ({
    newestFirst: true,
    async read(sink, context) {
      const settle = (good: boolean) => fates[index]?.resolve(good);
      try {
        const result = await lookupEvents({ ...query, late: one }).read(sink, context);
        settle(true);
        return withNote(result, index, context);
      } catch (error) {
        settle(false);
        if (isInterruption(error)) throw error;
        const others = await Promise.all(fates.map(({ promise }) => promise));
        if (!others.includes(true)) throw error;
        return withNote(failed(query, error), index, context);
      }
    },
  }));
}

function failed({ region, account, credentials }: LookupQuery, error: unknown): SourceResult {
  const off = isOptIn(region) && NOT_ENABLED.test(awsErrorName(error));
  const why = off
    ? 'it takes none of these credentials: the account has not enabled it, so nothing happens there'
    : `not looked at: ${messageOf(error)}`;
  return {
    report: { kind: 'lookup-events', region, account, events: 0, complete: off, calls: 0, cached: 0 },
    skipped: [{ where: `Region ${region}${credentials ? ` of ${String(account)}` : ''}`, why }],
  };
}
