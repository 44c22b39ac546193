/** CSV for spreadsheets: a row an access, written as they pass. The columns are told in docs/audit-reports.md. */
import { csvLine, type Cell } from '../../format/csv.ts';
import type { AuditedAccess } from '../access.ts';
import { identityOf } from '../principal.ts';
import type { OpenReport } from './report.ts';

/** A column. Columns may be added at the end, never renamed or moved. */
export interface CsvColumn {
  name: string;
  means: string;
  readonly of: (access: AuditedAccess) => Cell;
}

export const CSV_COLUMNS: readonly CsvColumn[] = [
  { name: 'time', means: 'ISO 8601, UTC; empty where the record tells none', of: ({ time }) => time },
  { name: 'action', means: "CloudTrail's eventName", of: ({ action }) => action },
  { name: 'outcome', means: '`success`, `denied` or `failed`', of: ({ outcome }) => outcome },
  { name: 'explained', means: '`true` or `false`', of: ({ explanation }) => explanation !== null },
  {
    name: 'explanation',
    means: 'what explains it: `task-start`, `rotation` …',
    of: (one) => one.explanation?.kind ?? null,
  },
  {
    name: 'explanation_ref',
    means: 'the task, rotation or pattern that it goes by',
    of: (one) => one.explanation?.ref ?? null,
  },
  { name: 'explanation_why', means: 'what agrees, in words', of: (one) => one.explanation?.why ?? null },
  {
    name: 'identity',
    means: 'who did it, the sessions of a role as one',
    of: ({ principal }) => identityOf(principal),
  },
  { name: 'principal_arn', means: 'ARN of the principal, session included', of: ({ principal }) => principal.arn },
  { name: 'principal_type', means: "CloudTrail's userIdentity.type", of: ({ principal }) => principal.type },
  { name: 'account', means: 'account of the principal', of: ({ principal }) => principal.account },
  { name: 'session', means: 'session name, chosen by who assumed the role', of: ({ principal }) => principal.session },
  { name: 'access_key_id', means: 'key that signed the call', of: ({ principal }) => principal.accessKeyId },
  { name: 'mfa', means: '`true`, `false`, or empty where it is not told', of: ({ mfa }) => mfa },
  { name: 'console', means: 'whether it was made in the AWS console', of: ({ console }) => console },
  { name: 'invoked_by', means: 'AWS service on whose behalf it was made', of: ({ invokedBy }) => invokedBy },
  { name: 'secret', means: 'ARN, or name where the ARN is unknown', of: ({ secret }) => secret },
  { name: 'secret_name', means: 'friendly name', of: ({ secretName }) => secretName },
  { name: 'source_ip', means: 'address, or name of an AWS service', of: ({ sourceIp }) => sourceIp },
  { name: 'vpc_endpoint_id', means: 'endpoint that it came through', of: ({ vpcEndpointId }) => vpcEndpointId },
  { name: 'user_agent', means: 'written by the caller, who can write anything', of: ({ userAgent }) => userAgent },
  { name: 'region', means: 'Region that was called', of: ({ region }) => region },
  { name: 'error_code', means: 'why it was refused or failed', of: ({ error }) => error?.code ?? null },
  { name: 'error_message', means: 'the same in words', of: ({ error }) => error?.message ?? null },
  { name: 'event_id', means: "CloudTrail's eventID", of: ({ eventId }) => eventId },
  { name: 'request_id', means: "CloudTrail's requestID", of: ({ requestId }) => requestId },
];

export const csvReport: OpenReport = () => {
  let header = csvLine(CSV_COLUMNS.map(({ name }) => name));
  const headed = (line: string) => {
    const text = header + line;
    header = '';
    return text;
  };
  return {
    access: (access) => headed(csvLine(CSV_COLUMNS.map(({ of }) => of(access)))),
    end: () => headed(''),
  };
};
