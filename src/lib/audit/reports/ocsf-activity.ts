/**
 * An access as OCSF's API Activity (6003). Goes by the mapping of CloudTrail that OCSF itself publishes
 * (https://github.com/ocsf/examples/tree/main/mappings/markdown/AWS); what the class has no attribute for is in
 * `unmapped`, and what explains an access is an enrichment.
 */
import { isIP } from 'node:net';
import type { AuditedAccess } from '../access.ts';
import type { Access, Principal } from '../event.ts';

/** Version of the schema. */
export const OCSF_VERSION = '1.8.0';

/** An object of OCSF. */
export type Ocsf = Record<string, unknown>;

const ACTIVITIES = { 1: 'Create', 2: 'Read', 3: 'Update', 4: 'Delete' } as const;

/** By the whole name, not by a part of it: `GetRandomPassword` reads, `CancelRotateSecret` does not create. */
const ACTIVITY: Readonly<Record<string, keyof typeof ACTIVITIES>> = {
  ...named(1, 'CreateSecret ReplicateSecretToRegions CreateGrant CreateService RunTask'),
  ...named(2, 'GetSecretValue BatchGetSecretValue DescribeSecret GetResourcePolicy ListSecrets ListSecretVersionIds'),
  ...named(2, 'GetRandomPassword ValidateResourcePolicy Decrypt'),
  ...named(3, 'PutSecretValue UpdateSecret UpdateSecretVersionStage PutResourcePolicy TagResource UntagResource'),
  ...named(3, 'RotateSecret CancelRotateSecret RestoreSecret StopReplicationToReplica CancelSecretVersionDelete'),
  ...named(3, 'RotationStarted RotationSucceeded RotationFailed RotationAbandoned'),
  ...named(3, 'UpdateService UpdateTrail PutEventSelectors PutKeyPolicy DisableKey EnableKey StartLogging StopLogging'),
  ...named(4, 'DeleteSecret DeleteResourcePolicy RemoveRegionsFromReplication StartSecretVersionDelete'),
  ...named(4, 'EndSecretVersionDelete DeleteTrail DeleteEventDataStore'),
};

function named(id: keyof typeof ACTIVITIES, names: string): Record<string, keyof typeof ACTIVITIES> {
  return Object.fromEntries(names.split(' ').map((name) => [name, id]));
}

/** `user.type_id`; an assumed role is none of those that OCSF lists. */
const USER_TYPES: Readonly<Record<string, number>> = {
  ...{ IAMUser: 1, IdentityCenterUser: 1, FederatedUser: 1, SAMLUser: 1, WebIdentityUser: 1, LocalUser: 1 },
  ...{ Root: 2, AWSService: 4 },
};

/** An access as an event of class 6003. */
export function apiActivity(access: AuditedAccess): Ocsf {
  const { action, time, outcome, error, explanation, eventId } = access;
  const id = Object.hasOwn(ACTIVITY, action) ? (ACTIVITY[action] ?? 99) : 99;
  const activity = id === 99 ? action : ACTIVITIES[id];
  const status = outcome === 'success' ? 'Success' : 'Failure';
  return {
    ...{ category_uid: 6, category_name: 'Application Activity', class_uid: 6003, class_name: 'API Activity' },
    ...{ activity_id: id, activity_name: activity },
    ...{ type_uid: 600_300 + id, type_name: `API Activity: ${id === 99 ? 'Other' : activity}` },
    ...{ severity_id: 1, severity: 'Informational' },
    ...{ status_id: outcome === 'success' ? 1 : 2, status },
    ...present({ status_code: error?.code, status_detail: error?.message }),
    ...timed(time),
    metadata: {
      version: OCSF_VERSION,
      profiles: ['cloud', 'datetime'],
      product: isLocal(access)
        ? { name: 'jamf-mcp', vendor_name: 'jamf-mcp' }
        : { name: 'CloudTrail', vendor_name: 'AWS', feature: { name: 'Management' } },
      uid: eventId,
      ...present({ event_code: access.type, correlation_uid: access.sharedEventId }),
      ...(time === null ? { labels: ['time unknown'] } : {}),
    },
    cloud: cloudOf(access),
    actor: actorOf(access),
    api: apiOf(access),
    src_endpoint: sourceOf(access),
    ...(access.userAgent === null ? {} : { http_request: { user_agent: access.userAgent } }),
    ...(access.secret === null ? {} : { resources: [resourceOf(access)] }),
    enrichments: [
      {
        ...{ name: 'metadata.uid', value: eventId, type: 'explanation', provider: 'jamf-mcp' },
        data: explanation === null ? { explained: false } : { explained: true, ...explanation },
      },
    ],
    unmapped: unmappedOf(access),
  };
}

