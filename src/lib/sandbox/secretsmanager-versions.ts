/**
 * The state behind the sandbox's Secrets Manager: secrets, their versions, and the rules of staging labels.
 * Every rule is from rotation.md §2c and §3 ("AWS" column), which name AWS's own texts.
 */
import { AwsFault, secretArn, type SandboxClock } from './service.ts';

/** The value of a version. */
export type SecretValue = { text: string } | { base64: string };

/** One version of a secret. */
export interface Version {
  id: string;
  createdAt: number;
  accessedAt: number | null;
  /** Null while a rotation has announced the version and not yet written it. */
  value: SecretValue | null;
  stages: Set<string>;
}

/** One secret. Times are milliseconds since 1970. */
export interface StoredSecret {
  name: string;
  arn: string;
  description: string | null;
  kmsKeyId: string | null;
  tags: Map<string, string>;
  /** Oldest first. */
  versions: Map<string, Version>;
  createdAt: number;
  changedAt: number;
  accessedAt: number | null;
  /** When it goes for good; null while it lives. */
  purgeAt: number | null;
  policy: string | null;
  rotation: {
    enabled: boolean;
    functionArn: string | null;
    rules: Record<string, unknown> | null;
    rotatedAt: number | null;
  };
}

/** All secrets of the account, by Region and name. */
export interface Vault {
  /** Create an empty secret. @throws nothing: the caller has checked that the name is free */
  create(region: string, name: string): StoredSecret;
  /** A secret by name, ARN, or ARN without its suffix; those marked for deletion included; null where there is none. */
  find(region: string, id: string): StoredSecret | null;
  /** All secrets of a Region, those marked for deletion included, oldest first. */
  all(region: string): StoredSecret[];
  /** Remove at once. */
  remove(region: string, name: string): void;
}

/** An empty vault. */
export function createVault(clock: SandboxClock): Vault {
  const regions = new Map<string, Map<string, StoredSecret>>();
  const generations = new Map<string, number>();
  const secretsOf = (region: string) => {
    const secrets = regions.get(region) ?? new Map<string, StoredSecret>();
    regions.set(region, secrets);
    for (const [name, { purgeAt }] of secrets) if (purgeAt !== null && purgeAt <= clock.now()) secrets.delete(name);
    return secrets;
  };
  return {
    create(region, name) {
      const generation = generations.get(`${region}/${name}`) ?? 0;
      generations.set(`${region}/${name}`, generation + 1);
      const now = clock.now();
      const secret: StoredSecret = {
        name,
        arn: secretArn(region, name, generation),
        description: null,
        kmsKeyId: null,
        tags: new Map(),
        versions: new Map(),
        createdAt: now,
        changedAt: now,
        accessedAt: null,
        purgeAt: null,
        policy: null,
        rotation: { enabled: false, functionArn: null, rules: null, rotatedAt: null },
      };
      secretsOf(region).set(name, secret);
      return secret;
    },
    find(region, id) {
      const secrets = secretsOf(region);
      if (!id.startsWith('arn:')) return secrets.get(id) ?? null;
      // An id that ends like a full ARN is taken for one, which is why names ending in a hyphen and six characters are trouble.
      const partial = !/-[A-Za-z0-9]{6}$/.test(id);
      return [...secrets.values()].find(({ arn }) => arn === id || (partial && arn.slice(0, -7) === id)) ?? null;
    },
    all: (region) => [...secretsOf(region).values()],
    remove(region, name) {
      secretsOf(region).delete(name);
    },
  };
}

/** The version that carries a label, or null. */
export function versionWith(secret: StoredSecret, label: string): Version | null {
  return [...secret.versions.values()].find(({ stages }) => stages.has(label)) ?? null;
}

/** Most labels on one version. */
const MOST_LABELS = 20;

const tooManyLabels = () =>
  new AwsFault(
    'LimitExceededException',
    `You can't attach more than ${String(MOST_LABELS)} staging labels to a version.`,
  );

/**
 * Put a label on a version, taking it off the one that has it. AWSCURRENT leaves AWSPREVIOUS behind where it was.
 * @throws AwsFault LimitExceededException, before anything is changed
 */
export function attach(secret: StoredSecret, label: string, version: Version): void {
  const holder = versionWith(secret, label);
  if (holder === version) return;
  if (version.stages.size >= MOST_LABELS) {
    throw tooManyLabels();
  }
  holder?.stages.delete(label);
  version.stages.add(label);
  if (label !== 'AWSCURRENT') return;
  versionWith(secret, 'AWSPREVIOUS')?.stages.delete('AWSPREVIOUS');
  holder?.stages.add('AWSPREVIOUS');
}

/** Unlabelled versions that are kept, and the age below which none is dropped (rotation.md §2c "Versions"). */
const MOST_VERSIONS = 100;
const YOUNGEST_DROPPED_MS = 24 * 3_600_000;

