/** `secrets show`: what a secret holds, without its secret values. */
import type { Context } from '../host.ts';
import { fingerprint, MASK } from '../redact.ts';
import { userVersion } from './claim.ts';
import { dueDate, type Due } from './due.ts';
import { readPolicy, summaryOf, type PolicySummary } from './resource-policy.ts';
import { isSecretField } from './schema.ts';
import { AWSPENDING, versionWith, type SecretInfo, type SecretStore } from './store.ts';

/** One field, fit to be shown. */
export interface ShownField {
  name: string;
  secret: boolean;
  /** The value where it is public, `***` where it is secret. */
  value: string;
  /** 8 hexadecimal digits that change with the value; salted with secret and field. */
  fingerprint: string;
}

/** What `secrets show` gives. Times are ISO 8601, UTC. */
export interface ShowResult {
  secret: { name: string; arn: string; store: string; environment: string; description: string | null };
  versionId: string;
  /** The staging labels of this version. */
  stages: readonly string[];
  fields: ShownField[];
  rotation: SecretInfo['rotation'];
  /** The version with AWSPENDING: a rotation is under way, or stopped; null where there is none. */
  pendingId: string | null;
  /** When it is to be rotated next; null where no schedule is set. */
  due: Due | null;
  /** When this version was stored. */
  versionCreatedAt: string | null;
  createdAt: string | null;
  changedAt: string | null;
  tags: Readonly<Record<string, string>>;
  /** The KMS key that was chosen; null for the store's own, and outside AWS. */
  kmsKeyId: string | null;
  /** The copies in other Regions. */
  replicas: SecretInfo['replicas'];
  /** Null where there is none, outside AWS, and where reading it is denied (a warning says so). */
  resourcePolicy: PolicySummary | null;
}

/**
 * Read a version and mask it.
 * @param request - `stage`: the label of the version to show
 * @throws JamfMcpError SECRET_NOT_FOUND, VERSION_NOT_FOUND, SECRET_DELETED, SECRET_MALFORMED, ACCESS_DENIED …
 */
export async function showSecret(
  request: { store: SecretStore; secret: string; environment: string; stage: string },
  context: Context,
): Promise<ShowResult> {
  const { store, secret } = request;
  context.signal.throwIfAborted();
  // All are asked at once; the error of the read is the one to tell, since it names a missing version or a deletion.
  const [reading, describing, policing] = await Promise.allSettled([
    store.read(secret, { stage: request.stage }),
    store.describe(secret),
    store.policy?.(secret) ?? null,
  ]);
  if (reading.status === 'rejected') throw reading.reason;
  if (describing.status === 'rejected') throw describing.reason;
  const [version, info] = [userVersion(reading.value), describing.value];
  const policy = readPolicy(policing, context);
  return {
    secret: {
      name: info.name,
      arn: info.arn,
      store: store.kind,
      environment: request.environment,
      description: info.description,
    },
    versionId: version.versionId,
    stages: version.stages,
    fields: [...version.fields].map(([name, value]) => {
      const masked = isSecretField(version.schema, name);
      return {
        name,
        secret: masked,
        value: masked ? MASK : value.reveal(),
        fingerprint: fingerprint(value, `${info.name}/${name}`),
      };
    }),
    rotation: info.rotation,
    pendingId: versionWith(info, AWSPENDING),
    due: dueDate(info, context.clock.now()),
    versionCreatedAt: version.createdAt,
    createdAt: info.createdAt,
    changedAt: info.changedAt,
    tags: info.tags,
    kmsKeyId: info.kmsKeyId,
    replicas: info.replicas,
    resourcePolicy: policy === null ? null : summaryOf(policy),
  };
}
