/** Picks the accesses of one secret, or of all, out of a stream of records; names are settled when all have been seen. */
import { LOOKS } from './access.ts';
import { accessFrom, type Access, type RecordedAccess } from './event.ts';
import { arnOf, knownSecrets, sameSecret, type Mention } from './secret-id.ts';
import type { Sink } from './sources/source.ts';

/** What was picked. */
export interface Collected {
  /** Each access with the secret it is about. */
  accesses: { access: Access; secret: string | null; secretName: string | null }[];
  /** Calls that name no secret although their kind does, by action. */
  nameless: ReadonlyMap<string, number>;
  /** ARN of the secret asked for, where a record told it. */
  arn: string | null;
}

/**
 * Collect.
 * @param asked - null for every secret
 * @returns `take`: for the source to hand records to; `finish`: when it is done
 */
export function collector(asked: Mention | null): { take: Sink; finish(): Collected } {
  const known = knownSecrets();
  const candidates: RecordedAccess[] = [];
  const nameless = new Map<string, number>();

  const concerning = (mentions: readonly Mention[]) =>
    asked === null ? mentions : mentions.filter((mention) => sameSecret(mention, asked));

  return {
    take(record) {
      const access = accessFrom(record);
      if (!access) return false;
      for (const mention of access.secrets) {
        if (mention.otherName === null) known.learn(mention);
      }
      if (asked === null || concerning(access.secrets).length > 0 || readsByFilter(access)) candidates.push(access);
      else if (access.secrets.length === 0 && !LOOKS.has(access.action)) {
        nameless.set(access.action, (nameless.get(access.action) ?? 0) + 1);
      }
      return true;
    },
    finish() {
      const accesses = candidates.flatMap(({ secrets, ...access }) => {
        const [mention] = concerning(secrets.map((one) => known.settle(one)));
        if (!mention && secrets.length > 0) return [];
        const id = mention && known.complete(mention);
        return [{ access, secret: id ? (arnOf(id) ?? id.name) : null, secretName: id?.name ?? null }];
      });
      return { accesses, nameless, arn: asked && arnOf(known.complete(asked)) };
    },
  };
}

/**
 * A BatchGetSecretValue that selects by filter names no secret and may have read any of them: kept, so that a sweep
 * cannot hide in it. Where AWS also records the single reads, those name their secret.
 * https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html
 */
const readsByFilter = ({ action, secrets }: RecordedAccess) => action === 'BatchGetSecretValue' && secrets.length === 0;
