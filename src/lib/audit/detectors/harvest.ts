import type { AuditedAccess } from '../access.ts';
import { identityOf } from '../principal.ts';
import { bursts } from './burst.ts';
import { numbersOf, type About, type Detector } from './detector.ts';
import { budgetOf, countText } from './distinct.ts';
import { foundOf, gatherings, type Deeds, type Told } from './gather.ts';
import { ownVersions } from './own-versions.ts';
import { isAccountedFor, isRead, MINUTE_MS, momentOf, plural, secretsText, spell, times } from './words.ts';

const THRESHOLDS = {
  secrets: { default: 10, means: 'distinct secrets whose values one identity reads within the window' },
  batches: { default: 3, means: 'BatchGetSecretValue calls by filter within the window: each may read twenty secrets' },
  minutes: { default: 5, means: 'length of the window' },
};

const about: About & { thresholds: typeof THRESHOLDS } = {
  finds: 'many secrets read by one identity in a short time',
  severity:
    'high where nothing explains a part of it, low for whoever runs the audit, else medium; info for the shape of an infrastructure tool',
  technique: 'T1555.006',
  logic:
    'distinct secrets in a sliding window, not events: a BatchGetSecretValue and its single reads are the same secrets. Reads that have a cause of their own (a task, a rotation, the baseline for this very secret) do not count, nor does reading the very version that the same identity wrote, which is how Terraform reads and what a thief has no use for. What has the shape of Terraform by identity and pattern of calls, but reads what somebody else wrote, is told as info. The user agent alone clears nothing: Stratus and Terraform of one user, key and address are told apart',
  falsePositives:
    'a migration or a backup of secrets; a program that loads all its secrets when it starts, before the baseline has it',
  thresholds: THRESHOLDS,
};

/** CloudTrail counts in whole seconds: a write may come after the read of what it wrote. */
const LAG_MS = 2_000;
const MOST_WAITING = 10_000;

export const harvest: Detector = {
  id: 'harvest',
  about,
  start(facts, budget = budgetOf()) {
    const { secrets, batches, minutes } = numbersOf('harvest', THRESHOLDS, facts);
    const own = ownVersions(facts);
    const plain = { reads: bursts(secrets, minutes * MINUTE_MS), found: gatherings(budget, () => ({})) };
    const shaped = { reads: bursts(secrets, minutes * MINUTE_MS), found: gatherings(budget, () => ({})) };
    const byFilter = bursts(batches, minutes * MINUTE_MS);
    let waiting: { access: AuditedAccess; at: number }[] = [];

    function judge(access: AuditedAccess, at: number): void {
      const identity = identityOf(access.principal);
      if (access.secret === null) {
        for (const one of byFilter.add(identity, access.eventId, at, access)) plain.found.add(identity, one);
        return;
      }
      if (own.isOwn(access)) return;
      const isShaped = access.explanation?.kind === 'infrastructure';
      for (const { reads, found } of isShaped ? [shaped] : [plain, shaped]) {
        for (const one of reads.add(identity, access.secret, at, access)) found.add(identity, one);
      }
    }

    function flush(before: number): void {
      let ready = 0;
      for (const { access, at } of waiting) {
        if (at >= before) break;
        judge(access, at);
        ready += 1;
      }
      if (ready > 0) waiting = waiting.slice(ready);
    }

    return {
      see(access) {
        own.see(access);
        const at = momentOf(access);
        if (Number.isNaN(at)) return;
        if (waiting.length > 0) flush(waiting.length >= MOST_WAITING ? Infinity : at - LAG_MS);
        if (access.countedWith === null && isRead(access) && !isAccountedFor(access) && mayCount(access)) {
          waiting.push({ access, at });
        }
      },
      findings() {
        flush(Infinity);
        const flagged = plain.found.all();
        const keys = new Set(flagged.map(({ key }) => key));
        return [
          ...flagged.map((deeds) =>
            foundOf(harvest, deeds, told(deeds, plain.reads.peak(deeds.key), byFilter.peak(deeds.key), minutes)),
          ),
          ...shaped.found
            .all()
            .filter(({ key }) => !keys.has(key))
            .map((deeds) => foundOf(harvest, deeds, toldShaped(deeds))),
        ];
      },
    };
  },
};

/** A call that names no secret counts where it is a batch by filter; a record that has lost its parameters tells nothing. */
const mayCount = ({ secret, action, details }: AuditedAccess) =>
  secret !== null || (action === 'BatchGetSecretValue' && details.filters !== undefined);

function told(deeds: Deeds, peak: number, batches: number, minutes: number): Told {
  const window = `${String(minutes)} minutes`;
  const byFilter = `${plural(batches, 'BatchGetSecretValue call')} by filter within ${window}, which may have read up to ${String(20 * batches)} secrets`;
  const bySecret = `${String(peak)} distinct secrets within ${window}${deeds.secrets.size > 0 ? `: ${secretsText(deeds.secrets)}` : ''}`;
  const what = [peak > 0 ? bySecret : '', batches > 0 ? byFilter : ''].filter((text) => text !== '').join('; ');
  const regions = deeds.regions.size > 1 ? ` in ${plural(deeds.regions.size, 'Region')}` : '';
  return {
    severity: deeds.unexplained > 0 ? 'high' : deeds.allSelf ? 'low' : 'medium',
    title: `${deeds.key} harvested ${deeds.secrets.size > 0 ? `${countText(deeds.secrets)} secrets` : 'secrets by filter'}`,
    why: `${what}; ${times(deeds.count)}${regions} from ${deeds.sources.few() || 'an unknown address'}, ${spell(deeds)}`,
    fix: 'take the key or session away first, then rotate every secret that was read; a policy that names the ARN of each secret leaves nothing to harvest',
  };
}

const toldShaped = (deeds: Deeds): Told => ({
  severity: 'info',
  title: `${deeds.key} read ${countText(deeds.secrets)} secrets in the way of an infrastructure tool`,
  why: `${secretsText(deeds.secrets)}, ${times(deeds.count)} from ${deeds.sources.few() || 'an unknown address'}, ${spell(deeds)}: identity and pattern of the calls are those of the tool, but somebody else wrote the versions`,
  fix: 'nothing, where the tool ran then; where it did not, treat it as a harvest',
});
