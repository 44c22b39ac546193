/** What the detectors of deeds done to KMS keys have in common: they gather by key, and learn which keys guard secrets. */
import type { AuditedAccess } from '../access.ts';
import type { Detector } from './detector.ts';
import type { Budget } from './distinct.ts';
import { gathering, type Deeds, type GatheringDetector, type Told } from './gather.ts';
import { guardingKeys, keyNames } from './guarding-keys.ts';

/** Names of one key that are kept: its id, its ARN, its aliases. */
const MOST_NAMES = 10;

/** A detector of deeds done to keys. */
interface KeyDetector<Own extends object> extends Pick<GatheringDetector<Own, never>, 'id' | 'about'> {
  /** Whether a call of KMS that succeeded is one of those gathered. */
  concerns(access: AuditedAccess): boolean;
  own(budget: Budget): Own;
  /** Takes note of an access beyond what every gathering has. */
  note(deeds: Own & Deeds, access: AuditedAccess): void;
  /**
   * @param guards - whether secrets were seen under the key, by all that the records tell: it may turn out late
   * @returns null for deeds that are nothing to tell after all
   */
  tell(deeds: Own & Deeds, guards: boolean): Told | null;
}

/** Make the detector. */
export function ofKeys<Own extends object>(made: KeyDetector<Own>): Detector {
  const { id, about } = made;
  return {
    id,
    about,
    start(facts, budget) {
      const keys = guardingKeys(facts);
      const watch = gathering<Own & { names: Set<string> }>({
        id,
        about,
        everything: true,
        concerns: (access) => access.service === 'kms' && access.outcome === 'success' && made.concerns(access),
        by: (access) => keyNames(access)[0] ?? 'a key that is not named',
        own: (room) => ({ ...made.own(room), names: new Set() }),
        note(deeds, access) {
          for (const name of keyNames(access)) if (deeds.names.size < MOST_NAMES) deeds.names.add(name);
          made.note(deeds, access);
        },
        tell: (deeds) => made.tell(deeds, keys.isGuarding([...deeds.names])),
      }).start(facts, budget);
      return {
        see(access) {
          keys.see(access);
          watch.see(access);
        },
        findings: () => watch.findings(),
      };
    },
  };
}
