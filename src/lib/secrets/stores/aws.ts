/** The store on AWS Secrets Manager. Facts: rotation.md §2c, §3. */
import type {
  DescribeSecretResponse,
  GetSecretValueCommandOutput,
  SecretListEntry,
} from '@aws-sdk/client-secrets-manager';
import { awsErrorName, call, clientConfig, identity, type AwsSettings } from '../../aws.ts';
import { JamfMcpError, messageOf } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { labelConflict, secretDeleted, secretExists, secretNotFound, versionNotFound } from '../document.ts';
import {
  checkLabels,
  checkMove,
  checkName,
  checkTags,
  checkToken,
  checkWindow,
  decodeFields,
  encodeFields,
  mergeTags,
} from '../rules.ts';
import { fieldsOf, fits, schemaBy, type SchemaChoice, type SecretSchema } from '../schema.ts';
import { versionWith, type SecretInfo, type SecretStore, type VersionInfo, type VersionRef } from '../store.ts';

/** How long a version that was just written may stay invisible (aws/aws-sdk-js-v3#7701), and the first pause, in ms. */
const VISIBLE_WITHIN_MS = 10_000;
const FIRST_PAUSE_MS = 200;

/** Entries of one page of ListSecrets and ListSecretVersionIds: the most that AWS gives. */
const PAGE = 100;

/**
 * Secrets Manager as a store.
 * @param options - `aws`: profile and Region; `schema`: which fields are secret
 * @param context - host for debug events, clock and signal for waits
 */
