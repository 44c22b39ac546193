import assert from 'node:assert/strict';
import { manualClock } from '../../src/lib/sandbox/clock.ts';
import { HOSTILE_NAMES, SECTIONS } from '../../src/lib/sandbox/jamf-computers.ts';
import { createJamf } from '../../src/lib/sandbox/jamf.ts';
import { seededRandom } from '../../src/lib/sandbox/random.ts';
import type { PlainResponse, World } from '../../src/lib/sandbox/service.ts';

interface ApiError {
  httpStatus: number;
  errors: { code: string; field: string | null; description: string }[];
}
interface TokenAnswer {
  access_token: string;
  scope: string;
  token_type: string;
  expires_in: number;
}
interface Page<Row> {
  totalCount: number;
  results: Row[];
}
type ComputerAnswer = { id: string; udid: string } & Record<string, Record<string, unknown> | null>;

function setup(settings: Parameters<typeof createJamf>[1] = {}) {
  const clock = manualClock();
  const world: World = { clock, random: seededRandom(1), region: 'us-east-1', record: () => undefined };
  const jamf = createJamf(world, settings);
  const send = (method: string, url: string, options: { headers?: Record<string, string>; body?: string } = {}) => {
    const { pathname, searchParams } = new URL(url, 'http://127.0.0.1');
    return jamf.handle({
      method,
      path: pathname,
      query: searchParams,
      headers: options.headers ?? {},
      body: options.body ?? '',
    });
  };
  const askToken = (clientId: string, clientSecret: string, headers: Record<string, string> = {}) =>
    send('POST', '/api/oauth/token', {
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: clientId,
        client_secret: clientSecret,
      }).toString(),
    });
  const token = (pair = jamf.client) => {
    const answer = askToken(pair.clientId, pair.clientSecret);
    assert.equal(answer.status, 200);
    return (answer.body as TokenAnswer).access_token;
  };
  const call = (method: string, url: string, options: { token?: string; body?: unknown } = {}) =>
    send(method, url, {
      headers: { authorization: `Bearer ${options.token ?? token()}`, 'content-type': 'application/json' },
      body: options.body === undefined ? '' : JSON.stringify(options.body),
    });
  return { clock, jamf, send, askToken, token, call };
}

const assertError = (answer: PlainResponse, status: number, code: string, field: string | null = null) => {
  assert.equal(answer.status, status);
  const body = answer.body as ApiError;
  assert.equal(body.httpStatus, status);
  assert.equal(body.errors[0]?.code, code);
  assert.equal(body.errors[0].field, field);
};

describe('sandbox jamf: tokens', () => {
  it('answers client credentials with a token of the client, one second short of its life', () => {
    const { askToken, jamf } = setup();
    const { status, body } = askToken(jamf.client.clientId, jamf.client.clientSecret);
    assert.equal(status, 200);
    const { access_token, ...rest } = body as TokenAnswer;
    assert.deepEqual(rest, { scope: 'api-role:2', token_type: 'Bearer', expires_in: 599 });
    const claims = JSON.parse(Buffer.from(access_token.split('.')[1] ?? '', 'base64url').toString()) as Record<
      string,
      unknown
    >;
    assert.equal(claims.sub, jamf.client.clientId);
    assert.equal(claims['authentication-type'], 'CLIENT_CREDENTIALS');
  });

  it('refuses a wrong secret, an unknown and a disabled client alike', () => {
    const { askToken, jamf } = setup();
    for (const [id, secret] of [
      [jamf.client.clientId, 'wrong'],
      ['nobody', jamf.client.clientSecret],
      [jamf.disabledClient.clientId, jamf.disabledClient.clientSecret],
    ] as const) {
      assert.deepEqual(askToken(id, secret), { status: 401, body: { error: 'invalid_client' } });
    }
  });

  it('takes forms only, this grant only, at this path only', () => {
    const { send, jamf } = setup();
    const body = JSON.stringify({ grant_type: 'client_credentials', ...jamf.client });
    assert.equal(
      send('POST', '/api/oauth/token', { headers: { 'content-type': 'application/json' }, body }).status,
      400,
    );
    const form = { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'grant_type=password' };
    assert.deepEqual(send('POST', '/api/oauth/token', form).body, { error: 'unsupported_grant_type' });
    assert.equal(send('POST', '/api/v1/oauth/token', form).status, 404);
  });

  it('lets a token die at its end, and when it is invalidated', () => {
    const { token, call, clock } = setup();
    const first = token();
    const second = token();
    assert.equal(call('GET', '/api/v1/auth', { token: first }).status, 200);
    assert.deepEqual(call('POST', '/api/v1/auth/invalidate-token', { token: first }), { status: 204 });
    assertError(call('GET', '/api/v1/auth', { token: first }), 401, 'INVALID_TOKEN');
    clock.advance(599_999);
    assert.equal(call('GET', '/api/v1/auth', { token: second }).status, 200);
    clock.advance(1);
    assertError(call('GET', '/api/v1/auth', { token: second }), 401, 'INVALID_TOKEN');
    assertError(call('GET', '/api/v1/jamf-pro-version', { token: 'made-up' }), 401, 'INVALID_TOKEN');
  });

  it('says who a token is and what it may do', () => {
    const { call } = setup();
    const { account, authenticationType } = call('GET', '/api/v1/auth').body as {
      account: { username: string; privilegesBySite: Record<string, string[]> };
      authenticationType: string;
    };
    assert.equal(account.username, 'jamf-mcp-server');
    assert.equal(authenticationType, 'CLIENT_CREDENTIALS');
    assert.ok(account.privilegesBySite['-1']?.includes('Create API Integrations'));
  });
});

