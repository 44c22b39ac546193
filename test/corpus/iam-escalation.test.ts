import assert from 'node:assert/strict';
import { loadCatalogue } from '../../src/lib/iam/catalogue.ts';
import { checkDocument } from '../../src/lib/iam/validate.ts';
import { readJson } from '../../src/lib/iam/parse.ts';
import { corpusFile, jsonLines } from '../support/corpus.ts';

const FILE = corpusFile('iam/privilege-escalation-paths.jsonl');

describe('corpus: published ways to escalate privileges', function () {
  if (FILE === null) {
    it.skip('iam/privilege-escalation-paths.jsonl is not here');
    return;
  }
  const paths = jsonLines(FILE) as { id: string; required: string[] }[];

  async function escalates(statements: unknown[]): Promise<boolean> {
    const text = JSON.stringify({ Version: '2012-10-17', Statement: statements });
    const document = readJson({ name: 'policy.json', text }, { type: 'identity' });
    return checkDocument(document, await loadCatalogue()).some(({ rule }) => rule.id === 'privilege-escalation');
  }

  it('finds each of them where its actions are allowed on everything', async () => {
    const missed: string[] = [];
    for (const { id, required } of paths) {
      if (!(await escalates([{ Effect: 'Allow', Action: required, Resource: '*' }]))) missed.push(id);
    }
    console.log(`      ${String(paths.length - missed.length)} of ${String(paths.length)} found`);
    assert.deepEqual(missed, []);
  });

  it('finds none where a Deny takes back one of its actions', async () => {
    const wrong: string[] = [];
    for (const { id, required } of paths) {
      const statements = [
        { Effect: 'Allow', Action: required, Resource: '*' },
        { Effect: 'Deny', Action: required, Resource: '*' },
      ];
      if (await escalates(statements)) wrong.push(id);
    }
    assert.deepEqual(wrong, []);
  });

  it('finds none where every right is bound to a named thing', async () => {
    const wrong: string[] = [];
    for (const { id, required } of paths) {
      const statements = required.map((action) => ({
        Effect: 'Allow',
        Action: action,
        Resource: `arn:aws:${action.split(':')[0] ?? ''}::111122223333:thing/named`,
      }));
      if (await escalates(statements)) wrong.push(id);
    }
    assert.deepEqual(wrong, []);
  });
});
