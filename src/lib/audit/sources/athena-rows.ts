/** A row that Athena gives for the query of `audit sql`, made the CloudTrail record again that it was. */

/** A row by the names of its columns. */
export type Row = Readonly<Record<string, string | undefined>>;

/** Texts, by column, and as CloudTrail spells the member. */
const TEXTS: Readonly<Record<string, string>> = {
  eventversion: 'eventVersion',
  eventtime: 'eventTime',
  eventsource: 'eventSource',
  eventname: 'eventName',
  awsregion: 'awsRegion',
  sourceipaddress: 'sourceIPAddress',
  useragent: 'userAgent',
  errorcode: 'errorCode',
  errormessage: 'errorMessage',
  requestid: 'requestID',
  eventid: 'eventID',
  eventtype: 'eventType',
  recipientaccountid: 'recipientAccountId',
  sharedeventid: 'sharedEventID',
  vpcendpointid: 'vpcEndpointId',
  sessioncredentialfromconsole: 'sessionCredentialFromConsole',
};

/** JSON in a text: CloudTrail's input format makes texts of what has no fixed shape. */
const JSONS: Readonly<Record<string, string>> = {
  requestparameters: 'requestParameters',
  responseelements: 'responseElements',
  additionaleventdata: 'additionalEventData',
  serviceeventdetails: 'serviceEventDetails',
};

const IDENTITY: Readonly<Record<string, string>> = {
  identity_type: 'type',
  identity_principalid: 'principalId',
  identity_arn: 'arn',
  identity_accountid: 'accountId',
  identity_invokedby: 'invokedBy',
  identity_accesskeyid: 'accessKeyId',
  identity_username: 'userName',
};

/**
 * Make the record.
 * @returns the record, and the columns that should be JSON and are not
 */
export function recordOf(row: Row): { record: Record<string, unknown>; broken: string[] } {
  const broken: string[] = [];
  const record: Record<string, unknown> = renamed(row, TEXTS);
  for (const [column, member] of Object.entries(JSONS)) {
    const text = row[column];
    if (text === undefined || text === '') continue;
    const value = parsed(text);
    if (value === undefined) broken.push(column);
    else record[member] = value;
  }
  const { issuer_arn: issuer, mfa, resource_arn: arn, resource_type: type } = row;
  record.userIdentity = {
    ...renamed(row, IDENTITY),
    ...(issuer === undefined && mfa === undefined
      ? {}
      : {
          sessionContext: {
            ...(issuer === undefined ? {} : { sessionIssuer: { arn: issuer } }),
            ...(mfa === undefined ? {} : { attributes: { mfaAuthenticated: mfa } }),
          },
        }),
  };
  if (arn !== undefined) record.resources = [{ ARN: arn, type }];
  return { record, broken };
}

const renamed = (row: Row, names: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(names).flatMap(([column, member]) => {
      const value = row[column];
      return value === undefined ? [] : [[member, value] as const];
    }),
  );

/** Undefined for what is not JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