describe('sandbox jamf: rotating a client secret', () => {
  const mint = ({ call, jamf }: ReturnType<typeof setup>) => {
    const id = jamf.integrations.find((integration) => integration.displayName === 'jamf-mcp-server')?.id;
    return call('POST', `/api/v1/api-integrations/${String(id)}/client-credentials`);
  };

  it('kills the old secret at once; tokens already issued live on to their end', () => {
    const own = setup();
    const old = { ...own.jamf.client };
    const live = own.token();
    const minted = mint(own);
    assert.equal(minted.status, 200);
    const pair = minted.body as { clientId: string; clientSecret: string };
    assert.deepEqual(Object.keys(pair), ['clientId', 'clientSecret']);
    assert.equal(pair.clientId, old.clientId);
    assert.notEqual(pair.clientSecret, old.clientSecret);
    assert.equal(own.askToken(old.clientId, old.clientSecret).status, 401);
    assert.equal(own.askToken(pair.clientId, pair.clientSecret).status, 200);
    assert.equal(own.call('GET', '/api/v1/auth', { token: live }).status, 200);
    own.clock.advance(600_000);
    assert.equal(own.call('GET', '/api/v1/auth', { token: live }).status, 401);
  });

  it('needs Create, not Update; and an integration that is there', () => {
    const own = setup();
    const role = own.jamf.roles.find(({ displayName }) => displayName === 'Jamf MCP Server');
    assert.ok(role);
    role.privileges = role.privileges.filter((privilege) => privilege !== 'Create API Integrations');
    assertError(mint(own), 403, 'INVALID_PRIVILEGE');
    role.privileges.push('Create API Integrations');
    assertError(own.call('POST', '/api/v1/api-integrations/99/client-credentials'), 404, 'INVALID_ID', 'id');
  });

  it('can take a moment to reach every node; the cookie of the answer leads to the one that knows', () => {
    const own = setup({ nodeLagMs: 5_000 });
    const minted = mint(own);
    const { clientId, clientSecret } = minted.body as { clientId: string; clientSecret: string };
    const cookie = minted.headers?.['set-cookie']?.split(';')[0] ?? '';
    assert.equal(own.askToken(clientId, clientSecret).status, 401);
    assert.equal(own.askToken(clientId, clientSecret, { cookie }).status, 200);
    own.clock.advance(5_000);
    assert.equal(own.askToken(clientId, clientSecret).status, 200);
  });

  it('a role added to a client works after the next secret only; a privilege added to a role at once', () => {
    const own = setup();
    const integration = own.jamf.integrations[0];
    assert.ok(integration);
    own.jamf.roles.push({ id: '9', displayName: 'Wiper', privileges: ['Delete API Integrations'] });
    integration.authorizationScopes.push('Wiper');
    assertError(own.call('DELETE', '/api/v1/api-integrations/2'), 403, 'INVALID_PRIVILEGE');
    const { clientId, clientSecret } = mint(own).body as { clientId: string; clientSecret: string };
    const after = own.token({ clientId, clientSecret });
    assert.equal(own.call('DELETE', '/api/v1/api-integrations/2', { token: after }).status, 204);

    assertError(own.call('POST', '/api/v1/api-roles', { token: after, body: {} }), 403, 'INVALID_PRIVILEGE');
    own.jamf.roles[1]?.privileges.push('Create API Roles');
    const created = own.call('POST', '/api/v1/api-roles', {
      token: after,
      body: { displayName: 'New', privileges: [] },
    });
    assert.equal(created.status, 200);
  });

  it('tokens survive the disabling and the deletion of their client', () => {
    const own = setup();
    const live = own.token();
    const integration = own.jamf.integrations[0];
    assert.ok(integration);
    integration.enabled = false;
    assert.equal(own.askToken(own.jamf.client.clientId, own.jamf.client.clientSecret).status, 401);
    assert.equal(own.call('GET', '/api/v1/auth', { token: live }).status, 200);
    own.jamf.integrations.splice(0, 1);
    assert.equal(own.call('GET', '/api/v1/auth', { token: live }).status, 200);
  });
});

