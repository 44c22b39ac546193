/** The sandbox: loopback servers that behave as the parts of AWS, Jamf Pro and Auth0 that this program calls. */
import { createAthena, type Athena } from './athena.ts';
import { createAccessAnalyzer } from './accessanalyzer.ts';
import { API, createAuth0 } from './auth0.ts';
import { faster, wallClock } from './clock.ts';
import { history } from './cloudtrail-history.ts';
import { keyUseRecord, rotationRecord } from './cloudtrail-record-aws.ts';
import { createTrail, type Trail } from './cloudtrail.ts';
import type { EcsOutcome } from './ecs-model.ts';
import { createEcs } from './ecs.ts';
import { createEvents, type Events } from './events.ts';
import { createFaults } from './faults.ts';
import { createIam, sandboxRoles, type SandboxRole } from './iam.ts';
import { createJamf } from './jamf.ts';
import { createKms } from './kms.ts';
import { withLabelEvents } from './label-events.ts';
import { lakeHandlers } from './lake.ts';
import { createLambda, type Lambda } from './lambda.ts';
import { createLogs, type Logs } from './logs.ts';
import { authorise, createPrincipals, OPERATOR } from './principals.ts';
import { seededRandom } from './random.ts';
import { createS3 } from './s3.ts';
import { createSecretsManager, type SecretsManager } from './secretsmanager.ts';
import { serveAws, servePlain, type SeenCall } from './server.ts';
import { ACCOUNT, type AwsCall, type AwsService, type FaultRule, type SandboxClock, type World } from './service.ts';
import { createSqs, type Sqs } from './sqs.ts';
import { createSts } from './sts.ts';

/** How a sandbox is to behave. */
export interface SandboxOptions {
  /** Decides every made-up value; default 1. */
  seed?: number;
  /** Default `us-east-1`. */
  region?: string;
  /** Default: the wall's; tests inject `manualClock()`. */
  clock?: SandboxClock;
  /** The waits inside ECS, Jamf and Auth0 are divided by it; default 1. */
  speed?: number;
  /** How long after a call CloudTrail knows it, in milliseconds; default 0. */
  deliveryDelayMs?: number;
  /** Whether CloudTrail knows a made-up week before the start; default false. */
  history?: boolean;
  /** How the next deployments end; default `steady`. */
  outcome?: EcsOutcome;
}

/** A running sandbox. */
export interface Sandbox {
  /** The endpoint of all AWS services. */
  url: string;
  jamfUrl: string;
  /** `127.0.0.1:port` */
  auth0Domain: string;
  /** What a child process needs to reach it. */
  environment: Record<string, string>;
  /** The eight fields that its Jamf and Auth0 accept. */
  fields: Record<string, string>;
  /** Every AWS service, by the name that `eventSource` has. */
  aws: Readonly<Record<string, AwsService>>;
  secrets: SecretsManager;
  ecs: ReturnType<typeof createEcs>;
  lambda: Lambda;
  events: Events;
  sqs: Sqs;
  logs: Logs;
  /** The roles of the account; one that was made here is kept to its policies. */
  roles: readonly SandboxRole[];
  jamf: ReturnType<typeof createJamf>;
  auth0: ReturnType<typeof createAuth0>;
  trail: Trail;
  athena: Athena;
  /** Every call its servers saw, oldest first. */
  calls: readonly SeenCall[];
  /** Let the n-th matching call from now on meet a fault. */
  inject(rule: FaultRule): void;
  /** Stop all servers, and cut the connections that are open. */
  close(): Promise<void>;
}

/** The services as `AWS_ENDPOINT_URL_…` spells them. */
const ENDPOINT_VARIABLES = [
  ...['SECRETS_MANAGER', 'ECS', 'CLOUDTRAIL', 'STS', 'IAM', 'KMS', 'ACCESSANALYZER'],
  ...['ATHENA', 'S3', 'LAMBDA', 'EVENTBRIDGE', 'SQS', 'CLOUDWATCH_LOGS'],
];

