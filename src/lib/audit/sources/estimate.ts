/** How long a reading of the event history will take, told once, after the first pages. */
import type { Context } from '../../host.ts';
import type { Span } from './lookup-cache.ts';

/** Pages after which it can be told. */
const PAGES = 3;
/** What is longer than this is worth another road. */
const LONG_MS = 2 * 60_000;

/** Watches the pages of a reading. */
export interface Estimate {
  /**
   * A page came.
   * @param oldest - time of its oldest event; undefined where it has none
   */
  page(gap: Span, events: number, oldest: number | undefined): void;
}

/**
 * An estimate by what the first pages took: as many events a minute before as there were after.
 * @param gaps - all that is to be read, in the order in which it is
 */
export function estimate(gaps: readonly Span[], where: string, { host, clock }: Context): Estimate {
  const begun = clock.now();
  let pages = 0;
  let events = 0;
  return {
    page(gap, more, oldest) {
      pages += 1;
      events += more;
      if (pages !== PAGES || oldest === undefined) return;
      const at = gaps.indexOf(gap);
      const lengths = gaps.map(({ since, until }) => until - since);
      const total = lengths.reduce((sum, length) => sum + length, 0);
      const done = lengths.slice(0, at).reduce((sum, length) => sum + length, 0) + Math.max(1, gap.until - oldest);
      const left = Math.max(0, total / done - 1) * Math.max(1, clock.now() - begun);
      if (left < LONG_MS) return;
      const count = Math.round((events * total) / done);
      host.notify({
        kind: 'warning',
        text: `${where}: about ${count.toLocaleString('en-US')} events, ${minutes(left)} more; the files of a trail (audit s3://…) or Athena (audit s3://… --source athena) are faster`,
      });
    },
  };
}

const minutes = (ms: number) => {
  const all = Math.ceil(ms / 60_000);
  return all < 120 ? `${String(all)} minutes` : `${String(Math.round(all / 60))} hours`;
};
