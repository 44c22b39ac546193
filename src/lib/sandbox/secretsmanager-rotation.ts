/** Secrets Manager: RotateSecret and CancelRotateSecret, schedules, and the calls of rotation functions. */
import type { RotationNotice, RotationStep } from './cloudtrail-record-aws.ts';
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

/** Finds a function that may be called for a secret; undefined where there is none, or it does not let Secrets Manager in. */
export type FindRotationFunction = (functionArn: string, secretArn: string) => RotationFunction | undefined;

const STEPS = ['createSecret', 'setSecret', 'testSecret', 'finishSecret'] as const;

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/**
 * RotateSecret and CancelRotateSecret.
 * @param tell - takes what CloudTrail records of rotations
 */
export function rotationHandlers(
  { world, live }: SecretsWorld,
  functions: FindRotationFunction,
  tell: (notice: RotationNotice) => void,
): AwsHandlers {
  const { clock, random } = world;
  const timers = new WeakMap<StoredSecret, () => void>();

  /** Rotate when the schedule says so; a value that was put meanwhile counts as a rotation. */
  function schedule(secret: StoredSecret): void {
    timers.get(secret)?.();
    const next = nextRotationAt(secret);
    if (next === null) return;
    const cancel = clock.after(Math.max(0, next - clock.now()), () => {
      const due = nextRotationAt(secret);
      if (due !== null && due <= clock.now() && secret.purgeAt === null) begin(secret, random.uuid());
      if (due !== null && due > clock.now()) schedule(secret);
    });
    timers.set(secret, cancel);
  }

  /** Announce a version and call the function for it; a rotation that got stuck is taken up again instead. */
  function begin(secret: StoredSecret, token: string): void {
    const stuck = versionWith(secret, 'AWSPENDING');
    const id = stuck && !stuck.stages.has('AWSCURRENT') ? stuck.id : token;
    const version = secret.versions.get(id) ?? addVersion(secret, id, null, [], clock.now());
    attach(secret, 'AWSPENDING', version);
    const event = { SecretId: secret.arn, ClientRequestToken: id, RotationToken: random.uuid() };
    const happens = (step: RotationStep) => {
      tell({ step, secretArn: secret.arn, rotation: event.ClientRequestToken });
    };
    clock.after(0, () => {
      happens('RotationStarted');
      void run(functions(secret.rotation.functionArn ?? '', secret.arn), event).then((ran) => {
        happens(ran && finish(secret, id, clock.now()) ? 'RotationSucceeded' : 'RotationFailed');
        if (ran) schedule(secret);
      });
    });
  }

  /** The look that a schedule begins with: one call of testSecret, for a version that comes and goes. */
  function probe(secret: StoredSecret, token: string): void {
    clock.after(0, () => {
      const rotate = functions(secret.rotation.functionArn ?? '', secret.arn);
      const known = secret.versions.get(token);
      const version = known ?? addVersion(secret, token, null, [], clock.now());
      attach(secret, 'AWSPENDING', version);
      const event = { SecretId: secret.arn, ClientRequestToken: token, RotationToken: random.uuid() };
      const happens = (step: RotationStep) => {
        tell({ step, secretArn: secret.arn, rotation: event.ClientRequestToken });
      };
      happens('TestRotationStarted');
      void run(rotate, event, ['testSecret']).then((ran) => {
        happens(ran ? 'TestRotationSucceeded' : 'TestRotationFailed');
        version.stages.delete('AWSPENDING');
        if (!known) secret.versions.delete(token);
      });
    });
  }

  return {
    RotateSecret(input, call) {
      const secret = live(call);
      const token = text(input, 'ClientRequestToken', { min: 32, max: 64 }) ?? random.uuid();
      const functionArn = text(input, 'RotationLambdaARN', { max: 2048 }) ?? secret.rotation.functionArn;
      if (functionArn === null) {
        throw new AwsFault(
          'InvalidRequestException',
          'No Lambda rotation function ARN is associated with this secret.',
        );
      }
      const rules = rulesOf(input) ?? secret.rotation.rules;
      if (!functions(functionArn, secret.arn)) {
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
      schedule(secret);
      if (input.RotateImmediately === false) {
        probe(secret, token);
        return { ARN: secret.arn, Name: secret.name };
      }
      begin(secret, token);
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
      timers.get(secret)?.();
      return { ARN: secret.arn, Name: secret.name, VersionId: versionWith(secret, 'AWSPENDING')?.id };
    },
  };
}

/**
 * Call a function, step by step. One that fails leaves AWSPENDING where it is: that is how a real rotation gets stuck.
 * @returns whether all steps ran
 */
async function run(
  rotate: RotationFunction | undefined,
  event: Omit<RotationEvent, 'Step'>,
  steps: readonly RotationEvent['Step'][] = STEPS,
): Promise<boolean> {
  try {
    if (!rotate) return false;
    for (const Step of steps) await rotate({ Step, ...event });
    return true;
  } catch {
    return false;
  }
}

/**
 * After a managed rotation AWS itself takes AWSPENDING off the version that became current.
 * @returns whether it became current
 */
function finish(secret: StoredSecret, token: string, now: number): boolean {
  const version = secret.versions.get(token);
  if (!version?.stages.has('AWSCURRENT')) return false;
  version.stages.delete('AWSPENDING');
  secret.rotation.rotatedAt = now;
  return true;
}

/**
 * When a secret is rotated next, milliseconds since 1970.
 * @returns null where it is not, and where a cron expression says when: the sandbox does not read those
 */
export function nextRotationAt({ rotation, changedAt }: StoredSecret): number | null {
  const { enabled, rules, rotatedAt } = rotation;
  if (!enabled || !rules) return null;
  const [, amount, unit] = /^rate\((\d+) (hour|day)s?\)$/.exec(String(rules.ScheduleExpression)) ?? [];
  const days = rules.AutomaticallyAfterDays;
  const interval = typeof days === 'number' ? days * DAY_MS : Number(amount) * (unit === 'hour' ? HOUR_MS : DAY_MS);
  return interval > 0 ? Math.max(rotatedAt ?? 0, changedAt) + interval : null;
}

function rulesOf(input: Record<string, unknown>): Record<string, unknown> | null {
  const rules = objectOf(input, 'RotationRules');
  const days = rules?.AutomaticallyAfterDays;
  if (days !== undefined && !(typeof days === 'number' && days >= 1 && days <= 1000)) {
    throw new AwsFault('InvalidParameterException', 'RotationRules.AutomaticallyAfterDays must be within 1-1000.');
  }
  const expression = rules ? text(rules, 'ScheduleExpression', { min: 1, max: 256 }) : undefined;
  if (expression !== undefined && days !== undefined) {
    throw new AwsFault(
      'InvalidParameterException',
      "You can't specify both AutomaticallyAfterDays and ScheduleExpression.",
    );
  }
  if (expression !== undefined && !/^(rate\([1-9]\d{0,2} (hour|day)s?\)|cron\((\S+ ){5}\S+\))$/.test(expression)) {
    throw new AwsFault('InvalidParameterException', 'The schedule expression is not valid.');
  }
  return rules ?? null;
}
