import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { planText } from '../support/matrix-cells.ts';
import type { Place } from '../support/matrix-places.ts';
import type { Asked, ColumnName, Told } from '../support/matrix-worker.ts';
import { hasOpenBao, NEEDS_OPENBAO, startOpenBao, type OpenBao } from '../support/openbao.ts';
import { COLUMNS, LATE } from '../support/rotation-matrix.ts';
import { describeLong } from '../support/long.ts';

/** One more than the cores that CI has: a cell waits for disk and loopback half of its time. */
const THREADS = 3;

/**
 * Where a rotation cannot end well by itself: the issuer refuses the value before as soon as it makes another, the one
 * it made was lost with the process, and whoever takes it up comes when the token that was kept has ended. Whatever
 * the column, all other cells end well with one command.
 */
const HELPED: Partial<Record<ColumnName, readonly RegExp[]>> = {
  'late-single': [
    /^killed after: jamf:POST \/api\/v1\/api-integrations\/1\/client-credentials 1, then (resume|rotate)$/,
    /^killed before: secretsmanager:PutSecretValue 2, then (resume|rotate)$/,
  ],
  'late-rotateSecret': [
    /^killed after: auth0:POST \/api\/v2\/clients\/\w+\/rotate-secret 1, then (resume|rotate)$/,
    /^killed before: secretsmanager:PutSecretValue 2, then (resume|rotate)$/,
  ],
};

/** A thread, one question at a time. */
class Thread {
  readonly #worker: Worker;

  constructor(vault: OpenBao | null) {
    const workerData = vault && { address: vault.address, token: vault.token };
    this.#worker = new Worker(new URL('../support/matrix-worker.ts', import.meta.url), { workerData });
  }

  async ask(asked: Asked): Promise<Told> {
    const answer = once(this.#worker, 'message') as Promise<[Told]>;
    this.#worker.postMessage(asked);
    const [told] = await answer;
    return told;
  }

  end(): Promise<unknown> {
    return this.#worker.terminate();
  }
}

describeLong('the crash matrix: a fault at every call, then one command', function () {
  this.timeout(300_000);
  let threads: Thread[];
  let vault: OpenBao | null;
  const counts: { title: string; cells: number; helped: number }[] = [];

  before(async () => {
    vault = hasOpenBao() ? await startOpenBao() : null;
    threads = Array.from({ length: THREADS }, () => new Thread(vault));
  });
  after(async () => {
    await Promise.all(threads.map((thread) => thread.end()));
    await vault?.close();
    const told = [...counts, { title: 'in all', cells: sum('cells'), helped: sum('helped') }];
    for (const { title, cells, helped } of told)
      console.log(`    ${String(cells).padStart(5)} cells, ${String(helped)} of them need help from outside: ${title}`);
  });
  const sum = (what: 'cells' | 'helped') => counts.reduce((all, one) => all + one[what], 0);

  /** Play all cells of a column. */
  async function playAll(title: string, column: ColumnName, place: Place['kind']): Promise<void> {
    const [first] = threads;
    const told = await first?.ask({ column, place, plan: null });
    assert.ok(told && 'plans' in told, JSON.stringify(told));
    const left = told.plans.toReversed();
    const helped: string[] = [];
    const wrong: string[] = [];
    const work = async (thread: Thread) => {
      for (let plan = left.pop(); plan; plan = left.pop()) {
        const cell = await thread.ask({ column, place, plan });
        assert.ok('wrong' in cell, JSON.stringify(cell));
        if (cell.wrong !== null) wrong.push(cell.wrong);
        if (cell.helped) helped.push(planText(plan));
      }
    };
    await Promise.all(threads.map(work));
    counts.push({ title, cells: told.plans.length, helped: helped.length });
    assert.equal(wrong.length, 0, `${String(wrong.length)} cells end badly:\n${wrong.join('\n')}`);
    assert.ok(told.plans.length > 60, `only ${String(told.plans.length)} cells`);
    const expected = told.plans.map(planText).filter((text) => HELPED[column]?.some((one) => one.test(text)));
    assert.deepEqual(helped.toSorted(), expected.toSorted());
    assert.equal(expected.length, 2 * (HELPED[column]?.length ?? 0));
  }

  for (const [name, { title }] of Object.entries(COLUMNS)) it(title, () => playAll(title, name as ColumnName, 'aws'));
  for (const [name, { title }] of Object.entries(LATE))
    it(title, () => playAll(title, `late-${name}` as ColumnName, 'aws'));

  it('jamf alternate, on the local store', () => playAll('jamf alternate, on the local store', 'alternate', 'local'));
  if (hasOpenBao()) it('jamf alternate, on OpenBao', () => playAll('jamf alternate, on OpenBao', 'alternate', 'vault'));
  else it(`jamf alternate, on OpenBao: ${NEEDS_OPENBAO}`);
});