export function awsStore(options: { aws: AwsSettings } & SchemaChoice, context: Context): SecretStore {
  /** Version ids written here: they exist, whatever a node that has not heard of them says. */
  const written = new Set<string>();

  const connect = once(async () => {
    const sdk = await import('@aws-sdk/client-secrets-manager');
    return { sdk, client: new sdk.SecretsManagerClient(clientConfig(options.aws)) };
  });

  /** One call about a secret, or about one version of it: its error in the words of every store. */
  const ask = async <Output extends Pick<GetSecretValueCommandOutput, '$metadata'>>(
    operation: string,
    name: string,
    ref: VersionRef | null,
    send: (aws: Awaited<ReturnType<typeof connect>>, options: { abortSignal: AbortSignal }) => Promise<Output>,
  ): Promise<Output> => {
    const aws = await connect();
    try {
      return await call(context, operation, `secret ${name}`, (options) => send(aws, options));
    } catch (error) {
      const region = await aws.client.config.region().catch(() => 'an unknown Region');
      throw translate(error, name, ref, region);
    }
  };

  /** Repeat while a version of our own is not visible yet. */
  const untilVisible = async <T>(versionId: string | null, work: () => Promise<T>): Promise<T> => {
    const until = context.clock.now() + VISIBLE_WITHIN_MS;
    for (let pause = FIRST_PAUSE_MS; ; pause *= 2) {
      try {
        return await work();
      } catch (error) {
        const ours = versionId !== null && written.has(versionId) && isNotFound(error);
        if (!ours || context.clock.now() + pause > until) throw error;
        context.host.notify({ kind: 'progress', text: `waiting until version ${versionId} can be read` });
        await context.clock.sleep(pause * (0.5 + Math.random() / 2), context.signal);
      }
    }
  };

  const describe = async (name: string): Promise<SecretInfo> => {
    const secret = await ask('DescribeSecret', name, null, ({ sdk, client }, options) =>
      client.send(new sdk.DescribeSecretCommand({ SecretId: name }), options),
    );
    return infoFrom(secret, secret.VersionIdsToStages);
  };

  /** What is known of each secret, for its tags. */
  const known = new Map<string, Promise<SecretInfo>>();
  const describeNow = (name: string): Promise<SecretInfo> => {
    const info = describe(name);
    known.set(name, info);
    return info;
  };

  /**
   * A value comes without its tags. They are asked for only where the fields are not the very ones of the schema, so
   * that who may read a value and nothing else gets no denial in the event history for it.
   */
  const schemaOfValue = async (name: string, fields: readonly string[]): Promise<SecretSchema> => {
    if (!options.tagged || fits(options.schema, fields)) return options.schema;
    try {
      return schemaBy(options, (await (known.get(name) ?? describeNow(name))).tags);
    } catch (error) {
      if (codeOf(error) !== 'ACCESS_DENIED') throw error;
      context.host.notify({
        kind: 'debug',
        text: `the tags of ${name} may not be read: taken for ${options.schema.name}`,
      });
      return options.schema;
    }
  };

  return {
    kind: 'aws',

    async whereabouts() {
      const { account, region, arn } = await identity(options.aws, context);
      return { account, region, principal: arn };
    },

    describe: describeNow,

    async list(prefix) {
      const { sdk, client } = await connect();
      const found: SecretInfo[] = [];
      let NextToken: string | undefined;
      do {
        const input = { MaxResults: PAGE, IncludePlannedDeletion: true, NextToken };
        const page = await call(context, 'ListSecrets', `secrets ${prefix}*`, (send) =>
          // A leading "!" would turn AWS's filter round: then only the filter below sorts out.
          client.send(
            new sdk.ListSecretsCommand(
              prefix === '' || prefix.startsWith('!')
                ? input
                : { ...input, Filters: [{ Key: 'name', Values: [prefix] }] },
            ),
            send,
          ),
        );
        found.push(...(page.SecretList ?? []).map((entry) => infoFrom(entry, entry.SecretVersionsToStages)));
        NextToken = page.NextToken;
      } while (NextToken);
      return found.filter((secret) => secret.name.startsWith(prefix));
    },

    async read(name, ref) {
      const which = 'stage' in ref ? { VersionStage: ref.stage } : { VersionId: ref.versionId };
      const output = await untilVisible('versionId' in ref ? ref.versionId : null, () =>
        ask('GetSecretValue', name, ref, ({ sdk, client }, options) =>
          client.send(new sdk.GetSecretValueCommand({ SecretId: name, ...which }), options),
        ),
      );
      if (output.SecretString === undefined) {
        throw new JamfMcpError(
          'SECRET_MALFORMED',
          `secret ${name} holds binary data, not fields`,
          'store it anew with `jamf-mcp secrets init --update --from-file FILE`, or name another with --secret',
        );
      }
      const stored = decodeFields(output.SecretString, `secret ${name}`);
      const schema = await schemaOfValue(
        name,
        stored.map(([field]) => field),
      );
      return {
        name: output.Name ?? name,
        arn: output.ARN ?? '',
        versionId: output.VersionId ?? '',
        stages: output.VersionStages ?? [],
        createdAt: iso(output.CreatedDate),
        schema,
        fields: fieldsOf(schema, stored),
      };
    },

    async create(secret) {
      checkName(secret.name);
      checkToken(secret.token);
      checkTags(secret.tags);
      const SecretString = encodeFields(secret.fields);
      const input = {
        Name: secret.name,
        Description: secret.description,
        ClientRequestToken: secret.token,
        SecretString,
        KmsKeyId: secret.kmsKeyId,
        Tags: Object.entries(secret.tags).map(([Key, Value]) => ({ Key, Value })),
      };
      const output = await ask('CreateSecret', secret.name, null, ({ sdk, client }, options) =>
        client.send(new sdk.CreateSecretCommand(input), options),
      );
      written.add(secret.token);
      return { arn: output.ARN ?? '', versionId: output.VersionId ?? secret.token };
    },

    async put(name, fields, { token, stages, rotationToken }) {
      checkToken(token);
      checkLabels(stages);
      const SecretString = encodeFields(fields);
      const input = {
        SecretId: name,
        ClientRequestToken: token,
        SecretString,
        VersionStages: [...stages],
        RotationToken: rotationToken?.reveal(),
      };
      const output = await ask('PutSecretValue', name, { versionId: token }, ({ sdk, client }, options) =>
        client.send(new sdk.PutSecretValueCommand(input), options),
      );
      written.add(token);
      return { versionId: output.VersionId ?? token };
    },

    async moveLabel(name, label, from, to) {
      checkMove(label, to);
      const move = { RemoveFromVersionId: from ?? undefined, MoveToVersionId: to ?? undefined };
      const input = { SecretId: name, VersionStage: label, ...move };
      try {
        // Without any move AWS refuses the call; it is then only a question, answered below.
        if (from === to) throw new JamfMcpError('CONFLICT', 'nothing to move');
        await untilVisible(to, () =>
          ask('UpdateSecretVersionStage', name, { versionId: to ?? from ?? '' }, ({ sdk, client }, options) =>
            client.send(new sdk.UpdateSecretVersionStageCommand(input), options),
          ),
        );
      } catch (error) {
        const unclear = from === to || codeOf(error) === 'VERSION_NOT_FOUND' || isRefusal(error);
        if (!unclear) throw error;
        // AWS has one text for many reasons: where the label is now tells a lost race from a lost answer.
        const holder = versionWith(await describe(name), label);
        if (holder === to) return;
        if (codeOf(error) === 'VERSION_NOT_FOUND') throw error;
        throw holder === from ? error : labelConflict(name, label, from, holder, error);
      }
    },

    async versions(name) {
      const found: VersionInfo[] = [];
      let NextToken: string | undefined;
      do {
        const input = { SecretId: name, IncludeDeprecated: true, MaxResults: PAGE, NextToken };
        const page = await ask('ListSecretVersionIds', name, null, ({ sdk, client }, options) =>
          client.send(new sdk.ListSecretVersionIdsCommand(input), options),
        );
        found.push(
          ...(page.Versions ?? []).map((version) => ({
            versionId: version.VersionId ?? '',
            stages: version.VersionStages ?? [],
            createdAt: iso(version.CreatedDate),
            // Secrets Manager does not say who stored a version; CloudTrail does.
            createdBy: null,
          })),
        );
        NextToken = page.NextToken;
      } while (NextToken);
      return found.sort((a, b) => (b.createdAt ?? '').localeCompare(a.createdAt ?? ''));
    },

    async remove(name, windowDays) {
      checkWindow(windowDays);
      // Deleting at once what is not there is success to AWS: a mistyped name would go unnoticed.
      if (windowDays === 0) await describe(name);
      const how = windowDays === 0 ? { ForceDeleteWithoutRecovery: true } : { RecoveryWindowInDays: windowDays };
      try {
        const output = await ask('DeleteSecret', name, null, ({ sdk, client }, options) =>
          client.send(new sdk.DeleteSecretCommand({ SecretId: name, ...how }), options),
        );
        return { deletionAt: (output.DeletionDate ?? new Date(context.clock.now())).toISOString() };
      } catch (error) {
        const { deletionAt } = codeOf(error) === 'SECRET_DELETED' ? await describe(name) : { deletionAt: null };
        if (deletionAt === null) throw error;
        return { deletionAt };
      }
    },

    async restore(name) {
      await ask('RestoreSecret', name, null, ({ sdk, client }, options) =>
        client.send(new sdk.RestoreSecretCommand({ SecretId: name }), options),
      );
    },

    async tag(name, tags) {
      checkTags(mergeTags({}, tags));
      const Tags = Object.entries(tags).flatMap(([Key, Value]) => (Value === null ? [] : [{ Key, Value }]));
      const TagKeys = Object.keys(tags).filter((key) => tags[key] === null);
      // Off first: a secret with 50 tags has room for the new ones only then.
      if (TagKeys.length > 0) {
        await ask('UntagResource', name, null, ({ sdk, client }, options) =>
          client.send(new sdk.UntagResourceCommand({ SecretId: name, TagKeys }), options),
        );
      }
      if (Tags.length > 0) {
        await ask('TagResource', name, null, ({ sdk, client }, options) =>
          client.send(new sdk.TagResourceCommand({ SecretId: name, Tags }), options),
        );
      }
    },

    async policy(name) {
      const { ResourcePolicy = null } = await ask('GetResourcePolicy', name, null, ({ sdk, client }, options) =>
        client.send(new sdk.GetResourcePolicyCommand({ SecretId: name }), options),
      );
      return ResourcePolicy;
    },

    async setPolicy(name, text) {
      const input = { SecretId: name, ResourcePolicy: text, BlockPublicPolicy: true };
      await ask('PutResourcePolicy', name, null, ({ sdk, client }, options) =>
        client.send(new sdk.PutResourcePolicyCommand(input), options),
      );
    },
  };
}

