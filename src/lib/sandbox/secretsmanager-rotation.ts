/** Secrets Manager: RotateSecret and CancelRotateSecret, with rotation functions that tests bring along. */
import { objectOf, text } from './input.ts';
import type { SecretsWorld } from './secretsmanager.ts';
import { addVersion, attach, versionWith, type StoredSecret } from './secretsmanager-versions.ts';
import { AwsFault, type AwsHandlers } from './service.ts';

/** What a rotation function is called with, once for each step (rotation.md §2c "Steps"). */
export interface RotationEvent {
  Step: 'createSecret' | 'setSecret' | 'testSecret' | 'finishSecret';
  SecretId: string;
  ClientRequestToken: string;
  RotationToken: string;
}

/** A rotation function: throws to fail the rotation. */
export type RotationFunction = (event: RotationEvent) => void | Promise<void>;

const STEPS = ['createSecret', 'setSecret', 'testSecret', 'finishSecret'] as const;

/** RotateSecret and CancelRotateSecret. */
export function rotationHandlers(
  { world, live }: SecretsWorld,
  functions: ReadonlyMap<string, RotationFunction>,
): AwsHandlers {
  return {
    RotateSecret(input, call) {
      const secret = live(call);
      const token = text(input, 'ClientRequestToken', { min: 32, max: 64 }) ?? world.random.uuid();
      const functionArn = text(input, 'RotationLambdaARN', { max: 2048 }) ?? secret.rotation.functionArn;
      if (functionArn === null) {
        throw new AwsFault(
          'InvalidRequestException',
          'No Lambda rotation function ARN is associated with this secret.',
        );
      }
      const rules = rulesOf(input) ?? secret.rotation.rules;
      const rotate = functions.get(functionArn);
      if (!rotate) {
        throw new AwsFault(
          'AccessDeniedException',
          'Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com.',
        );
      }
      const pending = versionWith(secret, 'AWSPENDING');
      if (pending && !pending.stages.has('AWSCURRENT')) {
        throw new AwsFault(
          'InvalidRequestException',
          "A previous rotation isn't complete. That rotation will be reattempted.",
        );
      }
      Object.assign(secret.rotation, { enabled: true, functionArn, rules });
      if (input.RotateImmediately === false) return { ARN: secret.arn, Name: secret.name };
      const version = secret.versions.get(token) ?? addVersion(secret, token, null, [], world.clock.now());
      attach(secret, 'AWSPENDING', version);
      const event = { SecretId: secret.arn, ClientRequestToken: token, RotationToken: world.random.uuid() };
      world.clock.after(0, () => {
        void run(rotate, event, () => {
          finish(secret, token, world.clock.now());
        });
      });
      return { ARN: secret.arn, Name: secret.name, VersionId: token };
    },
    CancelRotateSecret(_input, call) {
      const secret = live(call);
      if (!secret.rotation.enabled) {
        throw new AwsFault(
          'InvalidRequestException',
          "You can't cancel the rotation of a secret that has no rotation enabled.",
        );
      }
      secret.rotation.enabled = false;
      return { ARN: secret.arn, Name: secret.name, VersionId: versionWith(secret, 'AWSPENDING')?.id };
    },
  };
}

/** A function that fails leaves AWSPENDING where it is: that is how a real rotation gets stuck. */
async function run(rotate: RotationFunction, event: Omit<RotationEvent, 'Step'>, done: () => void): Promise<void> {
  try {
    for (const Step of STEPS) await rotate({ Step, ...event });
  } catch {
    return;
  }
  done();
}

/** After a managed rotation AWS itself takes AWSPENDING off the version that became current. */
function finish(secret: StoredSecret, token: string, now: number): void {
  const version = secret.versions.get(token);
  if (!version?.stages.has('AWSCURRENT')) return;
  version.stages.delete('AWSPENDING');
  secret.rotation.rotatedAt = now;
}

function rulesOf(input: Record<string, unknown>): Record<string, unknown> | null {
  const rules = objectOf(input, 'RotationRules');
  const days = rules?.AutomaticallyAfterDays;
  if (days !== undefined && !(typeof days === 'number' && days >= 1 && days <= 1000)) {
    throw new AwsFault('InvalidParameterException', 'RotationRules.AutomaticallyAfterDays must be within 1-1000.');
  }
  return rules ?? null;
}
