import assert from 'node:assert/strict';
import fc from 'fast-check';
import { auditSql, drawSql, literal, type SqlRequest } from '../../src/lib/audit/sql.ts';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { grammars, type Grammar } from '../support/sql-grammar.ts';

const REQUEST: SqlRequest = {
  url: 's3://trail-example/trails',
  organization: null,
  accounts: ['111122223333', '444455556666'],
  regions: ['us-east-1', 'eu-west-1'],
  table: 'default.jamf_mcp_cloudtrail',
  secret: 'jamf-mcp-server/production',
  window: { since: Date.parse('2026-11-15T10:00:00.500Z'), until: Date.parse('2026-11-22T10:00:00Z') },
};

const code = (expected: string) => (error: unknown) => error instanceof JamfMcpError && error.code === expected;

describe('audit: the query for Athena', function () {
  this.timeout(60_000);
  let trino: Grammar;
  let hive: Grammar;
  before(async () => {
    ({ trino, hive } = await grammars());
  });

  it('is in the grammars, which do refuse what is not', () => {
    for (const more of [{}, { secret: null }, { organization: 'o-example0001' }, { accounts: ['111122223333'] }]) {
      const { create, query } = auditSql({ ...REQUEST, ...more });
      assert.deepEqual(trino(query), []);
      assert.deepEqual(hive(create), []);
      assert.deepEqual([trino(`${query} AND`).length > 0, hive(create.replace('(', '')).length > 0], [true, true]);
    }
  });

  it('is bounded by every partition: accounts, Regions, and the days of the window with one on either side', () => {
    const { query, days } = auditSql(REQUEST);
    assert.match(query, /^WHERE account IN \('111122223333', '444455556666'\)$/m);
    assert.match(query, /^ {2}AND region IN \('us-east-1', 'eu-west-1'\)$/m);
    assert.match(query, /^ {2}AND "timestamp" BETWEEN '2026\/11\/14' AND '2026\/11\/23'$/m);
    assert.match(query, /^ {2}AND eventtime BETWEEN '2026-11-15T10:00:00Z' AND '2026-11-22T10:00:00Z'$/m);
    assert.equal(days, 10);
    // Nothing after the bounds opens them again: the alternatives are within one pair of brackets.
    const [, after = ''] = query.split(/BETWEEN '2026-11-15.*\n/);
    assert.match(after, /^ {2}AND \(\n[^]*\n {2}\)\nORDER BY/);
  });

  it('finds the calls that guard secrets, and a batch that names none, beside those that name the secret', () => {
    const { query } = auditSql(REQUEST);
    for (const name of ['StopLogging', 'DisableKey', 'UpdateService', 'BatchGetSecretValue'])
      assert.ok(query.includes(`'${name}'`));
    assert.match(
      query,
      /strpos\(concat_ws\(' ', requestparameters, .*errormessage\), 'jamf-mcp-server\/production'\) > 0/,
    );
    assert.ok(!auditSql({ ...REQUEST, secret: null }).query.includes('concat_ws'));
    // Records may have only the name of what is asked for by its ARN.
    const arn = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:jamf-mcp-server/production-AbCdEf';
    assert.equal(auditSql({ ...REQUEST, secret: arn }).query, query);
  });

  it('makes one table for every account and Region: a query has to name them', () => {
    const tables = [
      REQUEST,
      { ...REQUEST, accounts: ['777788889999'], regions: ['ap-south-1'], secret: null, window: { since: 0, until: 1 } },
    ].map((request) => auditSql(request).create);
    assert.equal(tables[0], tables[1]);
    assert.match(
      tables[0] ?? '',
      /'projection\.account\.type' = 'injected',\n {2}'projection\.region\.type' = 'injected',/,
    );
  });

  it('makes a table over the folders of the accounts, wherever the address ends', () => {
    const template = (url: string, organization: string | null) =>
      /'storage.location.template' = '(.*)'/.exec(auditSql({ ...REQUEST, url, organization }).create)?.[1];
    const below = '${account}/CloudTrail/${region}/${timestamp}';
    assert.equal(template('s3://trail-example', null), `s3://trail-example/AWSLogs/${below}`);
    assert.equal(template('s3://trail-example/a/b/', null), `s3://trail-example/a/b/AWSLogs/${below}`);
    assert.equal(template('s3://trail-example/a/AWSLogs/111122223333', null), `s3://trail-example/a/AWSLogs/${below}`);
    // An address that leads to an organisation names it.
    assert.equal(
      template('s3://trail-example/AWSLogs/o-example0001/111122223333', null),
      `s3://trail-example/AWSLogs/o-example0001/${below}`,
    );
    assert.equal(template('s3://trail-example', 'o-example0001'), `s3://trail-example/AWSLogs/o-example0001/${below}`);
  });

  it('lets no name of a secret out of its literal', () => {
    const evil = "x') OR 1=1; DROP TABLE default.jamf_mcp_cloudtrail; --";
    const plain = auditSql({ ...REQUEST, secret: 'plain' }).query;
    const texts = fc.oneof(
      fc.constant(evil),
      fc.constantFrom("'", "''", "'''", "\\'", '\n--', '/*', '\u2019'),
      fc.string({ minLength: 1 }),
    );
    fc.assert(
      fc.property(texts, (secret) => {
        let query: string;
        try {
          ({ query } = auditSql({ ...REQUEST, secret }));
        } catch (error) {
          assert.ok(code('INPUT_INVALID')(error));
          return;
        }
        // Without its literals the statement is always the same.
        assert.equal(withoutLiterals(query), withoutLiterals(plain));
      }),
      { numRuns: 300 },
    );
    assert.deepEqual(trino(`SELECT ${literal(evil)}`), []);
    assert.equal(literal("a'b"), "'a''b'");
  });

  const withoutLiterals = (sql: string) => sql.replace(/'(?:[^']|'')*'/g, "''");

  it('refuses what could end a literal of the table, and what is none of the things it stands for', () => {
    for (const more of [
      { url: "s3://trail-example/a'b" },
      { url: 's3://trail-example/${x}' },
      { url: 's3://trail-example/a\\b' },
      { url: 'trail-example' },
      { table: 'default' },
      { table: 'default.a.b' },
      { table: 'default.x;drop' },
      { table: 'Default."x"' },
      { accounts: ["1' OR '1'='1"] },
      { organization: "o-1'" },
      { secret: '' },
    ])
      assert.throws(() => auditSql({ ...REQUEST, ...more }), code('INPUT_INVALID'), JSON.stringify(more));
    assert.throws(() => auditSql({ ...REQUEST, accounts: [] }), code('USAGE'));
  });

  it('prints both, each ended', () => {
    const text = drawSql(auditSql(REQUEST));
    assert.equal(text.split(';\n').length, 2);
    assert.ok(text.endsWith(';'));
    assert.match(text, /^-- The accesses\. It scans 10 days of 2 accounts and 2 Regions/m);
    const one = drawSql(auditSql({ ...REQUEST, accounts: ['111122223333'] }));
    assert.match(one, /^-- The accesses\. It scans 10 days of 1 account and 2 Regions/m);
  });
});