/** What is particular to Secrets Manager in an error; the rest stays as `call` told it. */
function translate(error: unknown, name: string, ref: VersionRef | null, region: string): unknown {
  const cause = error instanceof JamfMcpError ? error.cause : error;
  const text = messageOf(cause);
  switch (awsErrorName(error)) {
    case 'ResourceNotFoundException':
      return ref && /secret value|version/i.test(text)
        ? versionNotFound(name, ref, cause)
        : secretNotFound(name, region, cause);
    case 'ResourceExistsException':
      return ref
        ? new JamfMcpError('CONFLICT', messageOf(error), 'repeat the command: it takes a new version id', { cause })
        : secretExists(name, region, cause);
    case 'InvalidRequestException':
      return /(marked|scheduled) (for deletion|deleted)/i.test(text) ? secretDeleted(name, null, cause) : error;
    case 'LimitExceededException':
      return new JamfMcpError(
        'QUOTA_REACHED',
        messageOf(error),
        'Secrets Manager drops no version within 24 h: wait until those of today are older, as `jamf-mcp secrets history` lists them',
        { cause },
      );
    case 'DecryptionFailure':
    case 'EncryptionFailure':
      return new JamfMcpError(
        'ACCESS_DENIED',
        messageOf(error),
        'the KMS key of the secret must be enabled, and its policy must allow this principal to use it',
        { cause },
      );
    case 'PublicPolicyException':
    case 'MalformedPolicyDocumentException':
      return new JamfMcpError(
        'INPUT_INVALID',
        messageOf(error),
        'correct the policy: it has to name its principals, and each has to be there',
        { cause },
      );
    default:
      return error;
  }
}

