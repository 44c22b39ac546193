import assert from 'node:assert/strict';
import type { RecordedAccess } from '../../src/lib/audit/event.ts';
import { readPages } from '../../src/lib/audit/sources/remote-query.ts';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { testContext } from '../support/context.ts';
import { failsWith } from '../support/failure.ts';
import { record } from '../support/trail.ts';

/** Read pages of one record each, of which one fails. */
async function read(failing: number, error: Error) {
  const accesses: RecordedAccess[] = [];
  let asked = 0;
  const result = await readPages(
    'query q-1',
    (token) => {
      assert.equal(token, asked === 0 ? undefined : String(asked));
      asked += 1;
      if (asked === failing) return Promise.reject(error);
      const records = [record({ eventID: `e-${String(asked)}` }), null, { eventSource: 'sts.amazonaws.com' }];
      return Promise.resolve({ records, next: asked === 3 ? undefined : String(asked) });
    },
    (access) => accesses.push(access),
    testContext(),
  );
  return { ...result, ids: accesses.map(({ eventId }) => eventId) };
}

describe('audit: the answer of a query elsewhere', () => {
  const gone = new JamfMcpError('UNREACHABLE', 'the line is down');

  it('is read to its end, page by page', async () => {
    const { ids, events, complete, skipped } = await read(0, gone);
    assert.deepEqual([ids, events, complete, skipped], [['e-1', 'e-2', 'e-3'], 3, true, []]);
  });

  it('fails where the first page does, and is told to be in part after that', async () => {
    await assert.rejects(read(1, gone), failsWith('UNREACHABLE', /line is down/));
    const { ids, complete, skipped } = await read(3, gone);
    assert.deepEqual([ids, complete], [['e-1', 'e-2'], false]);
    assert.deepEqual(skipped, [
      { where: 'query q-1', why: 'broke off after 2 pages, the newer accesses are missing: the line is down' },
    ]);
  });

  it('ends at an interruption, wherever it comes', async () => {
    const interrupted = new JamfMcpError('INTERRUPTED', 'interrupted during GetQueryResults');
    for (const page of [1, 2, 3])
      await assert.rejects(read(page, interrupted), failsWith('INTERRUPTED', /interrupted/));
  });
});