/**
 * Add a version, making room where there is none.
 * @param value - null for a version that a rotation announces before it has a value
 * @param labels - each leaves the version that has it; the first version of a secret gets AWSCURRENT in any case
 * @throws AwsFault LimitExceededException where all 100 unlabelled versions are younger than a day
 */
export function addVersion(
  secret: StoredSecret,
  id: string,
  value: SecretValue | null,
  labels: readonly string[],
  now: number,
): Version {
  const wanted = new Set(value && !versionWith(secret, 'AWSCURRENT') ? [...labels, 'AWSCURRENT'] : labels);
  if (wanted.size > MOST_LABELS) throw tooManyLabels();
  const unlabelled = [...secret.versions.values()].filter(({ stages }) => stages.size === 0);
  for (const oldest of unlabelled.slice(0, Math.max(0, unlabelled.length - MOST_VERSIONS + 1))) {
    if (now - oldest.createdAt < YOUNGEST_DROPPED_MS) {
      throw new AwsFault(
        'LimitExceededException',
        `You can't have more than ${String(MOST_VERSIONS)} versions of a secret that are younger than 24 hours.`,
      );
    }
    secret.versions.delete(oldest.id);
  }
  const version: Version = { id, createdAt: now, accessedAt: null, value, stages: new Set() };
  secret.versions.set(id, version);
  for (const label of wanted) attach(secret, label, version);
  secret.changedAt = now;
  return version;
}

/** Whether two values are the same, byte by byte. */
export function sameValue(a: SecretValue | null, b: SecretValue): boolean {
  return a !== null && ('text' in a ? 'text' in b && a.text === b.text : 'base64' in b && a.base64 === b.base64);
}

/**
 * Move or remove a staging label, as a compare-and-swap. Nothing changes where it is refused.
 * @param move - `from`: the version that must have it now; `to`: the version that gets it; at least one
 * @throws AwsFault InvalidParameterException, ResourceNotFoundException
 */
export function moveLabel(
  secret: StoredSecret,
  label: string,
  move: { from: string | undefined; to: string | undefined },
): void {
  const holder = versionWith(secret, label);
  for (const id of [move.from, move.to]) {
    if (id !== undefined && !secret.versions.has(id)) throw noVersion(id);
  }
  if (move.to === undefined) {
    removeLabel(secret, label, move.from);
    return;
  }
  if (move.from === undefined && holder && holder.id !== move.to) {
    throw new AwsFault(
      'InvalidParameterException',
      `The parameter RemoveFromVersionId can't be empty. Staging label ${label} is currently attached to version ${holder.id}, so you must explicitly reference that version in RemoveFromVersionId.`,
    );
  }
  if (move.from !== undefined && holder?.id !== move.from) {
    throw new AwsFault(
      'InvalidParameterException',
      `When you move staging label ${label}, if you specify RemoveFromVersionId, it must be set to the version that currently has the staging label ${label}.`,
    );
  }
  const target = secret.versions.get(move.to);
  if (target) attach(secret, label, target);
}

function removeLabel(secret: StoredSecret, label: string, from: string | undefined): void {
  if (from === undefined) {
    throw new AwsFault(
      'InvalidParameterException',
      'You must specify at least one of RemoveFromVersionId and MoveToVersionId.',
    );
  }
  if (label === 'AWSCURRENT') {
    throw new AwsFault(
      'InvalidParameterException',
      "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.",
    );
  }
  const version = secret.versions.get(from);
  if (!version?.stages.delete(label)) {
    throw new AwsFault('InvalidParameterException', `The staging label ${label} isn't attached to version ${from}.`);
  }
}

/** The refusal of a version id that the secret does not have, or that has no value yet. */
export function noVersion(id: string): AwsFault {
  return new AwsFault(
    'ResourceNotFoundException',
    `Secrets Manager can't find the specified secret value for VersionId: ${id}`,
  );
}

/**
 * Find the version that a read asks for: AWSCURRENT where it names none; a label and an id must agree.
 * @throws AwsFault ResourceNotFoundException, InvalidRequestException
 */
export function selectVersion(
  secret: StoredSecret,
  versionId: string | undefined,
  stage: string | undefined,
): Version & { value: SecretValue } {
  const label = stage ?? 'AWSCURRENT';
  const version = versionId === undefined ? versionWith(secret, label) : secret.versions.get(versionId);
  if (version && versionId !== undefined && stage !== undefined && !version.stages.has(stage)) {
    throw new AwsFault(
      'InvalidRequestException',
      'You provided a VersionStage that is not associated to the provided VersionId.',
    );
  }
  if (version?.value) return version as Version & { value: SecretValue };
  throw versionId === undefined
    ? new AwsFault(
        'ResourceNotFoundException',
        `Secrets Manager can't find the specified secret value for staging label: ${label}`,
      )
    : noVersion(versionId);
}