const codeOf = (error: unknown) => (error instanceof JamfMcpError ? error.code : null);

/** Refused for what was asked, not for the state of the secret as a whole. */
const isRefusal = (error: unknown) =>
  /^Invalid(Parameter|Request)Exception$/.test(awsErrorName(error)) && codeOf(error) !== 'SECRET_DELETED';

const isNotFound = (error: unknown) => ['VERSION_NOT_FOUND', 'SECRET_NOT_FOUND'].includes(codeOf(error) ?? '');

const iso = (date: Date | undefined) => date?.toISOString() ?? null;

function infoFrom(
  secret: DescribeSecretResponse | SecretListEntry,
  stages: Record<string, string[]> | undefined,
): SecretInfo {
  const rule = secret.RotationRules;
  const rate = /^rate\((\d+) days?\)$/.exec(rule?.ScheduleExpression ?? '')?.[1];
  return {
    name: secret.Name ?? '',
    arn: secret.ARN ?? '',
    description: secret.Description ?? null,
    createdAt: iso(secret.CreatedDate),
    changedAt: iso(secret.LastChangedDate),
    deletionAt: iso(secret.DeletedDate),
    rotation: {
      enabled: secret.RotationEnabled ?? false,
      everyDays: rule?.AutomaticallyAfterDays ?? (rate === undefined ? null : Number(rate)),
      lastRotatedAt: iso(secret.LastRotatedDate),
      nextRotationAt: iso(secret.NextRotationDate),
    },
    tags: Object.fromEntries(
      (secret.Tags ?? []).flatMap(({ Key, Value }) => (Key === undefined ? [] : [[Key, Value ?? '']])),
    ),
    stages: Object.fromEntries(Object.entries(stages ?? {}).filter(([, labels]) => labels.length > 0)),
    kmsKeyId: secret.KmsKeyId ?? null,
    replicas: ('ReplicationStatus' in secret ? (secret.ReplicationStatus ?? []) : []).map(({ Region, Status }) => ({
      region: Region ?? '',
      status: Status ?? '',
    })),
  };
}

/** Make a thing on first use, once. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
