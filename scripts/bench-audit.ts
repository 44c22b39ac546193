/**
 * `npm run bench:audit [-- EVENTS]`: an archive of made-up CloudTrail records, audited as a user would with every
 * detector on, beside plain gunzip and `zcat | jq` of the same files in the same run. Prints events a second, the ratios
 * beside their limits, and the most memory that the audit took. Nothing here asserts: machines are shared.
 * The issue's own size is 10,000,000 events (12 GB unpacked); a million is the default.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const EVENTS = Number(process.argv[2] ?? 1_000_000);
const PER_FILE = 2_000;
/** Share of records that concern secrets, in thousandths: an account where services read theirs at every start. */
const OF_SECRETS = 30;
/** Speed beside gunzip of the same files, at least; and beside `zcat | jq`. */
const LIMIT = { gunzip: 0.75, jq: 15 };
const ROUNDS = 3;
/** Calls that fill most trails; the key's are the ones that a search has to look at twice. */
const OTHERS = [
  ['ec2', 'DescribeInstances'],
  ['sts', 'AssumeRole'],
  ['s3', 'GetBucketAcl'],
  ['kms', 'Decrypt'],
  ['logs', 'CreateLogStream'],
  ['ecs', 'DescribeTasks'],
] as const;

const folder = mkdtempSync(join(tmpdir(), 'bench-audit-'));
try {
  const { files, packed, unpacked } = generate(folder, EVENTS);
  console.log(
    `${count(EVENTS)} events in ${count(files.length)} files, ${mb(packed)} packed, ${mb(unpacked)} unpacked, ${String(OF_SECRETS / 10)} % of secrets`,
  );
  const list = join(folder, 'files');
  writeFileSync(list, files.join('\0'));
  const rounds = { audit: [] as number[], gunzip: [] as number[] };
  let memory = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    rounds.gunzip.push(shell(`xargs -0 gunzip -c < ${list} > /dev/null`));
    const { seconds, most } = await audit(join(folder, 'AWSLogs'));
    rounds.audit.push(seconds);
    memory = Math.max(memory, most);
  }
  const [ours, gunzip] = [median(rounds.audit), median(rounds.gunzip)];
  console.log(
    `audit   ${ours.toFixed(2)} s  ${count(Math.round(EVENTS / ours))} events/s  at most ${mb(memory)} of memory`,
  );
  console.log(`gunzip  ${gunzip.toFixed(2)} s  ratio ${verdict(gunzip / ours, LIMIT.gunzip)}`);
  // jq takes minutes for a million: a tenth of the files tell its speed.
  if (spawnSync('jq', ['--version']).status === 0) {
    const some = files.slice(0, Math.max(1, Math.floor(files.length / 10)));
    writeFileSync(list, some.join('\0'));
    const filter = '.Records[] | select(.eventSource == "secretsmanager.amazonaws.com") | .eventID';
    const jq = shell(`xargs -0 zcat < ${list} | jq -c '${filter}' > /dev/null`) * (files.length / some.length);
    console.log(`jq      ${jq.toFixed(2)} s  ratio ${verdict(jq / ours, LIMIT.jq)}  (of a tenth of the files)`);
  }
} finally {
  rmSync(folder, { recursive: true });
}

/** Seconds that a line of shell takes. */
function shell(line: string): number {
  const started = process.hrtime.bigint();
  const { status, stderr } = spawnSync('sh', ['-c', line]);
  if (status !== 0) throw new Error(`${line}: ${String(stderr)}`);
  return Number(process.hrtime.bigint() - started) / 1e9;
}

/** The whole process, start-up included; its memory is looked at as it runs. */
async function audit(path: string): Promise<{ seconds: number; most: number }> {
  const started = process.hrtime.bigint();
  const child = spawn(process.execPath, ['bin/run.js', 'audit', path, '--all-secrets', '--quiet'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, peakOf(child.pid));
  }, 50);
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  clearInterval(watch);
  if (code !== 0) throw new Error(`audit ended with ${String(code)}`);
  return { seconds: Number(process.hrtime.bigint() - started) / 1e9, most };
}

