import assert from 'node:assert/strict';
import fc from 'fast-check';
import { JamfMcpError } from '../../src/lib/errors.ts';
import type { JamfClient } from '../../src/lib/jamf/client.ts';
import { computerFilter, computerFinder, type ComputerQuery } from '../../src/lib/jamf/computers.ts';
import { quote } from '../../src/lib/jamf/rsql.ts';

/**
 * Split a filter as an RSQL parser does: into quoted values, and what stands outside of them.
 * @throws where a quote is left open
 */
function tokens(filter: string): { values: string[]; outside: string } {
  const values: string[] = [];
  let outside = '';
  for (let at = 0; at < filter.length; at += 1) {
    const character = filter.charAt(at);
    if (character !== '"' && character !== "'") {
      outside += character;
      continue;
    }
    let value = '';
    for (at += 1; filter.charAt(at) !== character; at += 1) {
      assert.ok(at < filter.length, `open quote in ${filter}`);
      if (filter.charAt(at) === '\\') at += 1;
      value += filter.charAt(at);
    }
    values.push(value);
    outside += '_';
  }
  return { values, outside };
}

type Query = Record<string, string | number | readonly string[]>;

/** A client that answers from a function and remembers what it was asked. */
function client(answer: (path: string, query: Query) => unknown): {
  client: JamfClient;
  asked: { path: string; query: Query }[];
} {
  const asked: { path: string; query: Query }[] = [];
  return {
    asked,
    client: {
      url: 'https://example.jamfcloud.com',
      request: async <T>(_method: string, path: string, options: { query?: Query } = {}) => {
        const query = options.query ?? {};
        asked.push({ path, query });
        return answer(path, query) as T;
      },
      authenticate: () => Promise.reject(new Error('not expected')),
    },
  };
}

const record = (id: number) => ({
  id: String(id),
  general: { name: `Mac ${String(id)}`, lastContactTime: '2026-11-01T00:00:00Z', remoteManagement: { managed: true } },
  hardware: { serialNumber: `EXAMPLE${String(id)}`, model: 'MacBook Air', modelIdentifier: 'Mac14,2' },
  operatingSystem: { version: '26.6.2', build: '25G83' },
  userAndLocation: { username: 'ada', realname: 'Ada Example', email: null },
});

/** A fleet served page by page; the server makes pages no larger than `clamp`, without saying so. */
function fleet(size: number, clamp: number) {
  return client((_path, query) => {
    const pageSize = Math.min(Number(query['page-size']), clamp);
    const start = Number(query.page) * pageSize;
    const count = Math.max(0, Math.min(pageSize, size - start));
    return { totalCount: size, results: Array.from({ length: count }, (_, index) => record(start + index)) };
  });
}

describe('the RSQL filter of a search', () => {
  it('holds any value inside its quotes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        assert.deepEqual(tokens(quote(value)), { values: [value], outside: '_' });
      }),
    );
  });

  it('has the same shape whatever the values are', () => {
    const nasty = fc.oneof(
      fc.string({ unit: 'binary', minLength: 1 }),
      fc.string({ unit: fc.constantFrom('"', "'", '\\', '*', ';', ',', '(', ')', '=', ' ', 'a'), minLength: 1 }),
    );
    const parts: (keyof ComputerQuery)[] = ['serial', 'name', 'user', 'model', 'osVersion', 'text'];
    fc.assert(
      fc.property(fc.uniqueArray(fc.constantFrom(...parts)), nasty, (chosen, value) => {
        const filter = (text: string) => computerFilter(Object.fromEntries(chosen.map((part) => [part, text])));
        assert.equal(tokens(filter(value)).outside, tokens(filter('plain')).outside);
      }),
    );
  });

  it('says what was asked', () => {
    assert.equal(computerFilter({}), '');
    assert.equal(computerFilter({ serial: 'EXAMPLE1' }), 'hardware.serialNumber=="EXAMPLE1"');
    assert.equal(computerFilter({ name: 'Ada"s' }), 'general.name=="*Ada\\"s*"');
    assert.equal(computerFilter({ name: '*lab*' }), 'general.name=="*lab*"');
    assert.equal(
      computerFilter({ osVersion: '26.1' }),
      '(operatingSystem.version=="26.1",operatingSystem.version=="26.1.*")',
    );
    assert.equal(
      computerFilter({ model: 'Air', serial: 'X' }),
      'hardware.serialNumber=="X";(hardware.model=="*Air*",hardware.modelIdentifier=="*Air*")',
    );
  });
});

