/** What a verification of digests can find: each rule with its severity, why it matters and what to do. */
import type { VerifyFinding } from '../verify.ts';

const HIDDEN =
  'keep the bucket as it is, look in S3 access logs or data events for who wrote to it, and take the log files from a copy';

const RULES = {
  'digest-changed': [
    'critical',
    'it is not as CloudTrail signed it: what it says of log files cannot be believed',
    HIDDEN,
  ],
  'digest-unreadable': ['critical', 'nothing vouches for the log files of that hour', HIDDEN],
  'digest-missing': ['critical', 'nothing vouches for the log files of that hour, which may be gone as well', HIDDEN],
  'digest-moved': [
    'critical',
    'it is the digest of another hour, Region or trail: the one that belongs here is gone',
    HIDDEN,
  ],
  'digest-replaced': ['critical', 'the digest after it tells of another content', HIDDEN],
  'digest-unsigned': [
    'critical',
    'CloudTrail writes the signature with the object: it was written again by somebody else',
    HIDDEN,
  ],
  'digest-metadata': [
    'high',
    'the digest itself is proved by the one after it; the object was written again by somebody else',
    HIDDEN,
  ],
  'digest-unlinked': ['high', 'no digest after it names it: it does not belong to the chain', HIDDEN],
  'key-unknown': [
    'critical',
    'only CloudTrail has the keys that go with its public keys: somebody else may have signed it',
    'save the public keys of that Region and time with --save-keys and verify again; where CloudTrail knows no such key, the digest is made up',
  ],
  'log-file-changed': ['critical', 'accesses may have been removed from it, or made up', HIDDEN],
  'log-file-missing': ['critical', 'the accesses in it are hidden', HIDDEN],
  'log-file-unreadable': ['critical', 'the accesses in it cannot be read, or not all of them', HIDDEN],
  'log-file-added': [
    'high',
    'nothing vouches for it: its accesses may be made up (or it is of a second trail without digests, or so late that its backfill digest is not yet there)',
    'compare with aws cloudtrail lookup-events; move it aside before an audit of these files',
  ],
  'trailing-bytes': [
    'high',
    'the signature and hashes do not cover it, and what unpacks the file may read it as accesses',
    'take the file from a copy; who can add to it can write to the bucket',
  ],
  'delivery-gap': [
    'medium',
    'no digest vouches for that time: logging or log file validation was off, or the trail was made anew',
    'look for StopLogging, UpdateTrail and DeleteTrail at its beginning, and who called it: aws cloudtrail lookup-events',
  ],
} as const satisfies Record<string, readonly [VerifyFinding['severity'], string, string]>;

/** A rule about a CloudTrail archive. */
export type TrailRule = keyof typeof RULES;

/**
 * A finding about a file.
 * @param file - its path or address
 * @param what - what is wrong with it: goes on from `digest NAME`, `log file NAME`
 */
export function trailFinding(rule: TrailRule, file: string, title: string): VerifyFinding {
  const [severity, why, fix] = RULES[rule];
  return { id: `${rule}:${file}`, rule, severity, title, why, fix, file, line: null };
}