/** The most memory that a process has had so far, in bytes; Linux tells it. */
function peakOf(pid: number | undefined): number {
  try {
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8')) ?? [];
    return Number(kilobytes ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/**
 * Write an archive as a trail lays it out. Records differ in what differs in life: id, time, address, session, secret.
 * A record is a text with gaps of fixed length, so that ten million take minutes to make.
 */
function generate(to: string, events: number): { files: string[]; packed: number; unpacked: number } {
  const files: string[] = [];
  let [packed, unpacked] = [0, 0];
  const start = Date.UTC(2026, 9, 1);
  for (let from = 0; from < events; from += PER_FILE) {
    const size = Math.min(PER_FILE, events - from);
    const records = Array.from({ length: size }, (_, index) => record(from + index, start + (from + index) * 250));
    const text = `{"Records":[${records.join(',')}]}`;
    const day = new Date(start + from * 250).toISOString().slice(0, 10).replaceAll('-', '/');
    const place = join(to, 'AWSLogs/111122223333/CloudTrail/us-east-1', day);
    mkdirSync(place, { recursive: true });
    const file = join(place, `111122223333_CloudTrail_us-east-1_${String(from).padStart(9, '0')}.json.gz`);
    const bytes = gzipSync(text, { level: 6 });
    writeFileSync(file, bytes);
    files.push(file);
    packed += bytes.length;
    unpacked += text.length;
  }
  return { files, packed, unpacked };
}

function record(number: number, time: number): string {
  const digest = createHash('sha256').update(String(number)).digest('hex');
  const uuid = (at: number) =>
    `${digest.slice(at, at + 8)}-${digest.slice(at + 8, at + 12)}-4${digest.slice(at + 12, at + 15)}-8${digest.slice(at + 15, at + 18)}-${digest.slice(at + 18, at + 30)}`;
  const dice = Number.parseInt(digest.slice(0, 6), 16);
  const secrets = dice % 1_000 < OF_SECRETS;
  const [service, action] = secrets
    ? (['secretsmanager', 'GetSecretValue'] as const)
    : (OTHERS[dice % OTHERS.length] ?? ['sts', 'AssumeRole']);
  const role = `role-${String(dice % 40)}`;
  const parameters = secrets
    ? `{"secretId":"arn:aws:secretsmanager:us-east-1:111122223333:secret:app/${String(dice % 60)}-AbCdEf"}`
    : `{"instancesSet":{"items":[{"instanceId":"i-${digest.slice(20, 37)}"}]},"filterSet":{}}`;
  return `{"eventVersion":"1.11","userIdentity":{"type":"AssumedRole","principalId":"AROAEXAMPLE:${digest.slice(0, 32)}","arn":"arn:aws:sts::111122223333:assumed-role/${role}/${digest.slice(0, 32)}","accountId":"111122223333","accessKeyId":"ASIAEXAMPLE","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAEXAMPLE","arn":"arn:aws:iam::111122223333:role/${role}","accountId":"111122223333","userName":"${role}"},"attributes":{"creationDate":"2026-10-01T00:00:00Z","mfaAuthenticated":"false"}}},"eventTime":"${new Date(time).toISOString().slice(0, 19)}Z","eventSource":"${service}.amazonaws.com","eventName":"${action}","awsRegion":"us-east-1","sourceIPAddress":"10.0.${String(dice % 250)}.${String(dice % 199)}","userAgent":"aws-sdk-js/3.1162.0 ua/2.1 os/linux lang/js md/nodejs api/${service}","requestParameters":${parameters},"responseElements":null,"requestID":"${uuid(0)}","eventID":"${uuid(30)}","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management","tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"${service}.us-east-1.amazonaws.com"}}`;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function verdict(ratio: number, limit: number): string {
  return `${ratio.toFixed(2)}  limit ${String(limit)}  ${ratio >= limit ? 'within' : 'UNDER'}`;
}

function count(value: number): string {
  return value.toLocaleString('en');
}

function mb(bytes: number): string {
  return `${count(Math.round(bytes / 1e6))} MB`;
}