describe('the search for computers', () => {
  it('asks for the sections that its answer needs', async () => {
    const { client: jamf, asked } = fleet(1, 100);
    const found = await computerFinder(jamf)({ serial: 'EXAMPLE0' }, 25);
    assert.deepEqual(asked, [
      {
        path: '/api/v3/computers-inventory',
        query: {
          section: ['GENERAL', 'HARDWARE', 'OPERATING_SYSTEM', 'USER_AND_LOCATION'],
          page: 0,
          'page-size': 25,
          sort: 'id:asc',
          filter: 'hardware.serialNumber=="EXAMPLE0"',
        },
      },
    ]);
    assert.deepEqual(found, {
      totalCount: 1,
      computers: [
        {
          id: '0',
          name: 'Mac 0',
          serialNumber: 'EXAMPLE0',
          model: 'MacBook Air',
          modelIdentifier: 'Mac14,2',
          osVersion: '26.6.2',
          osBuild: '25G83',
          username: 'ada',
          realName: 'Ada Example',
          email: null,
          managed: true,
          lastContactAt: '2026-11-01T00:00:00Z',
        },
      ],
    });
  });

  it('leaves the filter out when nothing narrows the search', async () => {
    const { client: jamf, asked } = fleet(1, 100);
    await computerFinder(jamf)({}, 1);
    assert.equal('filter' in (asked[0]?.query ?? {}), false);
  });

  for (const clamp of [7, 25, 100, 2000]) {
    it(`reaches its limit on a server that clamps pages to ${String(clamp)}`, async () => {
      const { client: jamf } = fleet(450, clamp);
      const { totalCount, computers } = await computerFinder(jamf)({}, 200);
      assert.equal(totalCount, 450);
      assert.deepEqual(
        computers.map(({ id }) => Number(id)),
        Array.from({ length: 200 }, (_, index) => index),
      );
    });
  }

  it('ends on an empty page, even if the count promised more', async () => {
    const { client: jamf, asked } = client((_path, query) => ({
      totalCount: 90,
      results: query.page === 0 ? [record(1), record(2)] : [],
    }));
    const found = await computerFinder(jamf)({}, 50);
    assert.deepEqual([found.totalCount, found.computers.length, asked.length], [90, 2, 2]);
  });

  it('ends when the server pays no heed to the page number', async () => {
    const { client: jamf, asked } = client(() => ({ totalCount: 90, results: [record(1), record(2)] }));
    const found = await computerFinder(jamf)({}, 50);
    assert.deepEqual([found.computers.length, asked.length], [2, 2]);
  });

  it('falls back to v1 on 404, and remembers it', async () => {
    const { client: jamf, asked } = client((path) => {
      if (path.startsWith('/api/v3/')) throw new JamfMcpError('NOT_FOUND', 'no such endpoint');
      return { totalCount: 1, results: [record(1)] };
    });
    const find = computerFinder(jamf);
    assert.equal((await find({}, 5)).computers.length, 1);
    assert.equal((await find({}, 5)).computers.length, 1);
    assert.deepEqual(
      asked.map(({ path }) => path),
      ['/api/v3/computers-inventory', '/api/v1/computers-inventory', '/api/v1/computers-inventory'],
    );
  });

  it('passes other errors on, and a 404 of the last endpoint too', async () => {
    for (const [code, calls] of [
      ['ACCESS_DENIED', 1],
      ['NOT_FOUND', 2],
    ] as const) {
      const { client: jamf, asked } = client(() => {
        throw new JamfMcpError(code, 'no');
      });
      await assert.rejects(computerFinder(jamf)({}, 5), { code });
      assert.equal(asked.length, calls);
    }
  });

  it('refuses an answer that is no inventory', async () => {
    for (const answer of [undefined, null, [], 'x', {}, { totalCount: 1 }, { totalCount: '1', results: [] }]) {
      await assert.rejects(computerFinder(client(() => answer).client)({}, 5), { code: 'REMOTE_FAILED' });
    }
  });

  it('makes null of what is missing or of another type', async () => {
    const { client: jamf } = client(() => ({
      totalCount: 1,
      results: [{ id: '9', general: { name: 5 }, hardware: null }],
    }));
    const { computers } = await computerFinder(jamf)({}, 5);
    assert.deepEqual(Object.values(computers[0] ?? {}), ['9', ...Array.from({ length: 11 }, () => null)]);
  });
});
