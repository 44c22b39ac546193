import assert from 'node:assert/strict';
import { sarifLog, type SarifResult, type SarifRule } from '../../src/lib/format/sarif.ts';

const RULE: SarifRule = {
  id: 'too-broad',
  title: 'too broad',
  why: 'Why.',
  fix: 'Fix.',
  level: 'error',
  securitySeverity: 8,
  tags: ['security'],
};
const RESULT: SarifResult = {
  rule: 'too-broad',
  level: 'error',
  message: 'a message',
  file: './infra/a policy#1.json',
  region: { line: 3, column: 5, endLine: 3, endColumn: 9 },
  logical: 'Statement[0].Action',
  lineText: '  "Action": "*",',
  related: [],
};

interface Run {
  results: {
    message: { text: string };
    ruleIndex: number;
    locations: { physicalLocation: { artifactLocation: { uri: string }; region: Record<string, number> } }[];
    partialFingerprints: { primaryLocationLineHash: string };
    relatedLocations?: unknown[];
  }[];
  tool: { driver: { rules: { id: string; help: { text: string }; properties: Record<string, unknown> }[] } };
}

function run(results: readonly SarifResult[], rules: readonly SarifRule[] = [RULE]): Run {
  const log = sarifLog(
    { name: 'tool', version: '1.0.0', informationUri: 'https://example.com', category: 'tool/x', rules },
    results,
  );
  const [first] = log.runs as Run[];
  assert.ok(first);
  return first;
}

describe('sarif', () => {
  it('places a result, with lines and columns from 1, in a relative file whose name is escaped', () => {
    const [result] = run([RESULT]).results;
    const location = result?.locations[0]?.physicalLocation;
    assert.equal(location?.artifactLocation.uri, 'infra/a%20policy%231.json');
    assert.deepEqual(location.region, { startLine: 3, startColumn: 5, endLine: 3, endColumn: 9 });
  });

  it('tells a rule with help and a severity as a string, and only rules that have a result', () => {
    const { rules } = run([RESULT], [{ ...RULE, id: 'other' }, RULE]).tool.driver;
    assert.deepEqual(
      rules.map(({ id }) => id),
      ['too-broad'],
    );
    assert.equal(rules[0]?.properties['security-severity'], '8.0');
    assert.equal(rules[0].help.text, 'Why.\nFix.');
    assert.equal(run([RESULT], [{ ...RULE, id: 'other' }, RULE]).results[0]?.ruleIndex, 0);
  });

  it('gives a result the same fingerprint wherever its line goes, and two on like lines different ones', () => {
    const hash = (result: SarifResult) => run([result]).results[0]?.partialFingerprints.primaryLocationLineHash;
    const moved = {
      ...RESULT,
      region: { line: 30, column: 1, endLine: 30, endColumn: 5 },
      lineText: '"Action":   "*",',
    };
    assert.equal(hash(RESULT), hash(moved));
    assert.notEqual(hash(RESULT), hash({ ...RESULT, lineText: '"Action": "s3:*",' }));
    assert.notEqual(hash(RESULT), hash({ ...RESULT, file: 'b.json' }));
    const [first, second] = run([RESULT, moved]).results.map(
      ({ partialFingerprints }) => partialFingerprints.primaryLocationLineHash,
    );
    assert.notEqual(first, second);
  });

  it('escapes what turns text around, and keeps to the length that GitHub takes', () => {
    assert.equal(run([{ ...RESULT, message: 'a\u202Eb\u001Bc' }]).results[0]?.message.text, 'a\\u202eb\\x1bc');
    assert.equal(run([{ ...RESULT, message: 'x'.repeat(5_000) }]).results[0]?.message.text.length, 1_024);
  });

  it('keeps to the number of results that GitHub takes', () => {
    assert.equal(run(Array.from({ length: 25_100 }, () => RESULT)).results.length, 25_000);
  });
});
