/** AWS's wire protocols, AWS JSON, Query, REST and that of S3, as far as the sandbox's services speak them. */
import { randomUUID } from 'node:crypto';
import { restRequest, restStatus } from './rest.ts';
import { AwsFault } from './service.ts';

/** A request once its protocol is taken off. */
export interface WireRequest {
  protocol: 'json' | 'query' | 'rest' | 's3';
  /** As in `eventSource`: `secretsmanager`. */
  service: string;
  operation: string;
  input: Record<string, unknown>;
}

/** An answer as HTTP sends it. */
export interface WireResponse {
  status: number;
  headers: Record<string, string>;
  body: string | Uint8Array;
}

/** `X-Amz-Target` prefixes. The SDK for JavaScript and botocore spell CloudTrail's differently; AWS takes both. */
const TARGETS: Readonly<Record<string, string>> = {
  secretsmanager: 'secretsmanager',
  AmazonEC2ContainerServiceV20141113: 'ecs',
  'com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101': 'cloudtrail',
  CloudTrail_20131101: 'cloudtrail',
  AmazonAthena: 'athena',
  TrentService: 'kms',
  AWSEvents: 'events',
  AmazonSQS: 'sqs',
  Logs_20140328: 'logs',
};

/** `Version` of the Query services, with the XML namespace of their answers. */
const VERSIONS: Readonly<Record<string, { service: string; namespace: string }>> = {
  '2011-06-15': { service: 'sts', namespace: 'https://sts.amazonaws.com/doc/2011-06-15/' },
  '2010-05-08': { service: 'iam', namespace: 'https://iam.amazonaws.com/doc/2010-05-08/' },
};

/** A request as HTTP brings it; names of headers in lower case. */
export interface HttpRequest {
  method: string;
  /** Without the query, percent-encoded. */
  path: string;
  query: URLSearchParams;
  headers: Readonly<Record<string, string>>;
  body: string;
}

/**
 * Take the protocol off a request.
 * @returns the request, or null where it is none that AWS would understand
 * @throws AwsFault SerializationException where the body is not the JSON object it should be
 */
export function decode({ method, path, headers, query, body }: HttpRequest): WireRequest | null {
  const target = headers['x-amz-target'];
  if (target !== undefined) {
    const dot = target.lastIndexOf('.');
    const service = TARGETS[target.slice(0, dot)];
    if (service === undefined) return null;
    return { protocol: 'json', service, operation: target.slice(dot + 1), input: parseObject(body) };
  }
  if (isS3(headers)) return s3Request(method, path, query);
  const rest = restRequest(method, path);
  if (rest) {
    const { service, operation, input } = rest;
    const given = { ...Object.fromEntries(query), ...parseObject(body), ...input };
    return { protocol: 'rest', service, operation, input: given };
  }
  const form = new URLSearchParams([...query, ...new URLSearchParams(body)]);
  const action = form.get('Action');
  const version = VERSIONS[form.get('Version') ?? ''];
  if (action === null || version === undefined) return null;
  form.delete('Action');
  form.delete('Version');
  return { protocol: 'query', service: version.service, operation: action, input: parseForm(form) };
}

/** What a request was signed for tells its service: a path of S3 may be any. */
const isS3 = ({ authorization = '' }: HttpRequest['headers']) =>
  /Credential=[^,\s]+\/s3\/aws4_request/.test(authorization);

function s3Request(method: string, path: string, query: URLSearchParams): WireRequest {
  const [, bucket = '', ...key] = path.split('/').map(decodeURIComponent);
  const Key = key.join('/');
  const operation =
    Key === '' ? (query.get('list-type') === '2' ? 'ListObjectsV2' : 'ListObjects') : S3_OBJECTS[method];
  const input = { ...Object.fromEntries(query), Bucket: bucket, Key };
  return { protocol: 's3', service: 's3', operation: operation ?? `${method} object`, input };
}

const S3_OBJECTS: Readonly<Record<string, string>> = { GET: 'GetObject', HEAD: 'HeadObject', PUT: 'PutObject' };

function parseObject(body: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = body === '' ? {} : JSON.parse(body);
  } catch {
    throw new AwsFault('SerializationException', 'Unable to parse the request body as JSON');
  }
  if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed)) {
    throw new AwsFault('SerializationException', 'Start of structure or map found where not expected.');
  }
  return parsed as Record<string, unknown>;
}

/** `Tags.member.1.Key=a` becomes `{Tags: [{Key: 'a'}]}`. */
function parseForm(form: URLSearchParams): Record<string, unknown> {
  const tree = new Map<string, unknown>();
  for (const [name, value] of form) {
    const steps = name.split('.');
    const last = steps.pop() ?? name;
    let node = tree;
    for (const step of steps) {
      const next = node.get(step);
      const child = next instanceof Map ? (next as Map<string, unknown>) : new Map<string, unknown>();
      node.set(step, child);
      node = child;
    }
    node.set(last, value);
  }
  return plain(tree) as Record<string, unknown>;
}

