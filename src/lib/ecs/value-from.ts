/** `valueFrom` of a container's secret: an ARN, then nothing or exactly `:key:stage:version` (facts/rotation.md §2d). */

import type { TaskDefinition } from '@aws-sdk/client-ecs';

/** A reference to a secret of Secrets Manager; a part that is not there is null, which means the whole value, AWSCURRENT, any. */
export interface SecretReference {
  secretArn: string;
  key: string | null;
  stage: string | null;
  versionId: string | null;
}

const SHAPE = /^(arn:[^:]+:secretsmanager:[^:]+:\d*:secret:[^:]+)(?::([^:]*):([^:]*):([^:]*))?$/;

/** @returns null for what is no reference to Secrets Manager, such as a parameter of Systems Manager */
export function parseValueFrom(valueFrom: string): SecretReference | null {
  const [matched, secretArn = '', key, stage, versionId] = SHAPE.exec(valueFrom) ?? [];
  if (matched === undefined) return null;
  const orNull = (part: string | undefined) => (part === undefined || part === '' ? null : part);
  return { secretArn, key: orNull(key), stage: orNull(stage), versionId: orNull(versionId) };
}

/** Secrets Manager adds this to a name to make the end of the ARN; a task definition may leave it out. */
const SUFFIX = /-[A-Za-z0-9]{6}$/;

/**
 * Whether a reference means a secret.
 * @param arn - the full ARN of the secret
 */
export const means = ({ secretArn }: SecretReference, arn: string): boolean =>
  secretArn === arn || secretArn === arn.replace(SUFFIX, '');

/**
 * What a task that starts is given of AWSCURRENT of a secret.
 * @param arn - full ARN of the secret
 * @returns its fields, by their keys; `*` for the whole value
 */
export function fieldsGiven({ containerDefinitions = [] }: TaskDefinition, arn: string): string[] {
  const references = containerDefinitions
    .flatMap(({ secrets = [] }) => secrets)
    .flatMap(({ valueFrom = '' }) => parseValueFrom(valueFrom) ?? []);
  const given = references.filter((reference) => means(reference, arn) && followsCurrent(reference));
  return [...new Set(given.map(({ key }) => key ?? '*'))];
}

/** Whether a task that starts gets what AWSCURRENT is on at that moment. */
export const followsCurrent = ({ stage, versionId }: SecretReference): boolean =>
  versionId === null && (stage === null || stage === 'AWSCURRENT');
