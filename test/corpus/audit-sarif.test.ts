import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { accessFrom } from '../../src/lib/audit/event.ts';
import { judge } from '../../src/lib/audit/judge.ts';
import { withTimeline } from '../../src/lib/audit/timeline.ts';
import { corpusFile, jsonLines } from '../support/corpus.ts';
import { findingOf, hostileAccess, reportOf, resultOf } from '../support/reports.ts';
import { facts } from '../support/trail.ts';

const SCHEMA = corpusFile('schemas/sarif-schema-2.1.0.json');
const RECORDS = ['invictus', 'stratus', 'panther'].map((name) => corpusFile(`cloudtrail/${name}.jsonl`));

describe('corpus: SARIF of an audit', () => {
  if (SCHEMA === null || RECORDS.includes(null)) {
    it.skip('schemas/sarif-schema-2.1.0.json or cloudtrail/*.jsonl is not here');
    return;
  }
  // The schema is of draft 04; what it uses of it that draft 07 lacks is the name of its identifier.
  const { id, $schema, ...schema } = JSON.parse(readFileSync(SCHEMA, 'utf8')) as Record<string, unknown>;
  assert.match(String($schema), /draft-04/);
  const holds = new Ajv({ strict: false, validateFormats: false }).compile({ ...schema, $id: String(id) });
  const check = (text: string) => {
    const log = JSON.parse(text) as { runs: { results: unknown[] }[] };
    assert.ok(holds(log), JSON.stringify(holds.errors?.slice(0, 3)));
    return log.runs[0]?.results.length;
  };

  it('of the real records holds for the schema of OASIS', async () => {
    const judgement = await withTimeline({ asked: null }, async (timeline) => {
      const sink = timeline.sink(false);
      for (const file of RECORDS) {
        for (const record of file === null ? [] : jsonLines(file)) {
          const access = accessFrom(record);
          if (access) sink(access);
        }
      }
      return await judge(timeline.close(), facts());
    });
    const text = await reportOf('sarif', resultOf([], { ...judgement, secret: null }));
    assert.equal(check(text), judgement.findings.length);
    assert.ok(judgement.findings.length > 4);
    assert.equal(holds({ ...(JSON.parse(text) as object), version: '2.0.0' }), false);
  });

  it('holds for what strangers write, for nothing, and for what is suppressed', async () => {
    const accesses = [hostileAccess()];
    const suppressed = [
      { id: 'long-term-key:x', severity: 'info', title: 't', count: 1, reason: 'r', until: '2026-12-31' } as const,
    ];
    const skipped = [{ where: 'a', why: 'b' }];
    assert.equal(check(await reportOf('sarif', resultOf(accesses, { findings: [findingOf(accesses)], skipped }))), 1);
    assert.equal(check(await reportOf('sarif', resultOf([]))), 0);
    assert.equal(check(await reportOf('sarif', resultOf([], { suppressed }))), 1);
  });
});
