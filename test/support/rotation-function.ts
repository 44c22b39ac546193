/** A rotation function in the sandbox, in this process and on the sandbox's clock: Secrets Manager's part is played here. */
import assert from 'node:assert/strict';
import type { Context } from '../../src/lib/host.ts';
import type { Issuer } from '../../src/lib/rotation/issuer.ts';
import { issuersWith } from '../../src/lib/rotation/issuers/index.ts';
import { rotationFunction, VARIABLES, type Choice } from '../../src/lib/rotation/lambda.ts';
import type { RotationEvent } from '../../src/lib/rotation/lambda-steps.ts';
import { addVersion, attach, type StoredSecret } from '../../src/lib/sandbox/secretsmanager-versions.ts';
import { schemaOf } from '../../src/lib/secrets/schema.ts';
import { SECRET } from './rotation.ts';
import type { TestSandbox } from './sandbox.ts';

/** The four steps, in their order. */
export const STEPS = ['createSecret', 'setSecret', 'testSecret', 'finishSecret'] as const;

/** What a function makes anew unless a test says otherwise. */
export const CHOICE: Choice = {
  issuer: 'jamf',
  fields: ['JAMF_CLIENT_SECRET'],
  strategy: null,
  schema: schemaOf('jamf'),
  alternate: null,
};

/** The same for the Auth0 secret, whose value is stored before Auth0 is told of it. */
export const AUTH0_CHOICE: Choice = { ...CHOICE, issuer: 'auth0', fields: ['AUTH0_CLIENT_SECRET'] };

/** What Secrets Manager hands to the function, and what must be in no log. */
export const ROTATION_TOKEN = 'rotation-token-EXAMPLE-4f1b6d';

/** The stored secret behind the API. */
export function storedSecret(sandbox: TestSandbox): StoredSecret {
  const secret = sandbox.secrets.vault.find('us-east-1', SECRET);
  assert.ok(secret);
  return secret;
}

/** Begin a rotation as RotateSecret does: rotation is on, and AWSPENDING is on a version without a value. */
export function announce(sandbox: TestSandbox, token: string): void {
  const secret = storedSecret(sandbox);
  Object.assign(secret.rotation, {
    enabled: true,
    functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:rotate',
  });
  const version = secret.versions.get(token) ?? addVersion(secret, token, null, [], sandbox.clock.now());
  attach(secret, 'AWSPENDING', version);
}

/** The event of one step. */
export const stepEvent = (sandbox: TestSandbox, Step: string, token: string): RotationEvent => ({
  Step,
  SecretId: storedSecret(sandbox).arn,
  ClientRequestToken: token,
  RotationToken: ROTATION_TOKEN,
});

/** The handler with everything around it that Lambda would give it. */
export function rotator(sandbox: TestSandbox, context: Context, env: Record<string, string> = {}, choice = CHOICE) {
  const lines: string[] = [];
  let invocations = 0;
  const handler = rotationFunction({
    env: { [VARIABLES.secret]: storedSecret(sandbox).arn, [VARIABLES.choice]: JSON.stringify(choice), ...env },
    log: (line) => lines.push(line),
    clock: context.clock,
  });
  const call = (event: unknown): Promise<{ done: string }> =>
    handler(event, {
      awsRequestId: `request-${String((invocations += 1))}`,
      functionName: 'rotate',
      getRemainingTimeInMillis: () => 60_000,
    });
  return { lines, call, step: (name: string, token: string) => call(stepEvent(sandbox, name, token)) };
}

/** The issuer that a choice comes to. */
export const issuerOf = async (choice: Choice, context: Context): Promise<Issuer> =>
  (await issuersWith({ schema: choice.schema })(choice))(context);
