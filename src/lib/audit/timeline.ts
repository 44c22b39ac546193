/**
 * The accesses of one secret, or of all, brought into order: whatever the sources hand over, in whatever order and
 * number. What does not fit in memory waits in sorted runs on the disk, so that an archive of any size can be audited.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LOOKS } from './access.ts';
import type { Access, RecordedAccess } from './event.ts';
import { arnOf, knownSecrets, sameSecret, writtenId, type Mention, type SecretId } from './secret-id.ts';
import type { Sink } from './sources/source.ts';
import { mergeRuns, sortRun, spillRun, type Entry } from './spill.ts';

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
  /** Accesses kept in memory before they are written out. */
  memory?: number;
  /** Accesses that are wanted before the others are gone through; all without. */
  isTelling?: (access: RecordedAccess) => boolean;
  /** How the id of a secret is written; as its ARN, or its name where that is unknown, unless said otherwise. */
  write?: (id: SecretId) => string;
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

/** Some 40 MB of accesses. */
const MEMORY = 20_000;

/** Telling accesses that are kept apart; where there are more, everything is gone through instead. */
const TELLING = 10_000;

/**
 * Work with a timeline; what it has on the disk is removed when the work is over.
 * @param work - gets it empty
 */
export async function withTimeline<Result>(
  options: TimelineOptions,
  work: (lines: Timeline) => Promise<Result>,
): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-audit-'));
  try {
    return await work(timeline(options, folder));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function timeline(
  { asked, memory = MEMORY, write = writtenId, isTelling = () => true }: TimelineOptions,
  folder: string,
): Timeline {
  const known = knownSecrets();
  const nameless = new Map<string, number>();
  const runs: string[] = [];
  const telling: Entry[] = [];
  let entries: Entry[] = [];
  let taken = 0;

  const concerning = (mentions: readonly Mention[]) =>
    asked === null ? mentions : mentions.filter((mention) => sameSecret(mention, asked));

  /** One for each secret that a batch has asked for; else one. */
  const settle = ({ secrets, ...access }: RecordedAccess): SettledAccess[] => {
    const mentions = concerning(secrets.map((one) => known.settle(one)));
    if (secrets.length === 0) return [{ ...access, secret: null, secretName: null, countedWith: null }];
    return (access.action === 'BatchGetSecretValue' ? mentions : mentions.slice(0, 1)).map((mention) => {
      const id = known.complete(mention);
      return { ...access, secret: write(id), secretName: id.name, countedWith: null };
    });
  };

  const keep = (access: RecordedAccess, newestFirst: boolean) => {
    taken += 1;
    const at = access.time === null ? -1 : Date.parse(access.time);
    const entry = { at, order: newestFirst ? -taken : taken, access };
    entries.push(entry);
    if (telling.length <= TELLING && isTelling(access)) telling.push(entry);
    if (entries.length < memory) return;
    runs.push(spillRun(sortRun(entries), folder, runs.length));
    entries = [];
  };

  return {
    sink: (newestFirst) => (access) => {
      for (const mention of access.secrets) if (mention.otherName === null) known.learn(mention);
      if (asked === null || concerning(access.secrets).length > 0 || isKept(access)) keep(access, newestFirst);
      else if (access.secrets.length === 0 && !LOOKS.has(access.action)) {
        nameless.set(access.action, (nameless.get(access.action) ?? 0) + 1);
      }
    },
    close() {
      const rest = sortRun(entries);
      if (runs.length > 0 && rest.length > 0) runs.push(spillRun(rest, folder, runs.length));
      return {
        async *telling() {
          if (telling.length > TELLING) yield* this.batches();
          else yield await Promise.resolve(sortRun(telling).flatMap(({ access }) => settle(access)));
        },
        nameless,
        arn: asked && arnOf(known.complete(asked)),
        async *batches() {
          let second = { at: Number.NaN, seen: new Set<string>() };
          for await (const run of runs.length > 0 ? mergeRuns(runs) : [rest]) {
            const batch: SettledAccess[] = [];
            for (const { at, access } of run) {
              if (at !== second.at) second = { at, seen: new Set() };
              // The same record may lie in two files, or come from two sources: it has one time, so twins are neighbours.
              if (second.seen.has(access.eventId)) continue;
              second.seen.add(access.eventId);
              batch.push(...settle(access));
            }
            if (batch.length > 0) yield batch;
          }
        },
      };
    },
  };
}

/**
 * What is kept although it does not name the secret asked for. A BatchGetSecretValue that selects by filter names no
 * secret and may have read any of them: kept, so that a sweep cannot hide in it. Where AWS also records the single
 * reads, those name their secret.
 * https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html
 */
const isKept = ({ action, secrets, context }: RecordedAccess) =>
  context || (action === 'BatchGetSecretValue' && secrets.length === 0);