describe('sandbox jamf: api integrations and roles', () => {
  interface Integration {
    id: number;
    displayName: string;
    clientId: string;
    appType: string;
    enabled: boolean;
    accessTokenLifetimeSeconds: number;
    authorizationScopes: string[];
  }
  const list = (own: ReturnType<typeof setup>, query = '') =>
    own.call('GET', `/api/v1/api-integrations${query}`).body as Page<Integration>;

  it('lists, filters and sorts, and never shows a secret', () => {
    const own = setup();
    const all = list(own);
    assert.equal(all.totalCount, 2);
    assert.deepEqual(
      all.results.map(({ id, displayName, enabled, appType }) => ({ id, displayName, enabled, appType })),
      [
        { id: 1, displayName: 'jamf-mcp-server', enabled: true, appType: 'CLIENT_CREDENTIALS' },
        { id: 2, displayName: 'retired dashboard', enabled: false, appType: 'CLIENT_CREDENTIALS' },
      ],
    );
    assert.ok(!JSON.stringify(all).includes(own.jamf.client.clientSecret));
    assert.deepEqual(
      list(own, '?filter=displayName==%22jamf-*%22').results.map(({ id }) => id),
      [1],
    );
    assert.deepEqual(
      list(own, '?filter=id==2').results.map(({ id }) => id),
      [2],
    );
    assert.deepEqual(
      list(own, '?sort=displayName:desc').results.map(({ id }) => id),
      [2, 1],
    );
    assert.deepEqual(
      list(own, '?page=1&page-size=1').results.map(({ id }) => id),
      [2],
    );
    assertError(own.call('GET', '/api/v1/api-integrations?filter=clientId==x'), 400, 'INVALID_FIELD', 'filter');
  });

  it('creates without a secret, replaces as a whole, deletes', () => {
    const own = setup();
    const created = own.call('POST', '/api/v1/api-integrations', {
      body: {
        displayName: 'b',
        authorizationScopes: ['Jamf MCP Server'],
        enabled: true,
        accessTokenLifetimeSeconds: 30,
      },
    });
    assert.equal(created.status, 201);
    const made = created.body as Integration;
    assert.equal(made.appType, 'NONE');
    assert.equal(made.accessTokenLifetimeSeconds, 30);
    const path = `/api/v1/api-integrations/${String(made.id)}`;
    const replaced = own.call('PUT', path, { body: { displayName: 'c', authorizationScopes: [] } }).body as Integration;
    assert.equal(replaced.enabled, false, 'what a PUT leaves out is not kept');
    assert.equal(replaced.displayName, 'c');
    assertError(own.call('DELETE', path), 403, 'INVALID_PRIVILEGE');
    own.jamf.roles[1]?.privileges.push('Delete API Integrations');
    assert.equal(own.call('DELETE', path).status, 204);
    assertError(own.call('GET', path), 404, 'INVALID_ID', 'id');
  });

  it('refuses bad bodies with the field', () => {
    const own = setup();
    const post = (body: unknown) => own.call('POST', '/api/v1/api-integrations', { body });
    assertError(post({ authorizationScopes: [] }), 400, 'INVALID_FIELD', 'displayName');
    assertError(post({ displayName: 'x' }), 400, 'INVALID_FIELD', 'authorizationScopes');
    assertError(
      post({ displayName: 'x', authorizationScopes: ['Nobody'] }),
      400,
      'INVALID_FIELD',
      'authorizationScopes',
    );
    assertError(
      post({ displayName: 'jamf-mcp-server', authorizationScopes: [] }),
      400,
      'DUPLICATE_FIELD',
      'displayName',
    );
    assertError(post('text'), 400, 'INVALID_JSON_BODY');
  });

  it('has roles and privileges, and keeps a role that is in use', () => {
    const own = setup();
    const roles = own.call('GET', '/api/v1/api-roles').body as Page<{ id: string; displayName: string }>;
    assert.deepEqual(
      roles.results.map(({ displayName }) => displayName),
      ['Inventory Reader', 'Jamf MCP Server'],
    );
    const { privileges } = own.call('GET', '/api/v1/api-role-privileges').body as { privileges: string[] };
    assert.ok(privileges.includes('Read Computers'));
    own.jamf.roles[1]?.privileges.push('Update API Roles', 'Delete API Roles');
    assertError(own.call('DELETE', '/api/v1/api-roles/1'), 409, 'HAS_DEPENDENCIES', 'id');
    own.call('PUT', '/api/v1/api-roles/1', { body: { displayName: 'Readers', privileges: ['Read Computers'] } });
    assert.deepEqual(own.jamf.integrations[1]?.authorizationScopes, ['Readers']);
    assertError(
      own.call('PUT', '/api/v1/api-roles/1', { body: { displayName: 'Readers', privileges: ['Fly'] } }),
      400,
      'INVALID_FIELD',
      'privileges',
    );
  });
});

