import assert from 'node:assert/strict';
import { loadCatalogue } from '../../src/lib/iam/catalogue.ts';
import { evaluate } from '../../src/lib/iam/evaluate.ts';
import { fixSources } from '../../src/lib/iam/fix/index.ts';
import { readJson } from '../../src/lib/iam/parse.ts';
import type { Policy } from '../../src/lib/iam/policy.ts';
import { corpusFile, jsonLines } from '../support/corpus.ts';

const FILE = corpusFile('iam/aws-managed-half.jsonl');
const CALLER = { arn: 'arn:aws:iam::111122223333:role/principal', account: '111122223333' };

/** Requests that a policy is about: one for each action, resource and set of condition values, wildcards filled in. */
function* requestsOf({ statements }: Policy) {
  const filled = (text: string) =>
    text
      .replaceAll(/\$\{[^}]*\}/g, 'x')
      .replaceAll('*', 'x')
      .replaceAll('?', 'y');
  for (const { actions, resources, conditions } of statements) {
    const given = Object.fromEntries(conditions.map(({ key, values }) => [key.text, filled(values[0]?.text ?? '')]));
    for (const action of (actions?.values ?? []).slice(0, 20)) {
      for (const resource of (resources?.values ?? []).slice(0, 10)) {
        for (const context of [given, {}]) {
          yield {
            caller: CALLER,
            action: filled(action.text),
            resource: resource.text === '*' ? '*' : filled(resource.text),
            context,
          };
        }
      }
    }
  }
}

describe('corpus: repairs of the managed policies of AWS', function () {
  this.timeout(60_000);
  if (FILE === null) {
    it.skip('iam/aws-managed-half.jsonl is not here');
    return;
  }

  it('touch few lines, and allow nothing more', async () => {
    const catalogue = await loadCatalogue();
    const rows = jsonLines(FILE) as { name: string; document: unknown }[];
    const rules = new Map<string, number>();
    let asked = 0;
    let changed = 0;
    for (const { name, document } of rows) {
      const text = `${JSON.stringify(document, null, 4)}\n`;
      const { files, repaired, patch } = await fixSources(
        [{ name: `${name}.json`, text }],
        { type: 'identity' },
        catalogue,
      );
      const [file] = files;
      if (!file) continue;
      changed += 1;
      for (const { rule } of repaired) rules.set(rule, (rules.get(rule) ?? 0) + 1);
      JSON.parse(file.text);
      const [before] = readJson({ name, text }, { type: 'identity' }).policies;
      const [after] = readJson(file, { type: 'identity' }).policies;
      assert.ok(before && after);
      for (const request of requestsOf(after)) {
        asked += 1;
        const now = evaluate(request, { identity: [after] }).verdict === 'allow';
        if (now) assert.equal(evaluate(request, { identity: [before] }).verdict, 'allow', `${name}: ${request.action}`);
      }
      const touched = patch.split('\n').filter((line) => /^[-+](?![-+])/.test(line)).length;
      assert.ok(touched <= repaired.length * 8, `${name}: ${String(touched)} lines for ${String(repaired.length)}`);
    }
    const seen = [...rules].sort(([, a], [, b]) => b - a).map(([rule, count]) => `${rule} ${String(count)}`);
    console.log(
      `      ${String(changed)} of ${String(rows.length)} policies repaired, ${String(asked)} requests: ${seen.join(', ')}`,
    );
    assert.ok(changed > 50);
  });
});
