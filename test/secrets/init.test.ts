import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { Secret } from '../../src/lib/redact.ts';
import { initSecret, type InitRequest } from '../../src/lib/secrets/init.ts';
import { checkPolicy } from '../../src/lib/secrets/resource-policy.ts';
import { schemaOf } from '../../src/lib/secrets/schema.ts';
import { AWSCURRENT, AWSPREVIOUS } from '../../src/lib/secrets/store.ts';
import { testContext, type TestContext } from '../support/context.ts';
import { memoryStore, type MemoryStore } from '../support/memory-store.ts';
import { assertInvariants, fields, plain, rejectsWith } from './contract.ts';

const NAME = 'jamf-mcp-server/production';

const without = (raw: Record<string, string>, ...names: string[]) =>
  Object.fromEntries(Object.entries(raw).filter(([name]) => !names.includes(name)));

/** A server that accepts one pair, or answers everything with a page. */
async function jamfServer(kind: 'jamf' | 'page'): Promise<{ url: string; seen: string[]; close(): Promise<void> }> {
  const seen: string[] = [];
  const server: Server = createServer((request, response) => {
    seen.push(`${request.method ?? ''} ${request.url ?? ''}`);
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const reply = (status: number, value: unknown) => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
      };
      if (kind === 'page') response.writeHead(404).end('<html>');
      else if (request.url === '/api/v1/auth')
        reply(200, { account: { username: 'mcp', privileges: ['Read Computers'] } });
      else if (body.includes('EXAMPLE-jamf-client-secret')) {
        reply(200, { access_token: 'EXAMPLE-token', scope: 'api-role:2', token_type: 'Bearer', expires_in: 599 });
      } else reply(401, { error: 'invalid_client' });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${String(port)}`,
    seen,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

describe('secrets init', () => {
  let jamf: Awaited<ReturnType<typeof jamfServer>>;
  let store: MemoryStore;
  let context: TestContext;
  let right: Record<string, string>;

  before(async () => {
    jamf = await jamfServer('jamf');
  });
  after(() => jamf.close());
  beforeEach(() => {
    store = memoryStore();
    context = testContext();
    right = {
      JAMF_URL: jamf.url,
      JAMF_CLIENT_ID: 'client-EXAMPLE',
      JAMF_CLIENT_SECRET: 'EXAMPLE-jamf-client-secret',
      AUTH0_DOMAIN: 'example.eu.auth0.com',
      AUTH0_CLIENT_ID: 'EXAMPLEauth0clientid',
      AUTH0_CLIENT_SECRET: 'EXAMPLE-auth0-client-secret',
      AUTH0_AUDIENCE: 'https://mcp.example.com/',
      REQUIRED_SCOPES: 'read:jamf write:jamf',
    };
  });
  afterEach(() => assertInvariants(store, ''));

  const init = (request: Partial<InitRequest> = {}) =>
    initSecret(
      {
        store,
        secret: NAME,
        environment: 'production',
        schema: schemaOf('jamf'),
        given: right,
        update: false,
        verify: true,
        dryRun: false,
        ...request,
      },
      context,
    );
  const current = async () => plain((await store.read(NAME, { stage: AWSCURRENT })).fields);
  const existing = (raw: Record<string, string>) =>
    store.create({ name: NAME, description: '', tags: {}, fields: fields(raw), token: randomUUID() });
  const refused = async (code: JamfMcpError['code'], request: Partial<InitRequest> = {}) => {
    const before = JSON.stringify([...store.documents]);
    const error = await rejectsWith(code, init(request));
    assert.equal(JSON.stringify([...store.documents]), before, 'nothing is stored');
    return error;
  };

  it('tries the client, then stores all eight fields with description and tags', async () => {
    const result = await init();
    const info = await store.describe(NAME);
    assert.deepEqual(await current(), right);
    assert.equal(info.description, 'Credentials for Jamf MCP Server');
    assert.deepEqual(info.tags, { environment: 'production', 'managed-by': 'jamf-mcp' });
    assert.deepEqual(result, {
      secret: { name: NAME, arn: info.arn, store: 'aws', environment: 'production' },
      versionId: Object.keys(info.stages)[0],
      fields: Object.keys(right),
      changedFields: Object.keys(right),
      changed: true,
      dryRun: false,
      verified: { url: jamf.url, account: 'mcp', privileges: ['Read Computers'] },
      steps: [
        { name: 'verify', state: 'done', text: 'obtain a token from Jamf and ask whose it is' },
        { name: 'store', state: 'done', text: `create secret ${NAME} with 8 fields` },
      ],
    });
    assert.deepEqual(
      context.events
        .filter(({ kind }) => kind === 'step' || kind === 'target')
        .map((event) => (event.kind === 'step' ? `${event.name} ${event.state}` : event.kind)),
      ['verify started', 'verify done', 'target', 'store started', 'store done'],
    );
    assert.deepEqual(context.questions, []);
  });

  describe('with a resource policy', () => {
    const resourcePolicy = '{"Version":"2012-10-17","Statement":[]}';
    const states = ({ steps }: { steps: readonly { name: string; state: string }[] }) =>
      steps.map(({ name, state }) => `${name} ${state}`);

    it('puts it right after the creation, and not a second time', async () => {
      assert.deepEqual(states(await init({ resourcePolicy })), ['verify done', 'store done', 'policy done']);
      assert.deepEqual(
        store.calls.filter((call) => /^(create|setPolicy)/.test(call)),
        [`create ${NAME}`, `setPolicy ${NAME}`],
      );
      assert.equal(store.policies.get(NAME), resourcePolicy);
      const spaced = '{ "Statement": [], "Version": "2012-10-17" }';
      const again = await init({ resourcePolicy: spaced, update: true });
      assert.deepEqual([again.changed, states(again)], [false, ['verify skipped', 'store skipped', 'policy skipped']]);
      assert.equal(store.policies.get(NAME), resourcePolicy);
    });

    it('plans it in a dry run', async () => {
      const planned = await init({ resourcePolicy, dryRun: true });
      assert.deepEqual(states(planned), ['verify planned', 'store planned', 'policy planned']);
      assert.deepEqual([store.documents.size, store.policies.size], [0, 0]);
    });

    it('tells how to go on after a run that came to the creation only, and goes on', async () => {
      store.before = (method) => {
        if (method === 'setPolicy') throw new JamfMcpError('ACCESS_DENIED', 'may not', 'have it allowed');
      };
      const stopped = await rejectsWith('ACCESS_DENIED', init({ resourcePolicy }));
      assert.equal(stopped.message, `secret ${NAME} is stored, but its resource policy is not set: may not`);
      assert.match(stopped.hint ?? '', /^have it allowed; then .*--update --resource-policy FILE/);
      store.before = () => undefined;
      const exists = await rejectsWith('SECRET_EXISTS', init({ resourcePolicy }));
      assert.match(exists.hint ?? '', /stopped before its resource policy.*--update --resource-policy FILE/);
      assert.doesNotMatch((await rejectsWith('SECRET_EXISTS', init())).hint ?? '', /policy/);
      context.answer(true);
      assert.deepEqual(states(await init({ resourcePolicy, update: true })), [
        'verify skipped',
        'store skipped',
        'policy done',
      ]);
      assert.equal(store.policies.get(NAME), resourcePolicy);
    });

    it('tells of the secret that is there where the run is interrupted before the policy', async () => {
      store.before = (method) => {
        if (method === 'setPolicy') throw new DOMException('aborted', 'AbortError');
      };
      const stopped = await rejectsWith('INTERRUPTED', init({ resourcePolicy }));
      assert.match(stopped.message, /is stored, but its resource policy is not set/);
    });

    it('with --update and no fields asks for no field, and keeps what is there', async () => {
      await existing({ OLD: 'EXAMPLE-old' });
      context.answer(true);
      const result = await init({ resourcePolicy, update: true, given: {} });
      assert.deepEqual(
        context.questions.map(({ text }) => text),
        [`change the resource policy of secret ${NAME}?`],
      );
      assert.deepEqual([result.changed, result.changedFields, result.fields], [true, [], ['OLD']]);
      assert.deepEqual(await current(), { OLD: 'EXAMPLE-old' });
      assert.equal(store.policies.get(NAME), resourcePolicy);
    });

    it('sets it again where it may not be read', async () => {
      await existing(right);
      store.before = (method) => {
        if (method === 'policy') throw new JamfMcpError('ACCESS_DENIED', 'may not');
      };
      context.answer(true);
      assert.equal((await init({ resourcePolicy, update: true })).changed, true);
    });

    it('is refused by a store that has none, before anything is stored', async () => {
      store = memoryStore({ kind: 'vault' });
      const error = await refused('INPUT_INVALID', { resourcePolicy });
      assert.match(error.message, /^the store vault has no resource policies$/);
    });

    it('is a JSON object of at most 20,480 characters, and none of it is told otherwise', async () => {
      const longest = `{"a":"${'x'.repeat(20_480 - 8)}"}`;
      assert.equal(checkPolicy(longest, 'p.json'), longest);
      for (const text of [`${longest} `, '', '[]', 'null', '"x"', 'TOKEN=EXAMPLE-value']) {
        const error = await rejectsWith('INPUT_INVALID', () => checkPolicy(text, 'p.json'));
        assert.match(error.message, /^the resource policy p\.json (is not|has 20481)/);
        assert.equal(error.cause, undefined);
      }
    });
  });

  it('asks for what is missing, secret values without an echo, and offers defaults', async () => {
    const { JAMF_CLIENT_SECRET = '', AUTH0_DOMAIN = '' } = right;
    const given = { ...without(right, 'JAMF_CLIENT_SECRET', 'REQUIRED_SCOPES'), AUTH0_DOMAIN: '' };
    context.answer(new Secret(JAMF_CLIENT_SECRET), AUTH0_DOMAIN);
    await init({ given });
    assert.deepEqual(
      context.questions.map(({ kind, text }) => [kind, text.split(' ')[0]]),
      [
        ['secret', 'JAMF_CLIENT_SECRET'],
        ['text', 'AUTH0_DOMAIN'],
      ],
    );
    assert.deepEqual(await current(), right);
  });

  it('checks each answer while it is given', async () => {
    context.answer(jamf.url);
    await init({ given: without(right, 'JAMF_URL') });
    const [question] = context.questions;
    assert.ok(question?.kind === 'text' && question.check);
    assert.equal(question.check('https://example.jamfcloud.com'), true);
    assert.equal(question.check('nonsense'), 'JAMF_URL has to be a URL that begins with https://');
    assert.equal(question.check(' '), 'JAMF_URL is needed');
  });

  it('names everything that is missing where nobody can be asked', async () => {
    const error = await refused('INPUT_MISSING', { given: { JAMF_URL: jamf.url } });
    for (const name of [
      'JAMF_CLIENT_ID',
      'JAMF_CLIENT_SECRET',
      'AUTH0_DOMAIN',
      'AUTH0_CLIENT_ID',
      'AUTH0_CLIENT_SECRET',
      'AUTH0_AUDIENCE',
    ]) {
      assert.match(error.message, new RegExp(name));
    }
    assert.match(error.hint ?? '', /--from-file/);
    assert.match((await refused('INPUT_MISSING', { given: {} })).hint ?? '', /--from-file/);
  });

  it('tells every wrong field before it contacts anybody', async () => {
    const error = await refused('INPUT_INVALID', {
      given: { ...right, JAMF_URL: 'http://example.com', AUTH0_DOMAIN: 'x/y', AUTH0_CLIENT_ID: '' },
    });
    assert.match(error.message, /missing: AUTH0_CLIENT_ID; JAMF_URL .*; AUTH0_DOMAIN /);
    assert.deepEqual(store.calls, []);
  });

  it('says that a secret exists, and changes nothing', async () => {
    await existing(right);
    assert.match((await refused('SECRET_EXISTS')).hint ?? '', /--update/);
    assert.deepEqual(context.questions, [], 'nobody types eight values in vain');
  });

  it('stores nothing where the client is refused, the URL is wrong, or the host is not there', async () => {
    await refused('CREDENTIALS_REFUSED', { given: { ...right, JAMF_CLIENT_SECRET: 'EXAMPLE-wrong' } });
    const page = await jamfServer('page');
    await refused('INPUT_INVALID', { given: { ...right, JAMF_URL: page.url } });
    await page.close();
    await refused('UNREACHABLE', { given: { ...right, JAMF_URL: page.url } });
  });

  it('does not ask Jamf where it is told so', async () => {
    const result = await init({ verify: false, given: { ...right, JAMF_URL: 'https://nowhere.example.com' } });
    assert.equal(result.verified, null);
    assert.equal(result.steps[0]?.state, 'skipped');
    assert.ok(result.changed);
  });

  it('touches nothing that is scheduled for deletion', async () => {
    await existing(right);
    store.scheduleDeletion(NAME);
    for (const update of [false, true])
      assert.match((await refused('SECRET_DELETED', { update })).message, /2026-12-22/);
    store.documents.clear();
  });

  it('passes on what the store refuses', async () => {
    store.before = (method) => {
      if (method === 'create')
        throw new JamfMcpError('ACCESS_DENIED', 'not authorized to perform: secretsmanager:CreateSecret');
    };
    await refused('ACCESS_DENIED');
  });

  it('a dry run shows the steps and neither asks Jamf nor writes', async () => {
    const before = jamf.seen.length;
    const result = await init({ dryRun: true });
    assert.deepEqual(
      result.steps.map(({ name, state }) => [name, state]),
      [
        ['verify', 'planned'],
        ['store', 'planned'],
      ],
    );
    assert.deepEqual([result.changed, result.versionId, result.secret.arn], [false, null, null]);
    assert.equal(jamf.seen.length, before);
    assert.equal(store.documents.size, 0);
  });

  describe('--update', () => {
    it('merges, asks before it writes, keeps the rest, and the old version is AWSPREVIOUS', async () => {
      const { versionId } = await existing({ ...right, AUTH0_CLIENT_ID: 'old', EXTRA: 'EXAMPLE-extra' });
      context.answer(true);
      const result = await init({ update: true, given: { AUTH0_CLIENT_ID: 'new' } });
      assert.deepEqual(await current(), { ...right, AUTH0_CLIENT_ID: 'new', EXTRA: 'EXAMPLE-extra' });
      assert.deepEqual(result.changedFields, ['AUTH0_CLIENT_ID']);
      assert.match(context.questions[0]?.text ?? '', /^change AUTH0_CLIENT_ID of secret/);
      assert.deepEqual((await store.describe(NAME)).stages, {
        [versionId]: [AWSPREVIOUS],
        [result.versionId ?? '']: [AWSCURRENT],
      });
    });

    it('writes no version where nothing changed', async () => {
      const { versionId } = await existing(right);
      const result = await init({ update: true });
      assert.deepEqual([result.changed, result.versionId, result.changedFields], [false, versionId, []]);
      assert.deepEqual(
        store.calls.filter((call) => /^(put|moveLabel)/.test(call)),
        [],
      );
    });

    it('changes nothing when the person declines', async () => {
      await existing(right);
      context.answer(false);
      await refused('DECLINED', { update: true, given: { AUTH0_CLIENT_ID: 'new' } });
    });

    it('needs a confirmation where nobody can be asked', async () => {
      await existing(right);
      await refused('CONFIRMATION_REQUIRED', { update: true, given: { AUTH0_CLIENT_ID: 'new' } });
    });

    it('offers every field where none is given: empty keeps a secret one', async () => {
      await existing(right);
      context.answer(
        jamf.url,
        'client-EXAMPLE',
        new Secret(''),
        'other.eu.auth0.com',
        'EXAMPLEauth0clientid',
        new Secret(''),
        'https://mcp.example.com/',
        'read:jamf',
        true,
      );
      const result = await init({ update: true, given: {} });
      assert.deepEqual(result.changedFields, ['AUTH0_DOMAIN', 'REQUIRED_SCOPES']);
      assert.equal((await current()).JAMF_CLIENT_SECRET, right.JAMF_CLIENT_SECRET);
    });

    it('never overwrites what somebody else wrote meanwhile', async () => {
      await existing(right);
      context.answer(true);
      store.before = async (method) => {
        if (method !== 'put') return;
        store.before = () => undefined;
        await store.put(NAME, fields({ ...right, AUTH0_DOMAIN: 'theirs.auth0.com' }), {
          token: randomUUID(),
          stages: [AWSCURRENT],
        });
      };
      await rejectsWith('CONFLICT', init({ update: true, given: { AUTH0_CLIENT_ID: 'mine' } }));
      assert.equal((await current()).AUTH0_DOMAIN, 'theirs.auth0.com');
      assert.equal((await current()).AUTH0_CLIENT_ID, right.AUTH0_CLIENT_ID);
      const labels = Object.values((await store.describe(NAME)).stages).flat();
      assert.deepEqual(labels.sort(), [AWSCURRENT, AWSPREVIOUS], 'no draft is left');
    });

    it('keeps the current version where labels may not be moved, and tells the reason', async () => {
      await existing(right);
      context.answer(true);
      store.before = (method) => {
        if (method === 'moveLabel') throw new JamfMcpError('ACCESS_DENIED', 'not authorized: UpdateSecretVersionStage');
      };
      await rejectsWith('ACCESS_DENIED', init({ update: true, given: { AUTH0_CLIENT_ID: 'new' } }));
      store.before = () => undefined;
      assert.deepEqual(await current(), right);
      assert.match(
        JSON.stringify(context.events.at(-1)),
        /"warning".*JAMFMCPDRAFT stays on version .* UpdateSecretVersionStage/,
      );

      context.answer(true);
      await init({ update: true, given: { AUTH0_CLIENT_ID: 'new' } });
      const labels = Object.values((await store.describe(NAME)).stages).flat();
      assert.deepEqual(labels.sort(), [AWSCURRENT, AWSPREVIOUS], 'the next write takes the label over');
    });

    it('creates a secret that is not there', async () => {
      assert.ok((await init({ update: true })).changed);
      assert.deepEqual(await current(), right);
    });
  });
});