/** Where the record tells no time the event has the first moment there is, and a label that says so. */
const timed = (time: string | null): Ocsf => (time === null ? { time: 0 } : { time: Date.parse(time), time_dt: time });

const isLocal = ({ service }: Access) => service === 'local';

/** `cloud`: of the local store the machine itself. */
export function cloudOf(access: AuditedAccess): Ocsf {
  const { region, recipient, principal, secret } = access;
  const account = recipient ?? principal.account;
  const [, partition] = /^arn:([^:]+):/.exec(secret ?? principal.arn ?? '') ?? [];
  return {
    provider: isLocal(access) ? 'Other' : 'AWS',
    ...present({ region, cloud_partition: partition }),
    ...(account === null ? {} : { account: { uid: account, type: 'AWS Account', type_id: 10 } }),
  };
}

/** `actor`: it has a user at least. */
export function actorOf({ principal, mfa, invokedBy, denial }: AuditedAccess): Ocsf {
  const { arn, type, account, role, session, accessKeyId } = principal;
  return {
    user: {
      name: nameOf(principal),
      type_id: type === null ? 0 : (USER_TYPES[type] ?? 99),
      ...present({ uid: arn, type, credential_uid: accessKeyId }),
      ...(account === null ? {} : { account: { uid: account } }),
    },
    ...(role === null && session === null && mfa === null
      ? {}
      : { session: present({ uid: session, issuer: role, is_mfa: mfa }) }),
    ...present({ invoked_by: invokedBy ?? (type === 'AWSService' ? arn : null) }),
    ...(denial?.policy
      ? {
          authorizations: [
            { decision: denial.explicit ? 'Explicit Deny' : 'Implicit Deny', policy: { type: denial.policy } },
          ],
        }
      : {}),
  };
}

/** The last part of an ARN, or what little is known. */
const nameOf = ({ arn, type }: Principal) => arn?.split(/[:/]/).at(-1) ?? type ?? 'unknown';

/** `api`. A request without an id has no place in it: then what was asked for is unmapped. */
export function apiOf({ action, service, requestId, details, error }: AuditedAccess): Ocsf {
  return {
    operation: action,
    service: { name: serviceName(service) },
    ...(requestId === null ? {} : { request: { uid: requestId, data: details } }),
    ...(error === null ? {} : { response: { error: error.code, ...present({ message: error.message }) } }),
  };
}

const serviceName = (service: string) => (service === 'local' ? 'jamf-mcp' : `${service}.amazonaws.com`);

/** `src_endpoint`: an address, a service of AWS by its name, or the service itself where it acted alone. */
export function sourceOf({ sourceIp, vpcEndpointId, service }: AuditedAccess): Ocsf {
  const endpoint = present({ uid: vpcEndpointId });
  if (sourceIp === null) return { ...endpoint, svc_name: serviceName(service) };
  if (isIP(sourceIp) > 0) return { ...endpoint, ip: sourceIp };
  return { ...endpoint, domain: sourceIp, svc_name: sourceIp };
}

/** A secret among `resources`. */
export function resourceOf({ secret, secretName, region, recipient }: AuditedAccess): Ocsf {
  return {
    type: 'AWS::SecretsManager::Secret',
    ...present({ uid: secret, name: secretName, region }),
    ...(recipient === null ? {} : { owner: { account: { uid: recipient } } }),
  };
}

function unmappedOf({ recipient, console, service, requestId, details, countedWith, context }: AuditedAccess): Ocsf {
  return {
    eventSource: serviceName(service),
    sessionCredentialFromConsole: console,
    ...present({ recipientAccountId: recipient, countedWith }),
    ...(context ? { context } : {}),
    ...(requestId === null && Object.keys(details).length > 0 ? { requestParameters: details } : {}),
  };
}

/** Without what is not known: OCSF leaves out what it does not know. */
export const present = (members: Ocsf): Ocsf =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null && value !== undefined));
