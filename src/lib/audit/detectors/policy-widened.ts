import type { AuditedAccess } from '../access.ts';
import { distinct } from './distinct.ts';
import type { Detector, Severity } from './detector.ts';
import { gathering } from './gather.ts';
import { grantsOf, type Grant } from './open-policy.ts';
import { circumstances, graded, times, textOf } from './words.ts';

/** Secrets whose policy is remembered. */
const MOST = 5_000;

/** What is wrong with one call, worst first. */
interface Widening {
  rank: number;
  text: string;
}

/** By the reach of a grant that the policy did not have before. */
const RANKS: Readonly<Record<Grant['reach'], number>> = { public: 4, foreign: 3, limited: 2, own: 1 };

const WORDS: Readonly<Record<Grant['reach'], string>> = {
  public: 'anybody',
  foreign: 'another account',
  limited: 'anybody within a condition',
  own: 'one more principal',
};

const SEVERITIES: Readonly<Record<number, readonly [unexplained: Severity, explained: Severity]>> = {
  4: ['critical', 'critical'],
  3: ['high', 'medium'],
  2: ['medium', 'low'],
  1: ['medium', 'low'],
};

const id = 'policy-widened';
const about = {
  finds: 'a resource policy that lets more in than the one before, and a policy removed',
  severity:
    'critical for anybody, high for another account, else medium; one lower for a known caller, medium for a try that was refused',
  technique: 'T1098',
  logic:
    'the Allow statements of PutResourcePolicy, principal by principal, against the policy that the same secret had before, as far as it was seen. Conditions that keep strangers out count (organisation, account, VPC, endpoint, address, principal), unless they hold for an absent key or let everything pass. blockPublicPolicy false, NotPrincipal and DeleteResourcePolicy, which takes the denials away, count as well',
  falsePositives: 'a secret that is shared with another account on purpose',
};

export const policyWidened: Detector = {
  id,
  about,
  start(facts, budget) {
    const policies = new Map<string, ReadonlySet<string>>();

    function judge(access: AuditedAccess): Widening[] {
      if (access.action === 'DeleteResourcePolicy')
        return [{ rank: 1, text: 'the policy was removed, and its denials with it' }];
      const grants = grantsOf(textOf(access, 'policy') ?? '', ownerOf(access));
      const before = policies.get(access.secret ?? '');
      const keys = new Set((grants ?? []).map(keyOf));
      if (access.outcome === 'success' && access.secret !== null && policies.size < MOST)
        policies.set(access.secret, keys);
      const added = (grants ?? []).filter((grant) => !before?.has(keyOf(grant)));
      return [
        ...added
          // What the first policy that was seen says about its own account may have stood there all along.
          .filter(({ reach }) => before !== undefined || reach === 'public' || reach === 'foreign')
          .map(({ who, reach, only }) => ({
            rank: RANKS[reach],
            text: `${WORDS[reach]}: ${who.slice(0, 200)}${only && ` with ${only.slice(0, 200)}`}`,
          })),
        ...(access.details.blockPublicPolicy === false
          ? [{ rank: 2, text: 'the check for public policies was left out' }]
          : []),
      ];
    }

    let last: { access: AuditedAccess; widenings: Widening[] } | null = null;
    const widenings = (access: AuditedAccess): Widening[] => {
      if (last?.access !== access) last = { access, widenings: judge(access) };
      return last.widenings;
    };

    return gathering({
      id,
      about,
      concerns: (access) =>
        (access.action === 'PutResourcePolicy' || access.action === 'DeleteResourcePolicy') &&
        access.outcome !== 'failed' &&
        widenings(access).length > 0,
      own: (room) => ({ rank: 0, tried: 0, what: distinct(room) }),
      note(deeds, access) {
        for (const { rank, text } of widenings(access)) {
          if (access.outcome === 'success') deeds.rank = Math.max(deeds.rank, rank);
          else deeds.tried = Math.max(deeds.tried, rank);
          deeds.what.add(text);
        }
      },
      tell(deeds) {
        const [unexplained, explained] = SEVERITIES[deeds.rank] ?? ['medium', 'low'];
        return {
          severity: deeds.rank === 0 && deeds.tried >= 3 ? 'medium' : graded(deeds, unexplained, explained),
          title: `${deeds.key} ${deeds.rank === 0 ? 'tried to make' : 'made'} the policy of a secret wider`,
          why: `${circumstances(deeds)}, ${times(deeds.count)}: ${deeds.what.few()}`,
          fix: 'put the former policy back; a policy of a secret names the ARN of each reader, and denies all that is outside of the organisation (aws:PrincipalOrgID)',
        };
      },
    }).start(facts, budget);
  },
};

const keyOf = ({ who, reach, only }: Grant) => `${who}\n${reach}\n${only}`;

/** The account that owns the secret: by its ARN, else the one that the record was delivered to. */
const ownerOf = ({ secret, recipient, principal }: AuditedAccess): string | null =>
  /^arn:[^:]*:secretsmanager:[^:]*:(\d{12}):/.exec(secret ?? '')?.[1] ?? recipient ?? principal.account;
