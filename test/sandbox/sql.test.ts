import assert from 'node:assert/strict';
import { parseSelect, select, SqlMistake, type SqlRow } from '../../src/lib/sandbox/sql.ts';

const ROWS: SqlRow[] = [
  { id: 'c', n: 3, text: "it's", nothing: null, deep: { a: { b: 'x' } }, many: [{ arn: 'one' }, { arn: 'two' }] },
  { id: 'a', n: 1, text: 'plain/text', nothing: null, deep: null, many: [] },
  { id: 'b', n: 2, text: '2026-11-22', nothing: 'here', deep: { a: null }, many: null },
];

describe('sandbox: SELECT', () => {
  const ids = (where: string) =>
    select(parseSelect(`SELECT id FROM t WHERE ${where} ORDER BY id`), ROWS)
      .flat()
      .join('');

  it('keeps the rows that meet the conditions', () => {
    const cases: Readonly<Record<string, string>> = {
      "id = 'a'": 'a',
      "id <> 'a'": 'bc',
      'n >= 2 AND n < 3': 'b',
      "id IN ('a', 'c')": 'ac',
      "id BETWEEN 'a' AND 'b'": 'ab',
      "text = 'it''s'": 'c',
      "strpos(text, '/') > 0": 'a',
      "(id = 'a' OR (id = 'b' AND n = 2))": 'ab',
      "(id = 'a' OR id = 'b' AND n = 1)": 'a',
      'NOT (n = 1)': 'bc',
      'nothing IS NULL': 'ac',
      'nothing IS NOT NULL': 'b',
      "deep.a.b = 'x'": 'c',
      "element_at(many, 2).arn = 'two'": 'c',
      "strpos(concat_ws(' ', nothing, id, 'z'), 'here b z') > 0": 'b',
      "replace(text, 'plain', '$&') = '$&/text'": 'a',
      '"id" = \'a\' -- AND n = 7': 'a',
    };
    for (const [where, expected] of Object.entries(cases)) assert.equal(ids(where), expected, where);
  });

  it('compares nothing with null, nor a text with a number', () => {
    for (const where of [
      "nothing = ''",
      "nothing <> 'here'",
      "n = '1'",
      "strpos(nothing, 'here') = 0",
      "nothing BETWEEN '' AND 'a'",
    ])
      assert.equal(ids(where), '', where);
  });

  it('gives the columns by their names, in the order asked for', () => {
    const query = parseSelect('SELECT n, deep.a AS inner, element_at(many, 1).arn AS arn FROM db.t ORDER BY n, id');
    assert.deepEqual([query.table, query.columns.map(({ name }) => name)], ['db.t', ['n', 'inner', 'arn']]);
    assert.deepEqual(select(query, ROWS), [
      ['1', null, null],
      ['2', null, null],
      ['3', '{"b":"x"}', 'one'],
    ]);
  });

  it('tells which columns each condition goes by', () => {
    const { conditions } = parseSelect(
      "SELECT a FROM t WHERE x IN ('1') AND (y = 'p' OR z.q = 'r') AND strpos(w, 'v') > 0",
    );
    assert.deepEqual(
      conditions.map(({ columns }) => [...columns]),
      [['x'], ['y', 'z'], ['w']],
    );
  });

  it('refuses what it does not understand, rather than answer something else', () => {
    for (const sql of [
      '',
      'DROP TABLE t',
      'SELECT',
      'SELECT a',
      'SELECT a FROM t WHERE',
      "SELECT a FROM t WHERE a = 'open",
      "SELECT a FROM t WHERE a = 'b' OR c = 'd'",
      'SELECT a FROM t WHERE f(a) = 1',
      'SELECT a FROM t; SELECT b FROM t',
      'SELECT a FROM t GROUP BY a',
      'SELECT a FROM t WHERE (a = 1',
    ])
      assert.throws(() => parseSelect(sql), SqlMistake, sql);
  });
});
