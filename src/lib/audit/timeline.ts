/**
 * The accesses of one secret, or of all, brought into order: whatever the sources hand over, in whatever order and
 * number. What does not fit in memory waits in sorted runs on the disk, so that an archive of any size can be audited.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { LOOKS } from './access.ts';
import type { Access, RecordedAccess } from './event.ts';
import { arnOf, knownSecrets, sameSecret, writtenId, type Mention, type SecretId } from './secret-id.ts';
import { packed, type PackedAccess, type Sink } from './sources/source.ts';
import { runsIn, sortRun, type Entry } from './spill.ts';

/** An access with the one secret that it is about. */
export interface SettledAccess extends Access {
  /** ARN, or the name where the ARN is unknown; null where the record names no secret. */
  secret: string | null;
  /** Friendly name of that secret. */
  secretName: string | null;
  /** Event that it is counted with, because both tell of one deed; null where it is counted by itself, if at all. */
  countedWith: string | null;
}

/** What to bring into order. */
export interface TimelineOptions {
  /** Null for every secret. */
  asked: Mention | null;
  /** Characters of accesses kept in memory before they are written out. */
  memory?: number;
  /** Accesses that are wanted before the others are gone through; all without. */
  isTelling?: (access: PackedAccess) => boolean;
  /** How the id of a secret is written; as its ARN, or its name where that is unknown, unless said otherwise. */
  write?: (id: SecretId) => string;
  /** Ends what goes through the accesses. */
  signal?: AbortSignal;
}

/** A timeline that is being filled. */
export interface Timeline {
  /**
   * A place to hand accesses over.
   * @param newestFirst - whether the source gives the later of two accesses first; settles what shares a second
   */
  sink(newestFirst: boolean): Sink;
  /** Nothing more comes. */
  close(): ClosedTimeline;
}

/** A timeline that is complete. */
export interface ClosedTimeline {
  /** The accesses, oldest first, in batches; may be gone through more than once. */
  batches(): AsyncIterable<readonly SettledAccess[]>;
  /** At least those that {@link TimelineOptions.isTelling} picks, oldest first. */
  telling(): AsyncIterable<readonly SettledAccess[]>;
  /** Calls that name no secret although their kind does, by action. */
  nameless: ReadonlyMap<string, number>;
  /** ARN of the secret asked for, where a record told it. */
  arn: string | null;
}

/** Characters, of 1,200 an access. */
const MEMORY = 8 << 20;

/** Characters of telling accesses that are kept apart; where there are more, everything is gone through instead. */
const TELLING = 12 << 20;

/** Ids remembered of one moment: ten times the reads that a Region allows in a second. */
const MOST_TWINS = 100_000;

/**
 * Work with a timeline; what it has on the disk is removed when the work is over.
 * @param work - gets it empty
 */
export async function withTimeline<Result>(
  options: TimelineOptions,
  work: (lines: Timeline) => Promise<Result>,
): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-audit-'));
  // Accesses are made and dropped one after the other: room for new objects that grows with them would take 100 MB.
  setFlagsFromString('--semi-space-growth-factor=1');
  try {
    return await work(timeline(options, folder));
  } finally {
    setFlagsFromString('--semi-space-growth-factor=2');
    await rm(folder, { recursive: true, force: true });
  }
}

function timeline(
  { asked, memory = MEMORY, write = writtenId, isTelling = () => true, signal }: TimelineOptions,
  folder: string,
): Timeline {
  const known = knownSecrets();
  const nameless = new Map<string, number>();
  const runs = runsIn(folder);
  const telling = bounded(TELLING);
  let entries: Entry[] = [];
  let size = 0;
  let taken = 0;

  const concerning = (mentions: readonly Mention[]) =>
    asked === null ? mentions : mentions.filter((mention) => sameSecret(mention, asked));

  /** One for each secret that a batch has asked for; else one. */
  const settle = ({ line }: Entry): SettledAccess[] => {
    const { secrets, ...access } = JSON.parse(line) as RecordedAccess;
    const mentions = concerning(secrets.map((one) => known.settle(one)));
    if (secrets.length === 0) return [{ ...access, secret: null, secretName: null, countedWith: null }];
    return (access.action === 'BatchGetSecretValue' ? mentions : mentions.slice(0, 1)).map((mention) => {
      const id = known.complete(mention);
      return { ...access, secret: write(id), secretName: id.name, countedWith: null };
    });
  };

  const keep = (access: PackedAccess, newestFirst: boolean) => {
    taken += 1;
    const at = access.time === null ? -1 : Date.parse(access.time);
    const entry = { at, order: newestFirst ? -taken : taken, line: access.line };
    if (isTelling(access)) telling.add(entry);
    entries.push(entry);
    size += access.line.length;
    if (size < memory) return;
    // An archive: from here on, the report that is made of it included, memory is worth more than a third of the time.
    if (runs.size === 0) setFlagsFromString('--heap-growing-percent=30');
    runs.add(sortRun(entries));
    entries = [];
    size = 0;
  };

  const take = (access: PackedAccess, newestFirst: boolean) => {
    for (const mention of access.secrets) if (mention.otherName === null) known.learn(mention);
    if (asked === null || concerning(access.secrets).length > 0 || isKept(access)) keep(access, newestFirst);
    else if (access.secrets.length === 0 && !LOOKS.has(access.action)) {
      nameless.set(access.action, (nameless.get(access.action) ?? 0) + 1);
    }
  };

  return {
    sink: (newestFirst) =>
      Object.assign(
        (access: RecordedAccess) => {
          take(packed(access), newestFirst);
        },
        {
          packed(access: PackedAccess) {
            take(access, newestFirst);
          },
        },
      ),
    close() {
      const rest = sortRun(entries);
      if (runs.size > 0 && rest.length > 0) runs.add(rest.splice(0));
      return {
        async *telling() {
          const some = telling.all();
          if (some === null) yield* this.batches();
          else yield await Promise.resolve(sortRun(some).flatMap(settle));
        },
        nameless,
        arn: asked && arnOf(known.complete(asked)),
        async *batches() {
          let moment = { at: Number.NaN, seen: new Set<string>() };
          for await (const run of runs.size > 0 ? runs.merged() : [rest]) {
            signal?.throwIfAborted();
            const batch: SettledAccess[] = [];
            for (const entry of run) {
              // The same record may lie in two files, or come from two sources: it has one time, so twins are neighbours.
              if (moment.at !== entry.at || moment.seen.size >= MOST_TWINS) moment = { at: entry.at, seen: new Set() };
              const settled = settle(entry);
              const id = settled[0]?.eventId;
              if (id === undefined || moment.seen.has(id)) continue;
              moment.seen.add(id);
              batch.push(...settled);
            }
            if (batch.length > 0) yield batch;
          }
        },
      };
    },
  };
}

/** Entries, or null where they became too many. */
function bounded(most: number) {
  let entries: Entry[] | null = [];
  let size = 0;
  return {
    add(entry: Entry) {
      size += entry.line.length;
      if (size > most) entries = null;
      entries?.push(entry);
    },
    all: () => entries,
  };
}

/**
 * What is kept although it does not name the secret asked for. A BatchGetSecretValue that selects by filter names no
 * secret and may have read any of them: kept, so that a sweep cannot hide in it. Where AWS also records the single
 * reads, those name their secret.
 * https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html
 */
const isKept = ({ action, secrets, context }: PackedAccess) =>
  context || (action === 'BatchGetSecretValue' && secrets.length === 0);
