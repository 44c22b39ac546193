import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { accessFrom } from '../../src/lib/audit/event.ts';
import { judge } from '../../src/lib/audit/judge.ts';
import { apiActivity, type Ocsf } from '../../src/lib/audit/reports/ocsf-activity.ts';
import { writtenId } from '../../src/lib/audit/secret-id.ts';
import { withTimeline } from '../../src/lib/audit/timeline.ts';
import type { AuditedAccess } from '../../src/lib/audit/access.ts';
import { corpusFile, jsonLines } from '../support/corpus.ts';
import { findingOf, hostileAccess, reportOf, resultOf } from '../support/reports.ts';
import { audited, facts } from '../support/trail.ts';

const FILES = ['invictus', 'invictus-kms', 'stratus', 'panther'] as const;

const schema = (name: string) => corpusFile(`schemas/ocsf-${name}-1.8.0.schema.json`);

describe('corpus: OCSF', () => {
  const SCHEMAS = { 6003: schema('api-activity'), 2004: schema('detection-finding') };
  const files = FILES.map((name) => corpusFile(`cloudtrail/${name}.jsonl`));
  if (SCHEMAS[6003] === null || SCHEMAS[2004] === null || files.includes(null)) {
    it.skip('schemas/ocsf-*.schema.json or cloudtrail/*.jsonl is not here');
    return;
  }
  const compiled = (file: string): ValidateFunction =>
    new Ajv2020({ strict: false, validateFormats: false }).compile(JSON.parse(readFileSync(file, 'utf8')) as object);
  const holds = { 6003: compiled(SCHEMAS[6003]), 2004: compiled(SCHEMAS[2004]) };
  const records = files.flatMap((file) => (file === null ? [] : jsonLines(file)));

  const check = (event: Ocsf) => {
    const valid = holds[event.class_uid as 6003];
    assert.ok(valid(event), `${JSON.stringify(valid.errors?.slice(0, 3))} ${JSON.stringify(event)}`);
  };

  const accesses = records.map((record): AuditedAccess => {
    const access = accessFrom(record);
    assert.ok(access);
    const [secret] = access.secrets;
    return {
      ...access,
      secret: secret ? writtenId(secret) : null,
      secretName: secret?.name ?? null,
      countedWith: null,
      explanation: null,
    };
  });

  it('holds for every real record, as API Activity', () => {
    assert.equal(accesses.length, 343);
    for (const access of accesses) check(apiActivity(access));
  });

  it('tells of the real records what the classes are for', () => {
    const events = accesses.map(apiActivity);
    const counts = (of: (event: Ocsf) => unknown) =>
      Object.fromEntries(
        [...Map.groupBy(events, (event) => String(of(event)))].map(([key, same]) => [key, same.length]),
      );
    // Service events, whose record has no address, are named by their service; nothing is a guess from a part of a name.
    assert.deepEqual(
      counts(({ activity_name: activity }) => activity),
      Object.fromEntries(
        [...Map.groupBy(accesses, ({ action }) => ACTIVITY[action])].map(([activity, same]) => [activity, same.length]),
      ),
    );
    for (const event of events) {
      assert.equal(event.type_uid, 600_300 + Number(event.activity_id));
      assert.ok(['Success', 'Failure'].includes(String(event.status)));
    }
    const service = events.filter(({ metadata }) => (metadata as Ocsf).event_code === 'AwsServiceEvent');
    assert.equal(service.length, 40);
    for (const { src_endpoint: source, actor } of service) {
      assert.equal((source as Ocsf).svc_name, 'secretsmanager.amazonaws.com');
      assert.equal((actor as Ocsf).invoked_by, 'secretsmanager.amazonaws.com');
    }
    const ids = events.map(({ metadata }) => (metadata as Ocsf).uid);
    assert.deepEqual(
      ids,
      accesses.map(({ eventId }) => eventId),
    );
  });

  it('fails where the schema says so', () => {
    const [access] = accesses;
    assert.ok(access);
    const event = apiActivity(access);
    for (const name of ['src_endpoint', 'api', 'actor', 'metadata', 'cloud', 'time'])
      assert.equal(holds[6003]({ ...event, [name]: undefined }), false, name);
    assert.equal(holds[6003]({ ...event, made_up: 1 }), false);
  });

  it('holds for the whole report: accesses of everything that detectors find, and the findings', async () => {
    let judged = 0;
    for (const name of FILES) {
      const file = corpusFile(`cloudtrail/${name}.jsonl`);
      if (file === null) continue;
      const emitted: AuditedAccess[] = [];
      const judgement = await withTimeline({ asked: null }, async (timeline) => {
        const sink = timeline.sink(false);
        for (const record of jsonLines(file)) {
          const access = accessFrom(record);
          if (access) sink(access);
        }
        return await judge(timeline.close(), facts(), { emit: (access) => void emitted.push(access) });
      });
      const text = await reportOf('ocsf', resultOf([], judgement), emitted);
      const events = text
        .trimEnd()
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Ocsf);
      assert.equal(events.length, judgement.total + judgement.findings.length);
      for (const event of events) check(event);
      judged += judgement.findings.length;
    }
    assert.ok(judged >= 4, String(judged));
  });

  it('holds for what strangers write, for what knows no time, and for the local store', async () => {
    const odd = [
      hostileAccess(),
      audited({ eventTime: null, requestID: null, userIdentity: null, sourceIPAddress: null, userAgent: null }),
      { ...audited({ userIdentity: null }), service: 'local', secret: 'local:x' },
    ];
    for (const eventName of ['constructor', 'toString', 'BrandNewCall'])
      assert.deepEqual(activityOf(audited({ eventName })), [99, eventName]);
    const findings = [
      findingOf(odd),
      findingOf([], { id: 'local-store:gap', severity: 'critical', technique: 'T1070' }),
    ];
    const text = await reportOf('ocsf', resultOf(odd, { findings }));
    for (const line of text.trimEnd().split('\n')) check(JSON.parse(line) as Ocsf);
    const [, timeless] = text.split('\n').map((line) => (line === '' ? {} : (JSON.parse(line) as Ocsf)));
    assert.deepEqual([timeless?.time, (timeless?.metadata as Ocsf).labels], [0, ['time unknown']]);
  });
});

const activityOf = (access: AuditedAccess) => {
  const { activity_id: id, activity_name: name } = apiActivity(access);
  return [id, name];
};

/** What OCSF calls the calls in the real records. */
const ACTIVITY: Readonly<Record<string, string>> = {
  ...{ GetSecretValue: 'Read', BatchGetSecretValue: 'Read', DescribeSecret: 'Read', GetResourcePolicy: 'Read' },
  ...{ ListSecrets: 'Read', Decrypt: 'Read', GenerateDataKey: 'GenerateDataKey' },
  ...{ CreateSecret: 'Create', PutSecretValue: 'Update', PutResourcePolicy: 'Update' },
  ...{ DeleteSecret: 'Delete', StartSecretVersionDelete: 'Delete', EndSecretVersionDelete: 'Delete' },
};