describe('sandbox jamf: computers', () => {
  const inventory = (own: ReturnType<typeof setup>, query = '', version = 'v1') => {
    const answer = own.call('GET', `/api/${version}/computers-inventory${query}`);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return answer.body as Page<ComputerAnswer>;
  };
  const filtered = (
    own: ReturnType<typeof setup>,
    filter: string,
    sections = 'GENERAL,HARDWARE,OPERATING_SYSTEM,USER_AND_LOCATION',
  ) => inventory(own, `?page-size=2000&section=${sections}&filter=${encodeURIComponent(filter)}`);

  it('has 200, pages from zero, and ends on an empty page', () => {
    const own = setup();
    const ids = new Set<string>();
    for (const page of [0, 1, 2]) {
      const { totalCount, results } = inventory(own, `?page=${String(page)}&page-size=90`);
      assert.equal(totalCount, 200);
      assert.equal(results.length, page === 2 ? 20 : 90);
      for (const { id } of results) ids.add(id);
    }
    assert.equal(ids.size, 200);
    assert.equal(inventory(own, '?page=3&page-size=90').results.length, 0);
    assert.equal(inventory(own).results.length, 100, 'the default page size');
  });

  it('clamps the page size at 2000 without a word, and refuses what is no page', () => {
    const own = setup();
    const computers = own.jamf.computers() as unknown as { push: (...items: unknown[]) => void };
    computers.push(
      ...Array.from({ length: 4_301 }, (_, index) => ({ ...own.jamf.computers()[0], id: String(1_000 + index) })),
    );
    const { totalCount, results } = inventory(own, '?page-size=5000&sort=id:asc');
    assert.equal(totalCount, 4_501);
    assert.equal(results.length, 2_000);
    assert.equal(inventory(own, '?page-size=5000&page=2&sort=id:asc').results.length, 501);
    for (const query of ['page=-1', 'page=x', 'page-size=0', 'page-size=1.5']) {
      assert.equal(own.call('GET', `/api/v1/computers-inventory?${query}`).status, 400, query);
    }
  });

  it('gives the section GENERAL alone unless others are asked for', () => {
    const own = setup();
    const [first] = inventory(own).results;
    assert.ok(first);
    assert.deepEqual(Object.keys(first).sort(), ['id', 'udid', ...Object.values(SECTIONS)].sort());
    assert.equal(typeof first.general?.name, 'string');
    for (const member of Object.values(SECTIONS)) if (member !== 'general') assert.equal(first[member], null, member);
    const [both] = inventory(own, '?section=HARDWARE&section=OPERATING_SYSTEM').results;
    assert.equal(both?.general, null);
    assert.equal(typeof both.hardware?.serialNumber, 'string');
    assert.equal(typeof both.operatingSystem?.version, 'string');
    assertError(own.call('GET', '/api/v1/computers-inventory?section=BOOTS'), 400, 'INVALID_FIELD', 'section');
  });

  it('filters by equality, wildcards, and, or, lists and parentheses, whatever the case', () => {
    const own = setup();
    const all = filtered(own, '').results;
    const versionOf = (computer: ComputerAnswer) => computer.operatingSystem?.version;
    const modelOf = (computer: ComputerAnswer) => String(computer.hardware?.model);
    const expect = (filter: string, keep: (computer: ComputerAnswer) => boolean) => {
      const wanted = all.filter(keep).map(({ id }) => id);
      assert.ok(wanted.length > 0 && wanted.length < all.length, `${filter} tells nothing apart`);
      assert.deepEqual(
        filtered(own, filter).results.map(({ id }) => id),
        wanted,
        filter,
      );
    };
    const serial = String(all[42]?.hardware?.serialNumber);
    expect(`hardware.serialNumber=="${serial}"`, ({ id }) => id === all[42]?.id);
    expect(`hardware.serialNumber==${serial.toLowerCase()}`, ({ id }) => id === all[42]?.id);
    expect('operatingSystem.version!=26.6.2', (computer) => versionOf(computer) !== '26.6.2');
    expect('hardware.model=="MacBook Air*"', (computer) => modelOf(computer).startsWith('MacBook Air'));
    expect('hardware.model=="*2021)"', (computer) => modelOf(computer).endsWith('2021)'));
    expect(
      'hardware.model=="*Air*";operatingSystem.version==26.6.2',
      (computer) => modelOf(computer).includes('Air') && versionOf(computer) === '26.6.2',
    );
    expect(
      'operatingSystem.version==12.7.6 or operatingSystem.version==13.7.8 and hardware.model=="Mac mini*"',
      (computer) =>
        versionOf(computer) === '12.7.6' ||
        (versionOf(computer) === '13.7.8' && modelOf(computer).startsWith('Mac mini')),
    );
    expect(
      '(operatingSystem.version==12.7.6,operatingSystem.version==13.7.8);hardware.model=="MacBook*"',
      (computer) => /^1[23]/.test(String(versionOf(computer))) && modelOf(computer).startsWith('MacBook'),
    );
    expect('operatingSystem.version=in=(12.7.6, "13.7.8")', (computer) => /^1[23]/.test(String(versionOf(computer))));
    expect('userAndLocation.username=="*.berg"', (computer) =>
      String(computer.userAndLocation?.username).endsWith('.berg'),
    );
    expect('general.remoteManagement.managed==false', (computer) =>
      JSON.stringify(computer.general).includes('"managed":false'),
    );
    const cut = '2026-11-01T00:00:00Z';
    expect(
      `general.lastContactTime<${cut}`.replace(cut, `"${cut}"`),
      (computer) => String(computer.general?.lastContactTime) < cut,
    );
    assert.equal(filtered(own, 'general.name=="no such \\"name\\" (at all)"').totalCount, 0);
  });

  it('answers 400 to a filter or a sort order it does not understand', () => {
    const own = setup();
    for (const filter of [
      'general.name',
      'general.name==',
      'general.name=="open',
      'general.password==x',
      'general.name=like=x',
      '(general.name==x',
      'general.name==x)',
      'general.name==x;',
      'general.name==a b',
      '==x',
    ]) {
      assertError(
        own.call('GET', `/api/v1/computers-inventory?filter=${encodeURIComponent(filter)}`),
        400,
        'INVALID_FIELD',
        'filter',
      );
    }
    for (const sort of ['general.secret:asc', 'id:up']) {
      assertError(own.call('GET', `/api/v1/computers-inventory?sort=${sort}`), 400, 'INVALID_FIELD', 'sort');
    }
  });

  it('sorts by name unless told otherwise, and ids as numbers', () => {
    const own = setup();
    const names = inventory(own, '?page-size=200').results.map(({ general }) => String(general?.name).toLowerCase());
    assert.deepEqual(names, [...names].sort());
    const ids = inventory(own, '?page-size=200&sort=id:desc').results.map(({ id }) => Number(id));
    assert.deepEqual(
      ids,
      [...ids].sort((a, b) => b - a),
    );
  });

  it('gives all sections of one computer, and 404 for none', () => {
    const own = setup();
    const detail = own.call('GET', '/api/v1/computers-inventory-detail/7').body as ComputerAnswer;
    assert.equal(detail.id, '7');
    assert.ok(detail.hardware && detail.security && detail.storage);
    assert.equal((own.call('GET', '/api/v3/computers-inventory/7').body as ComputerAnswer).hardware, null);
    assertError(own.call('GET', '/api/v1/computers-inventory-detail/9999'), 404, 'INVALID_ID', 'id');
  });

  it('serves v1, v2 and v3 alike, or fewer as an older server does', () => {
    const own = setup();
    assert.deepEqual(inventory(own, '', 'v3'), inventory(own, '', 'v1'));
    assert.deepEqual(inventory(own, '', 'v2'), inventory(own, '', 'v1'));
    own.jamf.settings.inventoryVersions = [1];
    assertError(own.call('GET', '/api/v3/computers-inventory'), 404, 'NOT_FOUND');
    assert.equal(inventory(own).totalCount, 200);
  });

  it('needs Read Computers', () => {
    const own = setup();
    const role = own.jamf.roles[1];
    assert.ok(role);
    role.privileges = ['Read API Integrations'];
    assertError(own.call('GET', '/api/v1/computers-inventory'), 403, 'INVALID_PRIVILEGE');
  });

  it('holds the names that an attacker would choose, and is the same for the same seed', () => {
    const own = setup();
    const names = own.jamf.computers().map(({ general }) => (general as { name: string }).name);
    for (const hostile of HOSTILE_NAMES) assert.ok(names.includes(hostile), JSON.stringify(hostile));
    assert.ok(HOSTILE_NAMES.some((name) => name.includes('\u001b')));
    const serials = own.jamf.computers().map(({ hardware }) => (hardware as { serialNumber: string }).serialNumber);
    assert.equal(new Set(serials).size, 200);
    assert.deepEqual(setup().jamf.computers(), own.jamf.computers());
  });
});

