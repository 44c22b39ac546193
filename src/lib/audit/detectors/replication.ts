import type { AuditedAccess } from '../access.ts';
import { distinct } from './distinct.ts';
import type { Detector } from './detector.ts';
import { gathering } from './gather.ts';
import { circumstances, graded, isAccountedFor, times } from './words.ts';

/** `eu-west-1: alias/key` */
const regionsIn = ({ details: { replicaRegions } }: AuditedAccess): string[] =>
  (Array.isArray(replicaRegions) ? replicaRegions : [])
    .map((replica: string) => replica.split(': ').find((part) => /^[a-z]{2}(?:-[a-z]+)+-\d$/.test(part)) ?? replica)
    .filter((region) => region !== '');

/** Regions that are remembered: there are some forty. */
const MOST = 500;

const id = 'replication';
const about = {
  finds: 'a secret copied into a Region where nothing of ours was before',
  severity: 'high where nothing explains it, else medium; low for whoever runs the audit',
  technique: 'T1537',
  logic:
    'ReplicateSecretToRegions, or CreateSecret with replicas, into a Region that neither the baseline has nor any access before it was made in. Needs no baseline; with a short window any replication is to a new Region',
  falsePositives: 'a service that moves into another Region',
};

export const replication: Detector = {
  id,
  about,
  start(facts, budget) {
    const regions = new Set((facts.baseline?.entries ?? []).flatMap((entry) => entry.regions));
    const newIn = (access: AuditedAccess) => regionsIn(access).filter((region) => !regions.has(region));
    const watch = gathering({
      id,
      about,
      concerns: (access) => access.outcome === 'success' && !isAccountedFor(access) && newIn(access).length > 0,
      own: (room) => ({ into: distinct(room) }),
      note(deeds, access) {
        for (const region of newIn(access)) deeds.into.add(region);
      },
      tell: (deeds) => ({
        severity: deeds.allSelf ? 'low' : graded(deeds, 'high', 'medium'),
        title: `${deeds.key} copied a secret to ${deeds.into.few()}`,
        why: `${circumstances(deeds)}, ${times(deeds.count)}: nothing was seen in that Region before`,
        fix: 'where nobody meant it, take the replica away (RemoveRegionsFromReplication), rotate, and deny Regions that are not used (aws:RequestedRegion)',
      }),
    }).start(facts, budget);
    return {
      see(access) {
        watch.see(access);
        // Somebody at work there makes a Region a known one; the replication itself does not.
        if (access.outcome === 'success' && !access.context && access.region !== null && regions.size < MOST) {
          regions.add(access.region);
        }
      },
      findings: () => watch.findings(),
    };
  },
};
