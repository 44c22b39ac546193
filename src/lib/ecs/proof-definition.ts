/** The task definition of a one-off task that proves an injection: the service's own, with nothing left to do. */
import type { ContainerDefinition, RegisterTaskDefinitionCommandInput, TaskDefinition } from '@aws-sdk/client-ecs';
import { followsCurrent, means, parseValueFrom } from './value-from.ts';

/** What {@link proofDefinition} made. */
export interface ProofDefinition {
  definition: RegisterTaskDefinitionCommandInput;
  /** Fields of the secret that the task is given, by their keys; `*` for the whole value. */
  injected: string[];
}

/** Family of the proof: never the service's own, whose newest revision others may deploy by its family's name. */
const SUFFIX = '-jamf-mcp-proof';
const LONGEST_FAMILY = 255;

/** The family that the proofs of a family are registered under. */
export const proofFamily = (family: string): string => family.slice(0, LONGEST_FAMILY - SUFFIX.length) + SUFFIX;

/**
 * Copy a task definition for a proof.
 *
 * What follows AWSCURRENT of the secret points at the stage instead; other secrets, roles, network mode and size stay.
 * Containers that are given nothing of the secret are left out, and with them what binds containers to each other, to
 * ports and to volumes. The program is `true`, which ends at once.
 * @param secretArn - full ARN of the secret
 * @param mark - kept in a label of the copy, so that it is known again
 * @returns null where no container is given anything that follows AWSCURRENT of the secret
 */
export function proofDefinition(
  original: TaskDefinition,
  { secretArn, stage, mark }: { secretArn: string; stage: string; mark: string },
): ProofDefinition | null {
  const injected = new Set<string>();
  const pointed = (valueFrom: string | undefined): string | undefined => {
    const reference = parseValueFrom(valueFrom ?? '');
    if (!reference || !means(reference, secretArn) || !followsCurrent(reference)) return valueFrom;
    injected.add(reference.key ?? '*');
    return `${reference.secretArn}:${reference.key ?? ''}:${stage}:`;
  };
  const containerDefinitions = (original.containerDefinitions ?? []).flatMap((container) => {
    const secrets = container.secrets?.map((secret) => ({ ...secret, valueFrom: pointed(secret.valueFrom) }));
    const changed = secrets?.some(({ valueFrom }, index) => valueFrom !== container.secrets?.[index]?.valueFrom);
    return changed ? [idle(container, secrets, mark)] : [];
  });
  if (containerDefinitions.length === 0) return null;
  const { cpu, memory, networkMode, executionRoleArn, taskRoleArn, requiresCompatibilities, runtimePlatform } =
    original;
  return {
    injected: [...injected],
    definition: {
      family: proofFamily(original.family ?? 'task'),
      containerDefinitions,
      cpu,
      memory,
      networkMode,
      executionRoleArn,
      taskRoleArn,
      requiresCompatibilities,
      runtimePlatform,
      ephemeralStorage: original.ephemeralStorage,
      placementConstraints: original.placementConstraints,
    },
  };
}

/** Members of a container definition that its secrets have no need of, or that bind it to what is left out. */
const LEFT_OUT = [
  'command',
  'dependsOn',
  'healthCheck',
  'links',
  'mountPoints',
  'portMappings',
  'restartPolicy',
  'volumesFrom',
] as const satisfies (keyof ContainerDefinition)[];

/** Whether a task definition is the copy that was made with a mark. */
export const isMarked = ({ containerDefinitions = [] }: TaskDefinition, mark: string): boolean =>
  containerDefinitions.some(({ dockerLabels }) => dockerLabels?.[LABEL] === mark);

const LABEL = 'jamf-mcp-proof';

function idle(
  container: ContainerDefinition,
  secrets: ContainerDefinition['secrets'],
  mark: string,
): ContainerDefinition {
  const kept = Object.fromEntries(
    Object.entries(container).filter(([member]) => !LEFT_OUT.some((one) => one === member)),
  );
  const { logConfiguration } = container;
  return {
    ...kept,
    secrets,
    essential: true,
    entryPoint: ['true'],
    dockerLabels: { ...container.dockerLabels, [LABEL]: mark },
    // Its router is a container of its own, which may be left out.
    ...(logConfiguration?.logDriver === 'awsfirelens' ? { logConfiguration: undefined } : {}),
  };
}
