import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Chalk } from 'chalk';
import { AUDIT_DEFAULTS } from '../../src/lib/config/settings.ts';
import { accessFrom, type RecordedAccess } from '../../src/lib/audit/event.ts';
import { explainer } from '../../src/lib/audit/explain.ts';
import { agentFamily } from '../../src/lib/audit/family.ts';
import { judge } from '../../src/lib/audit/judge.ts';
import { drawAudit } from '../../src/lib/audit/report.ts';
import { arnOf, parseSecretId } from '../../src/lib/audit/secret-id.ts';
import { withTimeline, type SettledAccess } from '../../src/lib/audit/timeline.ts';
import { corpusFile, jsonLines } from '../support/corpus.ts';
import { facts } from '../support/trail.ts';

const FILES = ['invictus', 'invictus-kms', 'stratus', 'panther'] as const;

/** Records, records that name a secret, distinct secrets; what names none is listed by action. */
const EXPECTED: Record<
  (typeof FILES)[number],
  { records: number; named: number; secrets: number; nameless: Record<string, number> }
> = {
  invictus: { records: 233, named: 232, secrets: 20, nameless: { ListSecrets: 1 } },
  'invictus-kms': { records: 76, named: 76, secrets: 20, nameless: {} },
  stratus: { records: 26, named: 20, secrets: 20, nameless: { BatchGetSecretValue: 5, ListSecrets: 1 } },
  panther: {
    records: 8,
    named: 2,
    secrets: 2,
    nameless: { BatchGetSecretValue: 4, GetSecretValue: 1, PutResourcePolicy: 1 },
  },
};

