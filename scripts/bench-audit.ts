/**
 * `npm run bench:audit [-- EVENTS] [--secrets THOUSANDTHS] [--keep FOLDER] [--rounds N]`: an archive of made-up
 * CloudTrail records, audited as a user would with every detector on, beside plain gunzip and `zcat | jq` of the same
 * files in the same run. Prints events a second, the ratios beside their limits (of wall time, and of the processors'
 * time, which says more on a machine that others use), and the most memory that the audit took. Nothing here asserts.
 * The issue's own size is 10,000,000 events (12 GB unpacked, some ten minutes to make); a million is the default.
 * An archive that is kept is not made again.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    secrets: { type: 'string', default: '30' },
    keep: { type: 'string' },
    rounds: { type: 'string', default: '3' },
  },
});
const EVENTS = Number(positionals[0] ?? 1_000_000);
const PER_FILE = 2_000;
/** Share of records that concern secrets, in thousandths: 30 is an account where services read theirs at every start. */
const OF_SECRETS = Number(options.secrets);
/** Speed beside gunzip of the same files, at least, and beside `zcat | jq`; bytes of memory, at most. */
const LIMIT = { gunzip: 0.75, jq: 15, memory: 300e6 };
const ROUNDS = Number(options.rounds);
/** Calls that fill most trails; the key's are the ones that a search has to look at twice. */
const OTHERS = [
  ['ec2', 'DescribeInstances'],
  ['sts', 'AssumeRole'],
  ['s3', 'GetBucketAcl'],
  ['kms', 'Decrypt'],
  ['logs', 'CreateLogStream'],
  ['ecs', 'DescribeTasks'],
] as const;

/** What an archive is made of. */
interface Archive {
  files: string[];
  packed: number;
  unpacked: number;
}

/** What a process took: seconds by the clock, seconds of the processors, bytes of memory. */
interface Cost {
  wall: number;
  work: number;
  memory: number;
}

const folder = options.keep ?? mkdtempSync(join(tmpdir(), 'bench-audit-'));
try {
  const { files, packed, unpacked } = archive(folder);
  console.log(
    `${count(EVENTS)} events in ${count(files.length)} files, ${mb(packed)} packed, ${mb(unpacked)} unpacked, ${String(OF_SECRETS / 10)} % of secrets`,
  );
  const list = join(folder, 'files');
  writeFileSync(list, files.join('\0'));
  const rounds = { audit: [] as Cost[], gunzip: [] as Cost[] };
  for (let round = 0; round < ROUNDS; round += 1) {
    rounds.gunzip.push(await cost('sh', ['-c', `xargs -0 gunzip -c < ${list} > /dev/null`]));
    rounds.audit.push(
      await cost(process.execPath, ['bin/run.js', 'audit', join(folder, 'AWSLogs'), '--all-secrets', '--quiet']),
    );
  }
  const [ours, gunzip] = [best(rounds.audit), best(rounds.gunzip)];
  console.log(
    `audit   ${seconds(ours)}  ${count(Math.round(EVENTS / ours.wall))} events/s  at most ${mb(ours.memory)} of memory  limit ${mb(LIMIT.memory)}  ${ours.memory <= LIMIT.memory ? 'within' : 'OVER'}`,
  );
  console.log(
    `gunzip  ${seconds(gunzip)}  ratio ${verdict(gunzip.wall / ours.wall, LIMIT.gunzip)}, of the processors' time ${(gunzip.work / ours.work).toFixed(2)}`,
  );
  // jq takes minutes for a million: a tenth of the files tell its speed.
  if (spawnSync('jq', ['--version']).status === 0) {
    const some = files.slice(0, Math.max(1, Math.min(100, Math.floor(files.length / 10))));
    writeFileSync(list, some.join('\0'));
    const filter = '.Records[] | select(.eventSource == "secretsmanager.amazonaws.com") | .eventID';
    const { wall } = await cost('sh', ['-c', `xargs -0 zcat < ${list} | jq -c '${filter}' > /dev/null`]);
    const jq = wall * (files.length / some.length);
    // No audit can be faster than that, whatever the limit says.
    const unpacking = jq / (gunzip.work / availableParallelism());
    console.log(
      `jq      ${jq.toFixed(2)} s  ratio ${verdict(jq / ours.wall, LIMIT.jq)}  (of ${count(some.length)} files); of unpacking alone on all cores ${unpacking.toFixed(1)}`,
    );
  }
} finally {
  if (options.keep === undefined) rmSync(folder, { recursive: true });
}

/** The least that any round took: what else runs on the machine only adds. The most memory of all. */
function best(rounds: readonly Cost[]): Cost {
  const least = (pick: (cost: Cost) => number) => Math.min(...rounds.map(pick));
  return {
    wall: least(({ wall }) => wall),
    work: least(({ work }) => work),
    memory: Math.max(...rounds.map(({ memory }) => memory)),
  };
}

/** Run a process to its end, start-up and those that it starts included; its own memory is looked at as it runs. */
async function cost(command: string, args: readonly string[]): Promise<Cost> {
  const before = workOfChildren();
  const started = process.hrtime.bigint();
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  let memory = 0;
  const watch = setInterval(() => {
    memory = Math.max(memory, peakOf(child.pid));
  }, 50);
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  clearInterval(watch);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ended with ${String(code)}`);
  return { wall: Number(process.hrtime.bigint() - started) / 1e9, work: workOfChildren() - before, memory };
}

/** Seconds that the processors have worked for children that have ended; NaN where the system does not tell. */
function workOfChildren(): number {
  try {
    // Past the name, which may have spaces: cutime and cstime are the 14th and 15th, in hundredths (proc_pid_stat(5)).
    const fields = readFileSync('/proc/self/stat', 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return (Number(fields[13]) + Number(fields[14])) / 100;
  } catch {
    return Number.NaN;
  }
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

/** The archive of a folder: what was kept there, or a new one. */
function archive(to: string): Archive {
  const kept = join(to, `archive-${String(EVENTS)}-${String(OF_SECRETS)}.json`);
  if (existsSync(kept)) return JSON.parse(readFileSync(kept, 'utf8')) as Archive;
  const made = generate(to, EVENTS);
  writeFileSync(kept, JSON.stringify(made));
  return made;
}

/**
 * Write an archive as a trail lays it out. Records differ in what differs in life: id, time, address, session, secret.
 * A record is a text with gaps of fixed length, so that ten million take minutes to make.
 */
function generate(to: string, events: number): Archive {
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

function seconds({ wall, work }: Cost): string {
  return `${wall.toFixed(2)} s (${work.toFixed(2)} s of the processors)`;
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
