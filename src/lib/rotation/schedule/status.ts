/** `rotate schedule status`: what is installed, when the next rotation is, and what is missing or was changed. */
import type { AwsSettings } from '../../aws.ts';
import type { EcsTarget } from '../../ecs/api.ts';
import type { Context } from '../../host.ts';
import { AWSCURRENT, AWSPENDING, versionWith, type SecretInfo, type SecretStore } from '../../secrets/store.ts';
import { dueDate, type Due } from '../../secrets/due.ts';
import { VARIABLES, type Choice } from '../lambda.ts';
import { openClients, type Clients } from './clients.ts';
import { orMissing } from './part.ts';
import { partsOf } from './parts.ts';
import { planFor, type Plan } from './plan.ts';

/** What to look at. */
export interface StatusInput {
  store: SecretStore;
  secret: string;
  environment: string;
  aws: AwsSettings;
  zip: Uint8Array;
}

/** One part of what is installed. */
export interface PartStatus {
  name: string;
  text: string;
  state: 'installed' | 'drifted' | 'missing';
  /** What differs from what it should be. */
  drift: string[];
}

/** What there is of a schedule. */
export interface ScheduleStatus {
  secret: { name: string; arn: string; store: string; environment: string };
  /** `none`: nothing is installed and no date is kept; `attention`: something is missing, was changed, or is late. */
  state: 'none' | 'fine' | 'attention';
  due: Due | null;
  /** As the store tells them; null where it has none. */
  rules: { everyDays: number | null; expression: string | null; window: string | null } | null;
  lastRotatedAt: string | null;
  /** A rotation that began and has not ended: the version that AWSPENDING is on. */
  pending: string | null;
  parts: PartStatus[];
}

/** Whether a part is one without which there is no schedule. */
const isThere = ({ state }: PartStatus) => state !== 'missing';

/**
 * Look at a schedule; changes nothing.
 * @throws JamfMcpError SECRET_NOT_FOUND, ACCESS_DENIED …
 */
export async function scheduleStatus(input: StatusInput, context: Context): Promise<ScheduleStatus> {
  const { store, secret, environment } = input;
  const info = await store.describe(secret);
  const due = dueDate(info, context.clock.now());
  const pendingId = versionWith(info, AWSPENDING);
  const base = {
    secret: { name: info.name, arn: info.arn, store: store.kind, environment },
    due,
    rules: null,
    lastRotatedAt: info.rotation.lastRotatedAt,
    pending: pendingId === versionWith(info, AWSCURRENT) ? null : pendingId,
    parts: [],
  };
  if (store.kind !== 'aws') {
    return { ...base, state: due === null ? 'none' : due.overdue ? 'attention' : 'fine' };
  }
  const clients = openClients(input.aws, context);
  try {
    const plan = await planInForce(input, info, clients);
    const parts: PartStatus[] = [];
    for (const { name, text, look } of partsOf(plan, clients, context)) {
      const drift = await look();
      parts.push({
        name,
        text,
        state: drift === null ? 'missing' : drift.length > 0 ? 'drifted' : 'installed',
        drift: drift ?? [],
      });
    }
    const rules = await rulesInForce(info, clients);
    const fine = parts.every(({ state }) => state === 'installed') && due?.overdue !== true;
    return { ...base, rules, parts, state: parts.some(isThere) ? (fine ? 'fine' : 'attention') : 'none' };
  } finally {
    clients.close();
  }
}

/**
 * What the schedule in force was installed with, as far as its function tells: the service and the rotator are in its
 * environment variables. Everything else follows from the secret as it is now.
 */
export async function planInForce(
  { store, aws, zip, environment }: StatusInput,
  info: SecretInfo,
  clients: Clients,
): Promise<Plan> {
  const { name, arn, kmsKeyId } = info;
  const plan = planFor({
    environment,
    aws,
    rules: null,
    choice: null,
    zip,
    secret: { name, arn, kmsKeyId },
    rotator: null,
    service: null,
  });
  const { sdk, client } = await clients.lambda();
  const command = new sdk.GetFunctionConfigurationCommand({ FunctionName: plan.names.function });
  const about = `function ${plan.names.function}`;
  const found = await orMissing(clients.ask('GetFunctionConfiguration', about, (send) => client.send(command, send)));
  const {
    [VARIABLES.choice]: choice,
    [VARIABLES.rotator]: rotator,
    [VARIABLES.cluster]: cluster,
    [VARIABLES.service]: service,
  } = found?.Environment?.Variables ?? {};
  return {
    ...plan,
    choice: choice === undefined ? null : (JSON.parse(choice) as Choice),
    rotator: rotator === undefined ? null : await describedOrBare(store, rotator),
    service: cluster !== undefined && service !== undefined ? serviceOf(plan, { cluster, service, aws }) : null,
  };
}

/** A rotator that was deleted shows as a role whose rights differ, not as a failure to look. */
async function describedOrBare(store: SecretStore, arn: string): Promise<Plan['rotator']> {
  const info = await orMissing(store.describe(arn));
  return info ? { name: info.name, arn: info.arn, kmsKeyId: info.kmsKeyId } : { name: arn, arn, kmsKeyId: null };
}

const serviceOf = ({ partition, region, account }: Plan, ecs: EcsTarget): NonNullable<Plan['service']> => ({
  ...ecs,
  arn: `arn:${partition}:ecs:${region}:${account}:service/${ecs.cluster.split('/').at(-1) ?? ''}/${ecs.service.split('/').at(-1) ?? ''}`,
});

async function rulesInForce(info: SecretInfo, clients: Clients): Promise<ScheduleStatus['rules']> {
  const { sdk, client } = await clients.secrets();
  const command = new sdk.DescribeSecretCommand({ SecretId: info.arn });
  const { RotationRules: rules, RotationEnabled: enabled } = await clients.ask(
    'DescribeSecret',
    `secret ${info.name}`,
    (send) => client.send(command, send),
  );
  if (!rules || enabled !== true) return null;
  return {
    everyDays: info.rotation.everyDays,
    expression: rules.ScheduleExpression ?? null,
    window: rules.Duration ?? null,
  };
}
