/** `secrets copy`: bring a secret with its labelled versions and tags from one store into another. */
import { createHash } from 'node:crypto';
import { JamfMcpError } from '../errors.ts';
import type { Context } from '../host.ts';
import { CLAIM_FIELD } from './claim.ts';
import { secretDeleted, secretExists, versionNotFound } from './document.ts';
import { runStep, type ChangeStep } from './steps.ts';
import {
  AWSCURRENT,
  AWSPENDING,
  AWSPREVIOUS,
  type SecretInfo,
  type SecretStore,
  type SecretVersion,
  type VersionInfo,
} from './store.ts';
import { DRAFT, orNull } from './write.ts';

/** What `copySecret` works on. */
export interface CopyRequest {
  from: SecretStore;
  to: SecretStore;
  secret: string;
  /** Name in the other store. */
  toSecret: string;
  environment: string;
  /** Add to a secret that has versions of its own; without it such a one is an error. */
  update: boolean;
  dryRun: boolean;
}

/** One version that was copied, or found there. */
export interface CopiedVersion {
  versionId: string;
  /** Its id in the other store. */
  targetVersionId: string;
  stages: readonly string[];
  /** False where it was there already. */
  copied: boolean;
}

/** What came of it. */
export interface CopyResult {
  source: { name: string; arn: string; store: string; environment: string };
  /** The copy; `arn` is null only in a dry run for a secret that is not there yet. */
  secret: { name: string; arn: string | null; store: string; environment: string };
  /** Oldest first. */
  versions: CopiedVersion[];
  /** Names of the tags that the copy has from the source. */
  tags: string[];
  changed: boolean;
  dryRun: boolean;
  steps: ChangeStep[];
}

/** A version on its way. */
interface Piece {
  version: SecretVersion;
  /** Its id in the other store. */
  token: string;
  labels: readonly string[];
}

/** What there is on the other side. Labels are followed through every change made here, since a store may lag behind. */
interface Target {
  info: SecretInfo | null;
  ids: Set<string>;
  /** Label to version id. */
  labels: Map<string, string>;
}

/**
 * Copy a secret: every labelled version, oldest first, then the labels, then the tags.
 *
 * A version keeps its id where the other store takes it, and otherwise has one that follows from it: so the same command
 * again, after a crash, finds what is there and goes on; and a copy that nobody else changed can be brought up to date.
 * @throws JamfMcpError SECRET_NOT_FOUND, SECRET_DELETED, VERSION_NOT_FOUND (no current version), SECRET_EXISTS,
 *   INPUT_INVALID (onto itself), CONFLICT (a rotation is under way on the other side, or somebody changed it), DECLINED
 */
export async function copySecret(request: CopyRequest, context: Context): Promise<CopyResult> {
  const { from, to, toSecret, environment, dryRun } = request;
  if (from.kind === to.kind && request.secret === toSecret) {
    throw new JamfMcpError('INPUT_INVALID', 'a secret cannot be copied onto itself', 'name another with --to-secret');
  }
  const info = await from.describe(request.secret);
  if (info.deletionAt !== null) throw secretDeleted(info.name, info.deletionAt);
  const all = await from.versions(info.name);
  const pieces = await piecesOf(from, info, all, context);
  const tags = portableTags(info, context);
  const target = await lookUp(to, toSecret);
  const missing = pieces.filter(({ token }) => !target.ids.has(token));
  const moves = movesOf(pieces, target);
  const newTags = Object.entries(tags).filter(([name, value]) => target.info?.tags[name] !== value);
  const nothing = target.info !== null && missing.length + moves.length + newTags.length === 0;
  if (!nothing) refuseForeign(request, target, new Set(all.map(({ versionId }) => tokenOf(versionId))));

  const what = `${String(missing.length)} of ${String(pieces.length)} versions to secret ${toSecret} in the store ${to.kind}`;
  const result: CopyResult = {
    source: { name: info.name, arn: info.arn, store: from.kind, environment },
    secret: { name: target.info?.name ?? toSecret, arn: target.info?.arn ?? null, store: to.kind, environment },
    versions: pieces.map(({ version, token, labels }) => ({
      versionId: version.versionId,
      targetVersionId: token,
      stages: labels,
      copied: missing.some((piece) => piece.token === token),
    })),
    tags: Object.keys(tags),
    changed: false,
    dryRun,
    steps: nothing
      ? [{ name: 'copy', state: 'skipped', text: `secret ${toSecret} in the store ${to.kind} is the same already` }]
      : [
          { name: 'copy', state: 'planned', text: `copy ${what}` },
          {
            name: 'label',
            state: 'planned',
            text: `put the labels of ${toSecret} on the versions that have them in ${info.name}`,
          },
          newTags.length > 0 && target.info
            ? { name: 'tag', state: 'planned', text: `set ${newTags.map(([name]) => name).join(', ')}` }
            : { name: 'tag', state: 'skipped', text: 'the tags come with the secret' },
        ],
  };
  if (nothing || dryRun) return result;
  context.host.notify({ kind: 'target', store: to.kind, ...(await to.whereabouts()) });
  const question = { kind: 'confirm', text: `copy ${what}, which is there already?`, name: toSecret } as const;
  if (target.info && !(await context.host.ask(question))) {
    throw new JamfMcpError('DECLINED', 'declined; nothing was changed');
  }
  await runStep(result.steps, 'copy', context, async () => {
    result.secret.arn = await putAll(request, info, missing, tags, target, context);
  });
  await runStep(result.steps, 'label', context, () => placeLabels(request, pieces, target, context));
  await runStep(result.steps, 'tag', context, () => to.tag(toSecret, Object.fromEntries(newTags)));
  result.changed = true;
  return result;
}