describe('sandbox jamf: the rest', () => {
  it('tells its version to a valid token', () => {
    const { call, send } = setup();
    assert.match((call('GET', '/api/v1/jamf-pro-version').body as { version: string }).version, /^11\.\d+\.\d+/);
    assertError(send('GET', '/api/v1/jamf-pro-version'), 401, 'INVALID_TOKEN');
  });

  it('describes what it serves, without a token', () => {
    const { send } = setup();
    const schema = send('GET', '/api/schema').body as {
      openapi: string;
      servers: { url: string }[];
      paths: Record<string, Record<string, { 'x-required-privileges'?: string[] }>>;
    };
    assert.equal(schema.openapi, '3.0.1');
    assert.deepEqual(schema.servers, [{ url: '/api' }]);
    assert.deepEqual(schema.paths['/v1/api-integrations/{id}/client-credentials']?.post?.['x-required-privileges'], [
      'Create API Integrations',
    ]);
    assert.ok(schema.paths['/v3/computers-inventory']?.get);
  });

  it('answers 404 and 405 as the API does', () => {
    const { call } = setup();
    assertError(call('GET', '/api/v9/nothing'), 404, 'NOT_FOUND');
    assertError(call('PATCH', '/api/v1/api-roles'), 405, 'METHOD_NOT_ALLOWED');
    assertError(call('GET', '/api/v1/api-roles/%E0%A4%A'), 400, 'INVALID_ID', 'id');
  });
});