/**
 * Start all servers on free loopback ports. State is in memory and ends with the process.
 * @throws the system's error where no port can be had
 */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const clock = options.clock ?? wallClock;
  const region = options.region ?? 'us-east-1';
  const random = seededRandom(options.seed ?? 1);
  const trail = createTrail(clock, random, { deliveryDelayMs: options.deliveryDelayMs ?? 0 });
  // What AWS does by itself draws no number that a call would have drawn.
  const ofAws = seededRandom(~(options.seed ?? 1));
  const moment = () => ({ at: clock.now(), random: ofAws });
  const record: World['record'] = (call, outcome) => {
    const use = outcome.fault ? null : keyUseRecord(call, outcome.output, secrets.vault, moment());
    if (use) trail.write(use);
    trail.record(call, outcome);
  };
  const world: World = { clock, random, region, record };
  if (options.history) for (const record of history(clock.now(), region)) trail.plant(record);

  const principals = createPrincipals(clock);
  const roles = sandboxRoles(region);
  const slowWorld: World = { ...world, clock: faster(clock, options.speed ?? 1) };
  let url = '';
  const logs = createLogs(world);
  const sqs = createSqs(world, () => url);
  const lambda = createLambda({
    world: slowWorld,
    principals,
    roles,
    logs,
    sqs,
    environment: () => ({ AWS_ENDPOINT_URL: url, AWS_REGION: region, AWS_EC2_METADATA_DISABLED: 'true' }),
  });
  const events = createEvents((target, event, sourceArn) => {
    if (lambda.admits(target, { service: 'events.amazonaws.com', sourceArn })) lambda.enqueue(target, event);
  });
  const secrets = createSecretsManager(
    world,
    (functionArn, sourceArn) =>
      lambda.admits(functionArn, { service: 'secretsmanager.amazonaws.com', sourceArn })
        ? async (event) => {
            await lambda.invoke(functionArn, event);
          }
        : undefined,
    (notice) => {
      trail.write(rotationRecord(notice, moment()));
    },
    (call, resource, needs) => {
      authorise(call, resource, roles, needs);
    },
  );
  const ecs = createEcs(
    slowWorld,
    {
      readSecret: secrets.readAsService,
      roleId: (name) => roles.find((role) => role.name === name)?.id ?? 'AROAUNKNOWN00EXAMPLE0',
    },
    { outcome: options.outcome ?? 'steady' },
  );
  const jamf = createJamf(slowWorld);
  const auth0 = createAuth0(slowWorld);
  const athena = createAthena(world, trail.delivered);
  const services = {
    secretsmanager: {
      ...secrets,
      handlers: withLabelEvents(secrets.handlers, secrets.vault, world, (event) => {
        events.publish(event);
      }),
    },
    ecs: { ...ecs, resource: ecsResource },
    lambda,
    events,
    sqs,
    logs,
    cloudtrail: { ...trail, handlers: { ...trail.handlers, ...lakeHandlers(world, trail.delivered) } },
    athena,
    s3: createS3(trail.delivered),
    sts: createSts(world, principals, roles),
    iam: createIam(world, roles),
    'access-analyzer': createAccessAnalyzer(),
    kms: createKms(world),
  };

  const faults = createFaults();
  const calls: SeenCall[] = [];
  const parts = { world, faults, calls };
  const aws = await serveAws(parts, services, principals, roles);
  const jamfServer = await servePlain(parts, 'jamf', jamf);
  const auth0Server = await servePlain(parts, 'auth0', auth0);
  url = `http://${aws.address}`;
  const jamfUrl = `http://${jamfServer.address}`;
  return {
    url,
    jamfUrl,
    auth0Domain: auth0Server.address,
    environment: {
      AWS_ENDPOINT_URL: url,
      AWS_ACCESS_KEY_ID: OPERATOR.accessKeyId,
      AWS_SECRET_ACCESS_KEY: OPERATOR.secretAccessKey,
      AWS_SESSION_TOKEN: OPERATOR.sessionToken ?? '',
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
      AWS_EC2_METADATA_DISABLED: 'true',
      // Ambient per-service endpoints would win over the general one, and lead out of the sandbox.
      ...Object.fromEntries(ENDPOINT_VARIABLES.map((service) => [`AWS_ENDPOINT_URL_${service}`, url])),
      AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'false',
    },
    fields: {
      JAMF_URL: jamfUrl,
      JAMF_CLIENT_ID: jamf.client.clientId,
      JAMF_CLIENT_SECRET: jamf.client.clientSecret,
      AUTH0_DOMAIN: auth0Server.address,
      AUTH0_CLIENT_ID: auth0.client.clientId,
      AUTH0_CLIENT_SECRET: auth0.client.clientSecret,
      AUTH0_AUDIENCE: API.audience,
      REQUIRED_SCOPES: API.scopes.join(' '),
    },
    aws: services,
    secrets,
    ecs,
    lambda,
    events,
    sqs,
    logs,
    roles,
    jamf,
    auth0,
    trail,
    athena,
    calls,
    inject: faults.inject,
    async close() {
      await Promise.all([aws.close(), jamfServer.close(), auth0Server.close()]);
    },
  };
}

/** What a call of ECS is about, as IAM names it; a service or a cluster, whichever the request names more closely. */
function ecsResource({ input, region }: AwsCall): string {
  const last = (value: unknown) => (typeof value === 'string' ? (value.split('/').at(-1) ?? '') : null);
  const [cluster, service] = [last(input.cluster) ?? 'default', last(input.service)];
  const arn = `arn:aws:ecs:${region}:${ACCOUNT}`;
  return service === null ? `${arn}:cluster/${cluster}` : `${arn}:service/${cluster}/${service}`;
}
