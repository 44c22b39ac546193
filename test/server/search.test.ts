/** The search against a Jamf Pro server over HTTP: the sandbox's. */
import assert from 'node:assert/strict';
import { jamfClient } from '../../src/lib/jamf/client.ts';
import { computerFinder, type Computer, type ComputerQuery } from '../../src/lib/jamf/computers.ts';
import { Secret } from '../../src/lib/redact.ts';
import type { Sandbox } from '../../src/lib/sandbox/index.ts';
import { testContext } from '../support/context.ts';
import { connectClient, testDeps } from '../support/mcp.ts';
import { withSandbox } from '../support/sandbox.ts';

/** What these tests look at of a record of the fleet. */
interface Fleet {
  id: string;
  general: { name: string };
  hardware: { serialNumber: string; model: string; modelIdentifier: string };
  operatingSystem: { version: string };
  userAndLocation: { username: string; realname: string; email: string };
}

const fleetOf = ({ jamf }: Sandbox) => jamf.computers() as unknown as Fleet[];

function finder({ fields, jamfUrl }: Sandbox) {
  const { JAMF_CLIENT_ID: clientId = '', JAMF_CLIENT_SECRET: clientSecret = '' } = fields;
  return computerFinder(jamfClient({ url: jamfUrl, clientId, clientSecret: new Secret(clientSecret) }, testContext()));
}

describe('the search against a server', () => {
  const sandbox = withSandbox();

  const has = (text: string, part: string) => text.toLowerCase().includes(part.toLowerCase());
  const user = ({ userAndLocation }: Fleet, part: string) =>
    [userAndLocation.username, userAndLocation.realname, userAndLocation.email].some((text) => has(text, part));
  const model = ({ hardware }: Fleet, part: string) =>
    [hardware.model, hardware.modelIdentifier].some((text) => has(text, part));

  /** A query, and which records of the fleet it has to find. */
  const queries: [ComputerQuery, (record: Fleet) => boolean][] = [
    [{}, () => true],
    [{ name: 'MBP-' }, ({ general }) => has(general.name, 'mbp-')],
    [{ user: 'ada' }, (record) => user(record, 'ada')],
    [{ user: 'example.com' }, (record) => user(record, 'example.com')],
    [{ model: 'Mac Studio (M1 Max)' }, (record) => model(record, 'Mac Studio (M1 Max)')],
    [{ model: 'Mac13,1' }, (record) => model(record, 'Mac13,1')],
    [{ osVersion: '15' }, ({ operatingSystem }) => operatingSystem.version.startsWith('15.')],
    [{ osVersion: '26.6.2' }, ({ operatingSystem }) => operatingSystem.version === '26.6.2'],
    [{ osVersion: '1' }, () => false],
    [
      { osVersion: '26', model: 'MacBook' },
      (record) => record.operatingSystem.version.startsWith('26.') && model(record, 'MacBook'),
    ],
    [
      { text: 'lin' },
      (record) =>
        has(record.general.name, 'lin') ||
        has(record.hardware.serialNumber, 'lin') ||
        user(record, 'lin') ||
        model(record, 'lin'),
    ],
    [{ name: '"),(general.name==*' }, () => false],
    [{ text: "';general.name==*" }, () => false],
    [{ name: 'a\\' }, () => false],
  ];

  it('finds exactly what matches', async () => {
    const find = finder(sandbox());
    for (const [query, matches] of queries) {
      const expected = fleetOf(sandbox()).filter(matches);
      const { totalCount, computers } = await find(query, 200);
      assert.deepEqual(
        computers.map(({ id }) => id).sort(),
        expected.map(({ id }) => id).sort(),
        JSON.stringify(query),
      );
      assert.equal(totalCount, expected.length, JSON.stringify(query));
    }
    // Without some of each, the assertions above would prove little.
    const sizes = queries.map(([, matches]) => fleetOf(sandbox()).filter(matches).length);
    assert.ok(sizes.filter((size) => size > 0 && size < 200).length >= 8, sizes.join());
  });

  it('finds every computer by its serial number, and by its name, whatever is in the name', async () => {
    const find = finder(sandbox());
    for (const { id, general, hardware } of fleetOf(sandbox()).slice(0, 30)) {
      for (const query of [{ serial: hardware.serialNumber }, { name: general.name }]) {
        const { computers } = await find(query, 200);
        assert.ok(
          computers.some((computer) => computer.id === id),
          JSON.stringify(query),
        );
      }
    }
  });

  it('counts truly above the limit', async () => {
    const { totalCount, computers } = await finder(sandbox())({}, 1);
    assert.deepEqual([totalCount, computers.length], [200, 1]);
  });

  it('works on a server that has only the first version of the endpoint', async () => {
    sandbox().jamf.settings.inventoryVersions = [1];
    const { totalCount } = await finder(sandbox())({}, 5);
    assert.equal(totalCount, 200);
  });

  it('shows no control character of the hostile names in the fleet', async () => {
    const deps = testDeps({ findComputers: finder(sandbox()) });
    const client = await connectClient(deps, testContext());
    const result = await client.callTool({ name: 'find_computers', arguments: { limit: 200 } });
    const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
    const named = fleetOf(sandbox());
    assert.ok(
      named.some(({ general }) => unseen.test(general.name)),
      'the fleet has hostile names',
    );
    const { computers } = result.structuredContent as { computers: Computer[] };
    assert.equal(computers.length, named.length);
    assert.ok(!computers.some((computer) => Object.values(computer).some((value) => unseen.test(String(value ?? '')))));
  });

  it('names the privilege that is missing', async () => {
    for (const role of sandbox().jamf.roles) role.privileges = [];
    await assert.rejects(finder(sandbox())({}, 5), { code: 'ACCESS_DENIED', message: /Read Computers/ });
  });
});
