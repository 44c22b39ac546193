/**
 * Infrastructure tools, by identity and by shape. The user agent says which tool it claims to be, and proves nothing:
 * whoever has the tool's key can write it too. What proves something is that the same identity has created the secret (or
 * is usual by the baseline), and that the call is part of the pattern in which the tool works: Terraform looks at a secret
 * and at its policy before it reads a value, and reads the version that its state names. A harvest does neither.
 */
import { matchesPrincipal, identityOf } from '../principal.ts';
import type { Access } from '../event.ts';
import { agentFamily } from '../family.ts';
import { LOOKS, VALUE_READS } from '../access.ts';
import { globOf } from '../glob.ts';
import type { SettledAccess } from '../timeline.ts';
import { timeOf, type Cause } from './cause.ts';

/** Tools by the family of their user agent, as a person calls them. */
const TOOLS: Readonly<Record<string, string>> = { terraform: 'Terraform', opentofu: 'OpenTofu', pulumi: 'Pulumi' };

const CLOUDFORMATION = 'cloudformation.amazonaws.com';

/** What belongs to one piece of work lies no further apart. */
const RUN_MS = 15 * 60_000;

/** Pairs of work and secret that are remembered; where there are more, the rest is left unexplained. */
const MOST = 100_000;

/** A stretch of time in which one action was seen again and again. */
interface Stretch {
  action: string;
  first: number;
  last: number;
}

export const infrastructure: Cause = {
  kind: 'infrastructure',
  start: (facts) => {
    const creators = new Set<string>();
    const work = new Map<string, Stretch[]>();
    return {
      learn(access) {
        const { action, outcome, secret } = access;
        if (outcome !== 'success' || secret === null || toolOf(access) === null) return;
        if (VALUE_READS.has(action) && typeof access.details.versionId !== 'string') return;
        if (action === 'CreateSecret' && creators.size < MOST) creators.add(creatorKey(access));
        const key = workKey(access);
        const known = work.get(key);
        if (!known && work.size >= MOST) return;
        const stretches = known ?? [];
        const at = timeOf(access);
        // In order of time: only the last stretch of an action can go on.
        const last = stretches.findLast((one) => one.action === action);
        if (last && at - last.last <= RUN_MS) last.last = at;
        else stretches.push({ action, first: at, last: at });
        work.set(key, stretches);
      },
      explain(access) {
        const tool = toolOf(access);
        if (tool === null) return 'it does not claim to be an infrastructure tool';
        // Terraform looks at a secret until it is gone: a look that finds nothing is part of its work.
        if (access.outcome === 'denied' || (access.outcome === 'failed' && !LOOKS.has(access.action))) {
          return `it claims to be ${tool}, and was refused or failed`;
        }
        if (access.secret === null) return `it claims to be ${tool}, and names no secret`;
        const created = creators.has(creatorKey(access));
        if (!created && !isUsual(access)) {
          return `it claims to be ${tool}, but this identity has not created the secret, and the baseline does not have it with that tool`;
        }
        const { action, details } = access;
        // A call through CloudFormation is vouched for by AWS itself (invokedBy).
        if (access.invokedBy !== CLOUDFORMATION) {
          if (VALUE_READS.has(action) && typeof details.versionId !== 'string') {
            return `it claims to be ${tool}, which reads the version of its state, and this read names none`;
          }
          const at = timeOf(access);
          const beside = (work.get(workKey(access)) ?? []).filter(
            (one) =>
              one.action !== action &&
              // A read of the value makes a look plausible, never another read or a change.
              (LOOKS.has(action) || !VALUE_READS.has(one.action)) &&
              at >= one.first - RUN_MS &&
              at <= one.last + RUN_MS,
          );
          if (beside.length === 0) {
            return `it claims to be ${tool}, which looks at a secret and at its policy beside, and nothing of the kind was done`;
          }
        }
        return {
          kind: 'infrastructure',
          ref: tool,
          why: `${tool} at work: ${created ? 'the same identity has created the secret' : 'usual for this identity'}, and the call is part of how that tool works`,
        };
      },
    };

    /** Whether the baseline has this principal with this tool, for this secret, at this time. */
    function isUsual(access: SettledAccess): boolean {
      const family = agentFamily(access.userAgent);
      const at = timeOf(access);
      return (facts.baseline?.entries ?? []).some(
        (entry) =>
          matchesPrincipal(entry.principal, access.principal) &&
          entry.userAgents.includes(family) &&
          globOf(entry.secret).test(access.secretName ?? '') &&
          at >= Date.parse(entry.since) &&
          at <= Date.parse(entry.until),
      );
    }
  },
};

/** The tool that a call claims to be of; null for none. */
export const toolOf = ({ userAgent, invokedBy }: Pick<Access, 'userAgent' | 'invokedBy'>): string | null =>
  invokedBy === CLOUDFORMATION ? 'CloudFormation' : (TOOLS[agentFamily(userAgent)] ?? null);

const creatorKey = ({ principal, secret }: SettledAccess) => `${identityOf(principal)}\n${secret ?? ''}`;

/** One identity with one key from one address by one program, on one secret. */
const workKey = ({ principal, secret, sourceIp, userAgent }: SettledAccess) =>
  [identityOf(principal), principal.accessKeyId, sourceIp, userAgent, secret].join('\n');