/** A form that every store takes for a version id: its own where it has that form, else one that follows from it. */
const tokenOf = (versionId: string) =>
  /^[\w-]{32,64}$/.test(versionId) ? versionId : createHash('sha256').update(versionId).digest('hex');

/** The labelled versions with their values, oldest first. */
async function piecesOf(
  from: SecretStore,
  info: SecretInfo,
  all: readonly VersionInfo[],
  context: Context,
): Promise<Piece[]> {
  const pieces: Piece[] = [];
  for (const { versionId, stages } of [...all].reverse()) {
    const labels = stages.filter((label) => label !== DRAFT);
    if (labels.length === 0) continue;
    context.signal.throwIfAborted();
    const version = await orNull(from.read(info.name, { versionId }), 'VERSION_NOT_FOUND');
    // Who rotates the one secret does not rotate the other.
    if (version?.fields.has(CLAIM_FIELD)) continue;
    if (version) pieces.push({ version, token: tokenOf(versionId), labels });
    else {
      const text = `version ${versionId} (${labels.join(', ')}) has no value and is left out`;
      context.host.notify({ kind: 'warning', text });
    }
  }
  if (pieces.some(({ labels }) => labels.includes(AWSCURRENT))) return pieces;
  throw versionNotFound(info.name, { stage: AWSCURRENT });
}

/** Tags that AWS itself set are its own. */
function portableTags(info: SecretInfo, { host }: Context): Record<string, string> {
  const own = Object.keys(info.tags).filter((name) => /^aws:/i.test(name));
  if (own.length > 0) host.notify({ kind: 'warning', text: `tags of AWS itself are not copied: ${own.join(', ')}` });
  return Object.fromEntries(Object.entries(info.tags).filter(([name]) => !own.includes(name)));
}

async function lookUp(to: SecretStore, name: string): Promise<Target> {
  const info = await orNull(to.describe(name), 'SECRET_NOT_FOUND');
  if (info === null) return { info, ids: new Set(), labels: new Map() };
  if (info.deletionAt !== null) throw secretDeleted(info.name, info.deletionAt);
  const versions = await to.versions(name);
  return {
    info,
    ids: new Set(versions.map(({ versionId }) => versionId)),
    labels: new Map(versions.flatMap(({ versionId, stages }) => stages.map((label) => [label, versionId] as const))),
  };
}

/** Versions of its own, or a rotation of its own, make it another secret. */
function refuseForeign({ to, toSecret, update }: CopyRequest, target: Target, known: ReadonlySet<string>): void {
  const pending = target.labels.get(AWSPENDING);
  if (pending !== undefined && !known.has(pending)) {
    throw new JamfMcpError(
      'CONFLICT',
      `secret ${toSecret} in the store ${to.kind} is being rotated (AWSPENDING is on version ${pending}); nothing was changed`,
      `finish that rotation first: \`jamf-mcp rotate --store ${to.kind} --secret ${toSecret}\``,
    );
  }
  if (!update && [...target.ids].some((id) => !known.has(id))) throw secretExists(toSecret, `the store ${to.kind}`);
}

/** Labels that a store or this program moves by itself: where the source has none of them, the copy has none. */
const AUTOMATIC = [DRAFT, AWSPENDING, AWSPREVIOUS];

/** The next labels to move; AWSCURRENT before AWSPREVIOUS, which follows it by itself and may have to go elsewhere. */
function movesOf(pieces: readonly Piece[], { labels }: Target): { label: string; to: string | null }[] {
  const wanted = pieces.flatMap((piece) => piece.labels.map((label) => ({ label, to: piece.token })));
  const rank = (label: string) => (label === AWSPREVIOUS ? 2 : label === AWSCURRENT ? 1 : 0);
  const tokens = new Set(pieces.map(({ token }) => token));
  const off = AUTOMATIC.filter((label) => {
    const holder = labels.get(label);
    return holder !== undefined && tokens.has(holder) && !wanted.some((move) => move.label === label);
  });
  return [
    ...wanted.filter(({ label, to }) => labels.get(label) !== to).sort((a, b) => rank(a.label) - rank(b.label)),
    ...off.map((label) => ({ label, to: null })),
  ];
}

/** @returns the ARN of the secret, created with the oldest version where it is not there */
async function putAll(
  { to, toSecret }: CopyRequest,
  source: SecretInfo,
  missing: readonly Piece[],
  tags: Record<string, string>,
  target: Target,
  context: Context,
): Promise<string | null> {
  let arn = target.info?.arn ?? null;
  for (const { version, token } of missing) {
    context.signal.throwIfAborted();
    const { fields } = version;
    if (arn === null) {
      const description = source.description ?? '';
      ({ arn } = await to.create({ name: toSecret, description, tags, fields, token }));
      target.labels.set(AWSCURRENT, token);
    } else {
      await to.put(toSecret, fields, { token, stages: [DRAFT] });
      target.labels.set(DRAFT, token);
    }
  }
  return arn;
}

async function placeLabels(
  { to, toSecret }: CopyRequest,
  pieces: readonly Piece[],
  target: Target,
  context: Context,
): Promise<void> {
  for (let [next] = movesOf(pieces, target); next; [next] = movesOf(pieces, target)) {
    context.signal.throwIfAborted();
    const from = target.labels.get(next.label) ?? null;
    await to.moveLabel(toSecret, next.label, from, next.to);
    if (next.label === AWSCURRENT && from !== null) target.labels.set(AWSPREVIOUS, from);
    if (next.to === null) target.labels.delete(next.label);
    else target.labels.set(next.label, next.to);
  }
}
