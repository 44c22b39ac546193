import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { loadCatalogue } from '../../src/lib/iam/catalogue.ts';
import { sarifOf } from '../../src/lib/iam/report.ts';
import { validate } from '../../src/lib/iam/validate.ts';
import { corpusFile, jsonLines } from '../support/corpus.ts';

const SCHEMA = corpusFile('schemas/sarif-schema-2.1.0.json');
const POLICIES = corpusFile('iam/aws-managed-half.jsonl');

describe('corpus: SARIF', function () {
  this.timeout(20_000);
  if (SCHEMA === null || POLICIES === null) {
    it.skip('schemas/sarif-schema-2.1.0.json is not here');
    return;
  }

  it('of the managed policies holds for the schema of OASIS', async () => {
    // The schema is of draft 04; what it uses of it that draft 07 lacks is the name of its identifier.
    const { id, $schema, ...schema } = JSON.parse(readFileSync(SCHEMA, 'utf8')) as Record<string, unknown>;
    assert.match(String($schema), /draft-04/);
    const holds = new Ajv({ strict: false, validateFormats: false }).compile({ ...schema, $id: String(id) });
    const sources = (jsonLines(POLICIES) as { name: string; document: unknown }[])
      .slice(0, 100)
      .map(({ name, document }) => ({ name: `policies/${name}.json`, text: JSON.stringify(document, null, 2) }));
    const result = await validate(
      [...sources, { name: 'no policy #1.json', text: '{“a”: 1}' }],
      {},
      await loadCatalogue(),
    );
    const log = sarifOf(result, '1.2.3', sources);
    assert.ok(holds(log), JSON.stringify(holds.errors?.slice(0, 3)));
    const [run] = log.runs as { results: unknown[]; tool: { driver: { rules: unknown[] } } }[];
    console.log(`      ${String(run?.results.length)} results of ${String(run?.tool.driver.rules.length)} rules`);
    assert.equal(run?.results.length, result.findings.length);
    assert.ok(result.findings.length > 300);
    assert.equal(holds({ ...log, version: '2.0.0' }), false);
  });
});
