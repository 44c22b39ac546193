import assert from 'node:assert/strict';
import { accessFrom } from '../../src/lib/audit/event.ts';
import { judge, type Judgement } from '../../src/lib/audit/judge.ts';
import { withTimeline } from '../../src/lib/audit/timeline.ts';
import { corpusFile, jsonLines } from '../support/corpus.ts';
import { facts } from '../support/trail.ts';

const FILES = ['invictus', 'invictus-kms', 'stratus', 'panther'] as const;
type File = (typeof FILES)[number];

type Json = Record<string, unknown>;

describe('corpus: detectors over real CloudTrail records', function () {
  const records = {} as Record<File, Json[]>;

  before(function () {
    for (const name of FILES) {
      const file = corpusFile(`cloudtrail/${name}.jsonl`);
      if (file === null) this.skip();
      records[name] = jsonLines(file) as Json[];
    }
  });

  const judged = (list: readonly Json[]): Promise<Judgement> =>
    withTimeline({ asked: null }, async (lines) => {
      const sink = lines.sink(false);
      for (const record of list) {
        const access = accessFrom(record);
        assert.ok(access);
        sink(access);
      }
      return await judge(lines.close(), facts());
    });

  const agent = ({ userAgent }: Json) => (typeof userAgent === 'string' ? userAgent : '');
  const byStratus = (record: Json) => agent(record).startsWith('stratus-red-team');
  const byTerraform = (record: Json) => agent(record).includes('Terraform/');
  const named = ({ findings }: Judgement, detector: string) =>
    findings.filter(({ id }) => id.startsWith(`${detector}:`));
  const eventsOf = (list: readonly Json[]) => list.map(({ eventID }) => eventID);

  it('raises a harvest of both Stratus runs of the anonymised account, by reads and by batches', async () => {
    const found = named(await judged(records.stratus), 'harvest');
    assert.deepEqual(
      found.map(({ severity, count, title }) => [severity, count, title.replace(/^\S+ /, '')]),
      [
        ['high', 5, 'harvested secrets by filter'],
        ['high', 20, 'harvested 20 secrets'],
      ],
    );
  });

  it('tells Stratus from Terraform where user, key and address are one', async () => {
    const all = [...records.invictus, ...records['invictus-kms']];
    const [harvest, ...more] = named(await judged(all), 'harvest');
    assert.deepEqual(more, []);
    assert.deepEqual([harvest?.severity, harvest?.count], ['high', 20]);
    const stratus = records.invictus.filter((record) => byStratus(record) && record.eventName === 'GetSecretValue');
    assert.deepEqual(harvest?.eventIds.toSorted(), eventsOf(stratus).toSorted());
  });

  it('is silent on the Terraform run alone, and on it with the user agent of Stratus: the agent decides nothing', async () => {
    const terraform = records.invictus.filter((record) => !byStratus(record));
    assert.equal(terraform.filter(({ eventName }) => eventName === 'GetSecretValue').length, 40);
    assert.deepEqual(named(await judged(terraform), 'harvest'), []);
    const disguised = terraform.map((record) => ({ ...record, userAgent: 'stratus-red-team_0' }));
    assert.deepEqual(named(await judged(disguised), 'harvest'), []);
    assert.deepEqual(named(await judged(terraform), 'enumeration-then-read'), []);
  });

  it('flags Stratus under the user agent of Terraform as well', async () => {
    const terraformAgent = agent(records.invictus.find(byTerraform) ?? {});
    const disguised = records.invictus.map((record) =>
      byStratus(record) ? { ...record, userAgent: terraformAgent } : record,
    );
    const [harvest] = named(await judged(disguised), 'harvest');
    assert.deepEqual([harvest?.severity, harvest?.count], ['high', 20]);
  });

  it('tells the identity of a tool that reads what somebody else wrote as info, and without the pattern as a harvest', async () => {
    const foreign = records.invictus
      .filter((record) => !byStratus(record) && record.eventName !== 'PutSecretValue')
      .map((record) => (record.eventName === 'CreateSecret' ? without(record, 'clientRequestToken') : record));
    assert.deepEqual(
      named(await judged(foreign), 'harvest').map(({ severity, count }) => [severity, count]),
      [['info', 40]],
    );
    const reads = foreign.filter(({ eventName }) => eventName === 'GetSecretValue');
    assert.deepEqual(
      named(await judged(reads), 'harvest').map(({ severity, count }) => [severity, count]),
      [['high', 40]],
    );
  });

  it('finds in all 343 records what is in them', async () => {
    const all = FILES.flatMap((name) => records[name]);
    assert.equal(all.length, 343);
    const { findings, total, unexplained } = await judged(all);
    assert.deepEqual([total, unexplained], [265, 53]);
    const list = findings.map(
      ({ id, severity, count }) => `${severity} ${id.replace(/arn:[^ ]*[:/]/, '')} ${String(count)}`,
    );
    console.log(`      ${String(total)} accesses, ${String(unexplained)} unexplained\n      ${list.join('\n      ')}`);
    assert.deepEqual(list, EXPECTED);
  });
});

const without = (record: Json, parameter: string): Json => ({
  ...record,
  requestParameters: Object.fromEntries(
    Object.entries(record.requestParameters as Json).filter(([name]) => name !== parameter),
  ),
});

/** Severity, detector, who, and how many accesses. The two policies with a condition on the organisation are not among them. */
const EXPECTED: readonly string[] = [
  'high harvest:bert-jan 20',
  'high harvest:christophe 5',
  'high harvest:christophe 20',
  'high batch-catch-all:unknown principal of 012345678901 1',
  'high enumeration-then-read:bert-jan 20',
  'high enumeration-then-read:christophe 20',
  'high unknown-principal:AssumedRole 1',
  'high unknown-principal:AWSReservedSSO_ExampleRole_xxxxxxxxxxxxxxxx 1',
  'high unknown-principal:bert-jan 21',
  'high unknown-principal:christophe 5',
  'high unknown-principal:christophe 21',
  'high unknown-principal:unknown principal of 012345678901 3',
  'high denied-access:AWSReservedSSO_DevAdmin_635426549a280cc6 1',
  'high long-term-key:bert-jan 193',
  'high long-term-key:christophe 5',
  'high long-term-key:christophe 21',
  'low deletion:bert-jan 17',
];
