import type { AuditedAccess } from '../access.ts';
import { identityOf } from '../principal.ts';
import { numbersOf, type About, type Detector } from './detector.ts';
import { budgetOf, countText } from './distinct.ts';
import { foundOf, gatherings } from './gather.ts';
import { ownVersions } from './own-versions.ts';
import { isRead, MINUTE_MS, momentOf, plural, secretsText, spell } from './words.ts';

const THRESHOLDS = {
  looks: { default: 10, means: 'distinct secrets looked at one by one that are worth a ListSecrets' },
  minutes: { default: 15, means: 'how soon the read follows' },
  secrets: { default: 2, means: 'distinct secrets whose values are then read' },
};

const about: About & { thresholds: typeof THRESHOLDS } = {
  finds: 'secrets listed or looked through, then read',
  severity: 'high from five secrets on, else medium',
  technique: 'T1526',
  logic:
    'ListSecrets, a batch by filter, or looks at many secrets (DescribeSecret, GetResourcePolicy, ListSecretVersionIds), refused or not, and then values read by the same identity, which nothing explains. Reading the very version that it wrote itself does not count. ListSecrets names no secret: it is only seen with --all-secrets',
  falsePositives:
    'a person who looks for a secret in the console, and opens several; an operator that finds its secrets by tag',
  thresholds: THRESHOLDS,
};

const LOOKED = new Set(['DescribeSecret', 'GetResourcePolicy', 'ListSecretVersionIds']);

/** Secrets looked at that are remembered of one identity, identities, and accesses after which old ones are dropped. */
const MOST_LOOKS = 200;
const SWEEP = 4_096;

interface Looks {
  listed: number;
  secrets: Map<string, number>;
  last: number;
}

export const enumeration: Detector = {
  id: 'enumeration-then-read',
  about,
  start(facts, budget = budgetOf()) {
    const { looks, minutes, secrets } = numbersOf('enumeration-then-read', THRESHOLDS, facts);
    const span = minutes * MINUTE_MS;
    const own = ownVersions(facts);
    const identities = new Map<string, Looks>();
    const found = gatherings(budget, () => ({}));
    let seen = 0;

    function look(access: AuditedAccess, at: number): void {
      const identity = identityOf(access.principal);
      const known = identities.get(identity) ?? { listed: Number.NEGATIVE_INFINITY, secrets: new Map(), last: at };
      identities.set(identity, known);
      known.last = at;
      if (access.secret === null) known.listed = at;
      else {
        known.secrets.delete(access.secret);
        known.secrets.set(access.secret, at);
        for (const [secret, when] of known.secrets) {
          if (when >= at - span && known.secrets.size <= MOST_LOOKS) break;
          known.secrets.delete(secret);
        }
      }
      seen += 1;
      if (seen % SWEEP === 0) for (const [key, { last }] of identities) if (last < at - span) identities.delete(key);
    }

    function hasLooked({ listed, secrets: looked }: Looks, at: number): boolean {
      if (listed >= at - span) return true;
      let recent = 0;
      for (const when of looked.values()) if (when >= at - span) recent += 1;
      return recent >= looks;
    }

    return {
      see(access) {
        own.see(access);
        if (access.context || access.explanation !== null) return;
        const at = momentOf(access);
        const { action, secret } = access;
        if (action === 'ListSecrets' || (secret !== null && LOOKED.has(action))) look(access, at);
        else if (isRead(access)) {
          const known = identities.get(identityOf(access.principal));
          if (known && hasLooked(known, at) && !own.isOwn(access)) found.add(identityOf(access.principal), access);
          if (secret === null) look(access, at);
        }
      },
      findings: () =>
        found
          .all()
          .filter((deeds) => deeds.secrets.size >= secrets || (deeds.nameless > 0 && deeds.secrets.size > 0))
          .map((deeds) =>
            foundOf(enumeration, deeds, {
              severity: deeds.secrets.size >= 5 ? 'high' : 'medium',
              title: `${deeds.key} looked for secrets, and read ${countText(deeds.secrets)} of them`,
              why: `${plural(deeds.count, 'read')} of ${secretsText(deeds.secrets)} ${spell(deeds)}, within ${String(minutes)} minutes of a list of the secrets or of looks at many of them`,
              fix: 'find out who it is; take secretsmanager:ListSecrets out of policies of programs, which know their secret by its name, and rotate what was read',
            }),
          ),
    };
  },
};
