/**
 * The chain of the local store's access log: JSON lines `{body, mac}`, each MAC made with a key of its own that is
 * derived from the key before and then forgotten, so that who has the key of the next line cannot write an old one.
 * Pure functions over lines. Facts: hardening.md §1 File format and safety.
 */
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

/** What a line tells. Never a value. */
export interface LogEntry {
  /** ISO 8601, UTC. */
  time: string;
  /** The person, as the operating system calls them; null where it has no name for them. */
  user: string | null;
  host: string;
  /** What was done, in CloudTrail's words where it has one: GetSecretValue, PutSecretValue …; else {@link OWN_ACTIONS}. */
  action: string;
  /** Name of the secret; null for what concerns the whole store. */
  secret: string | null;
  versionId: string | null;
  /** Names of the fields that were read or written. */
  fields: readonly string[] | null;
  /** What was given as the reason, or what there is to say beside. */
  reason: string | null;
  /** The file that was changed: SHA-256 of its content before and after, null where there was or is none. */
  change: { file: string; before: string | null; after: string | null } | null;
}

/** What the store itself does, beside what it is asked for. */
export const OWN_ACTIONS = {
  /** A file was there before the log, or was accepted by a person: from here on it is watched. */
  adopt: 'AdoptFile',
  /** The change announced by the line before was cut short by a crash: the file is as it was. */
  notDone: 'ChangeNotDone',
  /** The key went to another place. */
  moveKey: 'MoveKey',
  /** A person accepted the store as it is; the log before is kept aside. */
  accept: 'AcceptStore',
} as const;

/** A line that holds: {@link LogEntry} with its place in the chain. */
export interface LogBody extends LogEntry {
  /** From 1. */
  seq: number;
  /** MAC of the line before; {@link NO_MAC} for the first. */
  previous: string;
}

/** Where the chain ends, and the key that the next line is to be made with. */
export interface Head {
  /** Number of lines. */
  count: number;
  /** MAC of the last line, hexadecimal. */
  mac: string;
  /** Hexadecimal. */
  key: string;
}

/** Stands for the MAC before the first line. */
export const NO_MAC = '0'.repeat(64);

/** The head of an empty log. @param seed - 32 random bytes, hexadecimal */
export const firstHead = (seed: string): Head => ({ count: 0, mac: NO_MAC, key: nextKey(seed) });

/**
 * Make the next line.
 * @returns the line with its newline, and the head after it; the key that made it is nowhere in either
 */
export function sign(head: Head, entry: LogEntry): { line: string; head: Head } {
  const body: LogBody = { seq: head.count + 1, previous: head.mac, ...entry };
  const mac = macOf(body, head.key);
  return { line: `${JSON.stringify({ body, mac })}\n`, head: { count: body.seq, mac, key: nextKey(head.key) } };
}

/**
 * Check the line that should follow a head.
 * @param line - without its newline
 * @returns the body and the head after it, or null where it is not the line that follows
 */
export function follow(head: Head, line: string): { body: LogBody; head: Head } | null {
  const parsed = parseLine(line);
  if (parsed?.body.seq !== head.count + 1 || parsed.body.previous !== head.mac) return null;
  if (!sameMac(parsed.mac, macOf(parsed.body, head.key))) return null;
  return { body: parsed.body, head: { count: parsed.body.seq, mac: parsed.mac, key: nextKey(head.key) } };
}

/** What is wrong with a log. `line` counts from 1, as editors do. */
export interface LogProblem {
  rule: 'line-edited' | 'lines-deleted' | 'line-moved' | 'chain-broken';
  line: number;
  why: string;
}

/** What a walk through a whole log gives. */
export interface Walk {
  /** The lines that hold, in their order, with their numbers in the file. */
  bodies: readonly { line: number; body: LogBody; mac: string }[];
  problems: LogProblem[];
  /** The head after the last line that holds; each problem before it has been stepped over. */
  head: Head;
}

/**
 * Check every line of a log by itself and in its place. The seed gives the key of every line, so one that was changed
 * does not hide what became of the others.
 * @param lines - without newlines
 * @param seed - what the log began with
 */
export function walk(lines: readonly string[], seed: string): Walk {
  const bodies: { line: number; body: LogBody; mac: string }[] = [];
  const problems: LogProblem[] = [];
  let expected = firstHead(seed);
  /** The key of each line so far, by number. */
  const keys = new Map<number, string>();
  for (const [index, text] of lines.entries()) {
    const line = index + 1;
    const parsed = parseLine(text);
    // A sequence number is the attacker's until its MAC is checked: no key is derived further than a gap can be.
    const ahead = parsed ? parsed.body.seq - expected.count - 1 : 0;
    const holder = ahead >= 0 && ahead <= FURTHEST_GAP ? skip(expected, ahead, keys) : expected;
    const key = parsed && (keys.get(parsed.body.seq) ?? holder.key);
    if (!parsed || !key || !sameMac(parsed.mac, macOf(parsed.body, key))) {
      problems.push({ rule: 'line-edited', line, why: 'its text does not agree with its MAC' });
      expected = { ...skip(expected, 1, keys), mac: UNKNOWN_MAC };
      continue;
    }
    if (ahead < 0) {
      problems.push({
        rule: 'line-moved',
        line,
        why: `it is the line numbered ${String(parsed.body.seq)}, out of its place`,
      });
      continue;
    }
    if (ahead > 0) {
      const gap = `${String(expected.count + 1)} to ${String(parsed.body.seq - 1)}`;
      problems.push({
        rule: 'lines-deleted',
        line,
        why: `before it, the lines numbered ${gap} are missing`,
      });
    } else if (expected.mac !== UNKNOWN_MAC && parsed.body.previous !== expected.mac) {
      problems.push({ rule: 'chain-broken', line, why: 'it does not follow the line before it' });
    }
    bodies.push({ line, body: parsed.body, mac: parsed.mac });
    keys.set(parsed.body.seq, key);
    expected = { count: parsed.body.seq, mac: parsed.mac, key: nextKey(key) };
  }
  return { bodies, problems, head: expected };
}

/** After a line that does not hold there is nothing to compare the next one's `previous` with. */
const UNKNOWN_MAC = '';

/** More deleted lines in one place than this are told as an edited line, so that a made-up number costs no time. */
const FURTHEST_GAP = 100_000;

function skip(head: Head, lines: number, keys: Map<number, string>): Head {
  let { key } = head;
  for (let n = 1; n <= lines; n += 1) {
    keys.set(head.count + n, key);
    key = nextKey(key);
  }
  return { count: head.count + lines, mac: head.mac, key };
}

/** A line as it is written by {@link sign}, to the byte: JSON has many spellings, and only one is ours. */
function parseLine(line: string): { body: LogBody; mac: string } | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof parsed !== 'object' || parsed === null || JSON.stringify(parsed) !== line) return null;
  const { body, mac } = parsed as { body?: unknown; mac?: unknown };
  if (typeof body !== 'object' || body === null || typeof mac !== 'string') return null;
  return Number.isSafeInteger((body as LogBody).seq) ? { body: body as LogBody, mac } : null;
}

const macOf = (body: LogBody, key: string) =>
  createHmac('sha256', Buffer.from(key, 'hex')).update(JSON.stringify(body)).digest('hex');

const sameMac = (a: string, b: string) => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));

const nextKey = (key: string) =>
  Buffer.from(hkdfSync('sha256', Buffer.from(key, 'hex'), '', 'jamf-mcp access log: next key', 32)).toString('hex');
