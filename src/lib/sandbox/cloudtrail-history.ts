/** A made-up week before the sandbox started, so that an audit has ordinary reads to explain and one to flag. */
import { seconds, userIdentity, type TrailRecord } from './cloudtrail-record.ts';
import { AGENT_USER_AGENT } from './ecs-tasks.ts';
import { LEGACY_CI_PRINCIPAL, roleSession } from './principals.ts';
import { EXECUTION_ROLE } from './roles.ts';
import { ACCOUNT, secretArn, TASK_SOURCE_IP } from './service.ts';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/** The secret that everything here is about. */
const SECRET = 'jamf-mcp-server/production';

/** The intruder's user agent carries terminal control sequences: set a window title, clear the screen, forge a line. */
const HOSTILE_AGENT = 'python-requests/2.31.0\u001b]0;all is well\u0007\u001b[2J\u001b[1;1Hno findings\r\n\u009b31m';

/**
 * The events: each day the service was scaled out by two tasks, whose execution role sessions read the secret, and 20
 * minutes before the start a denied read with a long-term key.
 * @param now - when the sandbox starts, milliseconds since 1970
 * @returns records, oldest first; the same for the same arguments
 */
export function history(now: number, region: string): TrailRecord[] {
  const reads = [7, 6, 5, 4, 3, 2, 1].flatMap((daysAgo) =>
    [0, 1].map((task) =>
      taskStart(now - daysAgo * DAY_MS + (3 * daysAgo + 1) * MINUTE_MS + task * 4000, region, daysAgo * 2 + task),
    ),
  );
  return [...reads, deniedRead(now - 20 * MINUTE_MS, region)];
}

function taskStart(at: number, region: string, number: number): TrailRecord {
  const principal = roleSession(
    EXECUTION_ROLE,
    madeUp(number, 32),
    `ASIATASK${String(number).padStart(5, '0')}EXAMPLE`,
    at - 2000,
  );
  return {
    ...common(at, region, number),
    userIdentity: userIdentity(principal),
    sourceIPAddress: TASK_SOURCE_IP,
    userAgent: AGENT_USER_AGENT,
    requestParameters: { secretId: secretArn(region, SECRET) },
  };
}

function deniedRead(at: number, region: string): TrailRecord {
  const action = 'secretsmanager:GetSecretValue';
  return {
    ...common(at, region, 99),
    userIdentity: userIdentity(LEGACY_CI_PRINCIPAL),
    sourceIPAddress: '203.0.113.66',
    userAgent: HOSTILE_AGENT,
    errorCode: 'AccessDenied',
    errorMessage: `User: ${LEGACY_CI_PRINCIPAL.arn} is not authorized to perform: ${action} on resource: ${SECRET} because no identity-based policy allows the ${action} action`,
    requestParameters: null,
  };
}

const common = (at: number, region: string, number: number) => ({
  eventVersion: '1.11',
  eventTime: seconds(at),
  eventSource: 'secretsmanager.amazonaws.com',
  eventName: 'GetSecretValue',
  awsRegion: region,
  responseElements: null,
  requestID: uuid(number, 'a'),
  eventID: uuid(number, 'b'),
  readOnly: true,
  eventType: 'AwsApiCall',
  managementEvent: true,
  recipientAccountId: ACCOUNT,
  eventCategory: 'Management',
});

/** Hexadecimal digits that follow from a number. */
const madeUp = (number: number, length: number) =>
  (BigInt(number + 1) * 0x9e3779b97f4a7c15f39cc0605cedc835n).toString(16).padStart(length, '0').slice(-length);

const uuid = (number: number, mark: string) => {
  const digits = madeUp(number, 32);
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-${mark}${digits.slice(17, 20)}-${digits.slice(20)}`;
};