describe('corpus: audit over real CloudTrail records', function () {
  const records = {} as Record<(typeof FILES)[number], unknown[]>;

  before(function () {
    for (const name of FILES) {
      const file = corpusFile(`cloudtrail/${name}.jsonl`);
      if (file === null) this.skip();
      records[name] = jsonLines(file);
    }
  });

  const accesses = (name: (typeof FILES)[number]): RecordedAccess[] =>
    records[name].map((record) => {
      const access = accessFrom(record);
      assert.ok(access, JSON.stringify(record));
      return access;
    });

  for (const name of FILES) {
    it(`recognises every record of ${name}, with its secret where there is one`, () => {
      const all = accesses(name);
      const nameless = all.filter(({ secrets }) => secrets.length === 0);
      assert.deepEqual(
        {
          records: all.length,
          named: all.length - nameless.length,
          secrets: new Set(
            all.flatMap(({ secrets }) =>
              secrets.map(({ account, region, name: secret }) => `${String(account)}/${String(region)}/${secret}`),
            ),
          ).size,
          nameless: counts(nameless.map(({ action }) => action)),
        },
        EXPECTED[name],
      );
      // Told by the plain text too: a record that has a secretId is about that one secret.
      for (const [index, record] of records[name].entries()) {
        if (JSON.stringify(record).includes('"secretId"')) assert.equal(all[index]?.secrets.length, 1);
      }
    });
  }

  it('reads every time, but where the record has none', () => {
    assert.deepEqual(
      FILES.map((name) => accesses(name).filter(({ time }) => time === null).length),
      [0, 0, 0, 5],
    );
  });

  /** The accesses to one secret, or to all, among records. */
  const about = (
    asked: string | null,
    all: readonly unknown[],
  ): Promise<{ mine: SettledAccess[]; arn: string | null }> =>
    withTimeline({ asked: asked === null ? null : parseSecretId(asked, 'caller') }, async (lines) => {
      const sink = lines.sink(false);
      for (const record of all) {
        const access = accessFrom(record);
        if (access) sink(access);
      }
      const closed = lines.close();
      return { mine: (await Array.fromAsync(closed.batches())).flat(), arn: closed.arn };
    });

  it('finds everything that was done to one secret of the live account, by name, by ARN and by partial ARN', async () => {
    const [first] = accesses('invictus').flatMap(({ secrets }) => secrets);
    assert.ok(first);
    const arn = arnOf(first);
    assert.ok(arn);
    const counts: number[] = [];
    for (const id of [first.name, arn, arn.slice(0, -7)]) {
      const { mine, arn: told } = await about(id, [...records.invictus, ...records['invictus-kms']]);
      assert.equal(told, arn);
      assert.ok(mine.every(({ secret }) => secret === arn));
      counts.push(mine.length);
    }
    assert.deepEqual(counts, [counts[0], counts[0], counts[0]]);
    const raw = [...records.invictus, ...records['invictus-kms']].filter((record) => {
      const text = JSON.stringify(record);
      return text.includes(`${first.name}-`) || text.includes(`"${first.name}"`);
    });
    assert.equal(counts[0], raw.length);
  });

  it('tells the one who did it, with long-term key and temporary session apart', () => {
    const principals = accesses('invictus').map(({ principal }) => principal);
    assert.equal(new Set(principals.map(({ arn }) => arn)).size, 2, 'one user, and AWS itself');
    assert.equal(principals.filter(({ type }) => type === 'AWSService').length, 40);
    assert.equal(principals.filter(({ credential }) => credential === 'long-term').length, 193);
    assert.equal(accesses('invictus-kms').filter(({ principal }) => principal.credential === 'temporary').length, 76);
  });

  it('flags the two Stratus runs by principal and key, once each', async () => {
    const judged = await withTimeline({ asked: null }, async (lines) => {
      const sink = lines.sink(false);
      for (const access of accesses('stratus')) sink(access);
      return await judge(lines.close(), facts());
    });
    // Two runs, in two accounts: five batches by filter; twenty single reads and a list.
    const [batch, single] = ['165109126369', '903144391865'].map(
      (account) => `arn:aws:iam::${account}:user/christophe`,
    );
    assert.deepEqual(
      judged.findings
        .filter(({ id }) => /^(?:unknown-principal|long-term-key):/.test(id))
        .map(({ id, severity, count }) => [id, severity, count]),
      [
        [`unknown-principal:${String(batch)}`, 'high', 5],
        [`unknown-principal:${String(single)}`, 'high', 21],
        [`long-term-key:${String(batch)}`, 'high', 5],
        [`long-term-key:${String(single)}`, 'high', 21],
      ],
    );
    const drawn = drawAudit(
      {
        secret: null,
        asked: [],
        window: { since: '2024-07-31T00:00:00Z', until: '2024-08-01T00:00:00Z' },
        sources: [],
        ...judged,
        skipped: [],
      },
      { ink: new Chalk({ level: 0 }), width: 100 },
    );
    assert.match(drawn, /^26 of 26 accesses unexplained\n/);
  });

  /** What explains the accesses of some files, by action and tool. */
  const explained = async (...names: (typeof FILES)[number][]) =>
    withTimeline({ asked: null }, async (lines) => {
      const sink = lines.sink(false);
      for (const access of names.flatMap(accesses)) sink(access);
      const merged: Record<string, number> = {};
      const judged = await judge(lines.close(), facts(), {
        inspect({ action, countedWith }) {
          if (countedWith !== null) merged[action] = (merged[action] ?? 0) + 1;
        },
      });
      const kinds = counts(
        judged.accesses.map(
          ({ action, userAgent, explanation }) =>
            `${action} ${agentFamily(userAgent)}: ${explanation?.kind ?? 'unexplained'}`,
        ),
      );
      return { total: judged.total, unexplained: judged.unexplained, kinds, merged };
    });

  const LIVE = {
    total: 233,
    unexplained: 21,
    kinds: {
      'CreateSecret terraform: infrastructure': 20,
      'PutSecretValue terraform: infrastructure': 20,
      'DescribeSecret terraform: infrastructure': 36,
      'GetResourcePolicy terraform: infrastructure': 39,
      'GetSecretValue terraform: infrastructure': 40,
      'DeleteSecret terraform: infrastructure': 17,
      'StartSecretVersionDelete secretsmanager.amazonaws.com: aws-service': 20,
      'EndSecretVersionDelete secretsmanager.amazonaws.com: aws-service': 20,
      'ListSecrets stratus-red-team: unexplained': 1,
      'GetSecretValue stratus-red-team: unexplained': 20,
    },
    merged: {},
  };

  it('tells Terraform from an attack by the same user, key and address, in one account within seconds', async () => {
    assert.deepEqual(await explained('invictus'), LIVE);
  });

  it('counts each read and write once, with the 76 calls of KMS that they made and without', async () => {
    const merged = { Decrypt: 56, GenerateDataKey: 20 };
    assert.deepEqual(await explained('invictus', 'invictus-kms'), { ...LIVE, merged });
    assert.equal((await explained('invictus-kms')).total, 76, 'where KMS alone was recorded they are all there is');
  });

  it('does not take the same reads for Terraform where they only say that they are', async () => {
    const [terraform] = records.invictus.map((one) => one as Record<string, unknown>).filter(isTerraform);
    const forged = records.invictus.map((one) => {
      const given = one as Record<string, unknown>;
      return isTerraform(given) ? given : { ...given, userAgent: terraform?.userAgent };
    });
    const judged = await withTimeline({ asked: null }, async (lines) => {
      const sink = lines.sink(false);
      for (const one of forged) {
        const access = accessFrom(one);
        if (access) sink(access);
      }
      return await judge(lines.close(), facts());
    });
    const reads = judged.accesses.filter(({ action }) => action === 'GetSecretValue');
    assert.equal(reads.filter(({ explanation }) => explanation === null).length, 20);
    assert.equal(judged.unexplained, 21);
  });

  it('throws on no record, however it is bent', async () => {
    const all = FILES.flatMap((name) => records[name]);
    const junk = fc.oneof(
      fc.jsonValue(),
      fc.constant(undefined),
      fc.string(),
      fc.constant('arn:aws:secretsmanager:::secret:'),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.nat(all.length - 1),
        fc.array(fc.tuple(fc.nat(), junk), { minLength: 1, maxLength: 4 }),
        async (index, changes) => {
          const record = structuredClone(all[index]) as Record<string, unknown>;
          for (const [place, value] of changes) bend(record, place, value);
          const { mine } = await about('stratus-red-team-retrieve-secret-1', [record]);
          const causes = explainer(facts({ settings: { ...AUDIT_DEFAULTS, knownPrincipals: ['*'] } }));
          for (const access of mine) causes.learn(access);
          for (const access of mine) causes.attempts(access);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

const isTerraform = ({ userAgent }: Record<string, unknown>) => agentFamily(String(userAgent)) === 'terraform';

const counts = (texts: readonly string[]): Record<string, number> =>
  Object.fromEntries([...Map.groupBy(texts, (text) => text)].map(([text, same]) => [text, same.length]));

/** Replace one value somewhere inside, by a number that picks the way down. */
function bend(record: Record<string, unknown>, place: number, value: unknown): void {
  const keys = Object.keys(record);
  const key = keys[place % keys.length];
  if (key === undefined) return;
  const inner = record[key];
  if (inner !== null && typeof inner === 'object' && place % 3 > 0)
    bend(inner as Record<string, unknown>, Math.floor(place / keys.length), value);
  else record[key] = value;
}
