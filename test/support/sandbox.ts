/** A fresh sandbox for each test, and SDK clients that talk to it. */
import { CloudTrailClient } from '@aws-sdk/client-cloudtrail';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { STSClient } from '@aws-sdk/client-sts';
import { startSandbox, type Sandbox, type SandboxOptions } from '../../src/lib/sandbox/index.ts';
import { manualClock, type ManualClock } from '../../src/lib/sandbox/clock.ts';
import { OPERATOR, type Credentials } from '../../src/lib/sandbox/principals.ts';

/** A sandbox and its clock, which stands still until it is moved. */
export interface TestSandbox extends Sandbox {
  clock: ManualClock;
}

/**
 * Start a sandbox before each test of the enclosing `describe`, stop it afterwards, and let the AWS variables of this
 * process lead to it meanwhile, so that clients which find their own way find it.
 * @param options - as for startSandbox; its clock is a manual one unless given
 * @returns the sandbox of the running test
 */
export function withSandbox(options: Omit<SandboxOptions, 'clock'> = {}): () => TestSandbox {
  let running: TestSandbox | null = null;
  let outside: [string, string | undefined][] = [];
  beforeEach(async () => {
    const clock = manualClock();
    running = Object.assign(await startSandbox({ ...options, clock }), { clock });
    const { environment } = running;
    const led = Object.keys(process.env).filter((name) => name.startsWith('AWS_') && !Object.hasOwn(environment, name));
    outside = [...led, ...Object.keys(environment)].map((name) => [name, process.env[name]]);
    for (const name of led) setVariable(name, undefined);
    for (const [name, value] of Object.entries(environment)) setVariable(name, value);
  });
  afterEach(async () => {
    for (const [name, value] of outside) setVariable(name, value);
    // Its state can still be looked at by hooks that run later.
    await running?.close();
  });
  return () => {
    if (!running) throw new Error('the sandbox starts with the first test');
    return running;
  };
}

function setVariable(name: string, value: string | undefined): void {
  if (value === undefined) Reflect.deleteProperty(process.env, name);
  else process.env[name] = value;
}

/** What an SDK client of any service needs to reach a sandbox. */
export function sdkConfig(sandbox: Sandbox, credentials: Credentials = OPERATOR, region = 'us-east-1') {
  return { endpoint: sandbox.url, region, credentials, maxAttempts: 1 };
}

/** Secrets Manager of a sandbox; takes what {@link sdkConfig} takes, as the next two do. */
export const secretsClient = (...args: Parameters<typeof sdkConfig>) => new SecretsManagerClient(sdkConfig(...args));
/** CloudTrail of a sandbox. */
export const trailClient = (...args: Parameters<typeof sdkConfig>) => new CloudTrailClient(sdkConfig(...args));
/** STS of a sandbox. */
export const stsClient = (...args: Parameters<typeof sdkConfig>) => new STSClient(sdkConfig(...args));

/**
 * A signed-looking call without an SDK, for what no SDK would send.
 * @param target - `secretsmanager.GetSecretValue`; null for a form body
 */
export async function rawCall(
  sandbox: Sandbox,
  target: string | null,
  body: string,
  options: { credentials?: Credentials | null; region?: string } = {},
): Promise<{ status: number; headers: Headers; text: string }> {
  const { credentials = OPERATOR, region = 'us-east-1' } = options;
  const response = await fetch(sandbox.url, {
    method: 'POST',
    headers: {
      'content-type': target === null ? 'application/x-www-form-urlencoded' : 'application/x-amz-json-1.1',
      ...(target === null ? {} : { 'x-amz-target': target }),
      ...(credentials === null
        ? {}
        : {
            authorization: `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/20261122/${region}/service/aws4_request, SignedHeaders=host, Signature=0`,
            ...(credentials.sessionToken === undefined ? {} : { 'x-amz-security-token': credentials.sessionToken }),
          }),
    },
    body,
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}
