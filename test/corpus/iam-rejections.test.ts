import assert from 'node:assert/strict';
import { loadCatalogue } from '../../src/lib/iam/catalogue.ts';
import { readJson } from '../../src/lib/iam/parse.ts';
import { checkDocument } from '../../src/lib/iam/validate.ts';
import { corpusFile, jsonLines } from '../support/corpus.ts';

const FILE = corpusFile('iam/iam-rejections.jsonl');

interface Row {
  id: string;
  document: unknown;
  /** What IAM says of it; null where it takes it. */
  error: string | null;
}

describe('corpus: documents that IAM refuses', function () {
  if (FILE === null) {
    it.skip('iam/iam-rejections.jsonl is not here');
    return;
  }
  const rows = jsonLines(FILE) as Row[];

  it('refuses them, and takes those that IAM takes', async () => {
    const catalogue = await loadCatalogue();
    const verdicts = rows.map((row) => {
      const text = typeof row.document === 'string' ? row.document : JSON.stringify(row.document);
      const document = readJson({ name: row.id, text }, { type: 'identity' });
      const errors = checkDocument(document, catalogue).filter(({ rule }) => rule.kind === 'error');
      return { row, errors };
    });
    const refused = verdicts.filter(({ row }) => row.error !== null);
    const missed = refused
      .filter(({ errors }) => errors.length === 0)
      .map(({ row }) => `${row.id}: ${row.error ?? ''}`);
    const wrong = verdicts
      .filter(({ row, errors }) => row.error === null && errors.length > 0)
      .map(({ row, errors }) => `${row.id}: ${errors.map(({ message }) => message).join('; ')}`);
    const valid = rows.length - refused.length;
    console.log(
      `      refused ${String(refused.length - missed.length)} of ${String(refused.length)}, took ${String(valid - wrong.length)} of ${String(valid)}`,
    );
    assert.deepEqual(wrong, []);
    assert.ok(refused.length - missed.length >= refused.length - 2, missed.join('\n'));
  });
});