function plain(node: unknown): unknown {
  if (!(node instanceof Map)) return node;
  const members: unknown = node.get('member');
  if (node.size === 1 && members instanceof Map) {
    return [...(members as Map<string, unknown>)]
      .sort(([a], [b]) => Number(a) - Number(b))
      .map(([, item]) => plain(item));
  }
  return Object.fromEntries([...(node as Map<string, unknown>)].map(([name, value]) => [name, plain(value)]));
}

/**
 * Put the protocol on an output.
 * @param output - members by AWS's names; a `Date` becomes seconds since 1970 (JSON) or ISO 8601 (Query)
 */
export function encode(request: WireRequest, output: unknown, requestId: string): WireResponse {
  if (request.protocol === 'json') return json(200, requestId, JSON.stringify(jsonValue(output ?? {})));
  if (request.protocol === 'rest') return rest(request.operation, output, requestId);
  if (request.protocol === 's3')
    return output instanceof Uint8Array ? bytes(requestId, output) : xml(200, requestId, String(output));
  const { operation } = request;
  const result = output === undefined ? '' : `<${operation}Result>${xmlMembers(output)}</${operation}Result>`;
  return xml(
    200,
    requestId,
    `<${operation}Response xmlns="${namespaceOf(request.service)}">${result}<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></${operation}Response>`,
  );
}

/** Put the protocol on an error. */
export function encodeFault(
  request: Pick<WireRequest, 'protocol' | 'service'>,
  fault: AwsFault,
  requestId: string,
): WireResponse {
  if (request.protocol === 'rest') {
    const type = fault.status < 500 ? 'User' : 'Service';
    const answer = json(
      fault.status,
      requestId,
      JSON.stringify({ Type: type, Message: fault.message, message: fault.message }),
    );
    return { ...answer, headers: { ...answer.headers, 'x-amzn-errortype': fault.code } };
  }
  if (request.protocol === 'json') {
    // ECS, KMS and CloudTrail answer `message`, Secrets Manager `Message`; clients read either, so send both as AWS's gateway does.
    const body = {
      __type: fault.code,
      message: fault.message,
      ...(request.service === 'secretsmanager' ? { Message: fault.message } : {}),
    };
    return json(fault.status, requestId, JSON.stringify(body));
  }
  if (request.protocol === 's3') {
    const error = `<Code>${escapeXml(fault.code)}</Code><Message>${escapeXml(fault.message)}</Message>`;
    return xml(fault.status, requestId, `<Error>${error}<RequestId>${requestId}</RequestId></Error>`);
  }
  const type = fault.status < 500 ? 'Sender' : 'Receiver';
  return xml(
    fault.status,
    requestId,
    `<ErrorResponse xmlns="${namespaceOf(request.service)}"><Error><Type>${type}</Type><Code>${escapeXml(fault.code)}</Code><Message>${escapeXml(fault.message)}</Message></Error><RequestId>${requestId}</RequestId></ErrorResponse>`,
  );
}

const namespaceOf = (service: string) =>
  Object.values(VERSIONS).find((version) => version.service === service)?.namespace ?? '';

const json = (status: number, requestId: string, body: string): WireResponse => ({
  status,
  headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': requestId },
  body,
});

/** Invoke answers with what the function answered, and says in a header whether it failed. */
function rest(operation: string, output: unknown, requestId: string): WireResponse {
  const status = restStatus(operation);
  if (operation !== 'Invoke')
    return json(status, requestId, status === 204 ? '' : JSON.stringify(jsonValue(output ?? {})));
  const { FunctionError, Payload } = output as { FunctionError?: string; Payload: string };
  const answer = json(Payload === '' ? 202 : 200, requestId, Payload);
  const failed: Record<string, string> = FunctionError === undefined ? {} : { 'x-amz-function-error': FunctionError };
  return { ...answer, headers: { ...answer.headers, ...failed } };
}

const bytes = (requestId: string, body: Uint8Array): WireResponse => ({
  status: 200,
  headers: { 'content-type': 'application/octet-stream', 'x-amzn-requestid': requestId },
  body,
});

const xml = (status: number, requestId: string, body: string): WireResponse => ({
  status,
  headers: { 'content-type': 'text/xml', 'x-amzn-requestid': requestId },
  body: `<?xml version="1.0"?>${body}`,
});

/** Dates inside become seconds with three decimals, as AWS JSON 1.1 has them. */
function jsonValue(value: unknown): unknown {
  if (value instanceof Date) return value.getTime() / 1000;
  if (Array.isArray(value)) return value.map(jsonValue);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, jsonValue(inner)]));
}

function xmlMembers(value: unknown): string {
  if (Array.isArray(value)) return value.map((item) => `<member>${xmlMembers(item)}</member>`).join('');
  if (value instanceof Date) return value.toISOString();
  if (value !== null && typeof value === 'object') {
    return Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .map(([name, inner]) => `<${name}>${xmlMembers(inner)}</${name}>`)
      .join('');
  }
  return escapeXml(String(value));
}

const escapeXml = (text: string) => text.replace(/[&<>"']/g, (character) => `&#${String(character.charCodeAt(0))};`);

/** An id for an answer that no service has a hand in. */
export const strayRequestId = () => randomUUID();
