/** The few calls of S3 that reading a trail's bucket takes, on loopback, over objects in memory. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Objects } from './digests.ts';

/** A running server. */
export interface TestS3 {
  url: string;
  buckets: Map<string, Objects>;
  /** What was asked for: `GET bucket/key`, `LIST bucket prefix`. */
  calls: string[];
  /** Keys that nobody may read. */
  denied: Set<string>;
  close(): Promise<void>;
}

/** Keys a page: small, so that every list is of several. */
const PAGE_SIZE = 7;

export async function startS3(): Promise<TestS3> {
  const buckets = new Map<string, Objects>();
  const calls: string[] = [];
  const denied = new Set<string>();
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    const [, bucket = '', ...rest] = url.pathname.split('/').map(decodeURIComponent);
    const key = rest.join('/');
    const send = (status: number, body: string | Buffer, headers: Record<string, string> = {}) => {
      const type = typeof body === 'string' ? { 'content-type': 'application/xml' } : {};
      response.writeHead(status, { ...type, ...headers, 'content-length': Buffer.byteLength(body) });
      response.end(request.method === 'HEAD' ? undefined : body);
    };
    const fail = (status: number, code: string) => {
      send(status, `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`);
    };
    const objects = buckets.get(bucket);
    if (!objects) fail(404, 'NoSuchBucket');
    else if (url.searchParams.has('location')) {
      send(200, '<?xml version="1.0"?><LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>');
    } else if (key === '') {
      calls.push(`LIST ${bucket} ${url.searchParams.get('prefix') ?? ''}`);
      send(200, listing(bucket, objects, url.searchParams));
    } else {
      calls.push(`${String(request.method)} ${bucket}/${key}`);
      const object = objects.get(key);
      if (denied.has(key)) fail(403, 'AccessDenied');
      else if (object) {
        const metadata = Object.entries(object.metadata).map(([name, value]) => [`x-amz-meta-${name}`, value]);
        send(200, object.content, Object.fromEntries(metadata) as Record<string, string>);
      } else fail(404, 'NoSuchKey');
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    buckets,
    calls,
    denied,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

/**
 * A server for the tests of the enclosing `describe`, which the AWS variables of this process lead to meanwhile.
 * @returns the server
 */
export function withS3(): () => TestS3 {
  let running: TestS3 | null = null;
  let outside: [string, string | undefined][] = [];
  before(async () => {
    running = await startS3();
    const variables = {
      AWS_ENDPOINT_URL_S3: running.url,
      AWS_ACCESS_KEY_ID: 'AKIATEST00000EXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'test-key-EXAMPLE',
      AWS_REGION: 'us-east-1',
    };
    outside = Object.keys(variables).map((name) => [name, process.env[name]]);
    Object.assign(process.env, variables);
  });
  after(async () => {
    for (const [name, value] of outside) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
    await running?.close();
  });
  return () => {
    if (!running) throw new Error('the server starts with the first test');
    return running;
  };
}

/** Both versions of the call: the SDK asks for the second, `aws cloudtrail validate-logs` for the first. */
function listing(bucket: string, objects: Objects, query: URLSearchParams): string {
  const [prefix, delimiter] = [query.get('prefix') ?? '', query.get('delimiter') ?? ''];
  const after = query.get('continuation-token') ?? query.get('start-after') ?? query.get('marker') ?? '';
  const entries = new Map<string, string>();
  for (const key of [...objects.keys()].filter((one) => one.startsWith(prefix)).sort()) {
    const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    const folder = end < 0 ? null : key.slice(0, end + 1);
    if ((folder ?? key) <= after) continue;
    const size = String(objects.get(key)?.content.length);
    if (folder !== null) entries.set(folder, `<CommonPrefixes><Prefix>${folder}</Prefix></CommonPrefixes>`);
    else entries.set(key, `<Contents><Key>${key}</Key><Size>${size}</Size></Contents>`);
  }
  const page = [...entries].slice(0, PAGE_SIZE);
  const more = entries.size > page.length;
  const last = page.at(-1)?.[0] ?? '';
  return [
    '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">',
    `<Name>${bucket}</Name><Prefix>${prefix}</Prefix><IsTruncated>${String(more)}</IsTruncated>`,
    more ? `<NextContinuationToken>${last}</NextContinuationToken><NextMarker>${last}</NextMarker>` : '',
    ...page.map(([, xml]) => xml),
    '</ListBucketResult>',
  ].join('');
}
