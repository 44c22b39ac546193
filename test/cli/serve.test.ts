import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CreateSecretCommand, PutSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Sandbox } from '../../src/lib/sandbox/index.ts';
import { BIN, cleanEnvironment, runCli, startCli } from '../support/cli.ts';
import { resultText, SECRET } from '../support/mcp.ts';
import { secretsClient, withSandbox } from '../support/sandbox.ts';

const MINUTE = 60_000;

interface Found {
  totalCount: number;
  returned: number;
  truncated: boolean;
  computers: { name: string; serialNumber: string; osVersion: string }[];
}

const found = (result: Awaited<ReturnType<Client['callTool']>>) => {
  assert.ok(!result.isError, resultText(result));
  return result.structuredContent as Found;
};

async function storeSecret(sandbox: Sandbox): Promise<void> {
  const SecretString = JSON.stringify(sandbox.fields);
  await secretsClient(sandbox).send(new CreateSecretCommand({ Name: SECRET, SecretString }));
}

/** Mint a new client secret in Jamf, which kills the old one, and store it under the given labels. */
async function rotateUnderneath(sandbox: Sandbox, stages: string[]): Promise<void> {
  const { JAMF_CLIENT_ID: clientId = '', JAMF_CLIENT_SECRET: clientSecret = '' } = sandbox.fields;
  const jamf = async (path: string, init: RequestInit): Promise<unknown> => {
    const response = await fetch(sandbox.jamfUrl + path, init);
    assert.ok(response.ok, `${path} answered ${String(response.status)}`);
    return response.json();
  };
  const { access_token: token } = (await jamf('/api/oauth/token', {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret }),
  })) as { access_token: string };
  const headers = { authorization: `Bearer ${token}` };
  const { results } = (await jamf('/api/v1/api-integrations?page-size=100', { headers })) as {
    results: { id: number; clientId: string }[];
  };
  const id = results.find((integration) => integration.clientId === clientId)?.id;
  const minted = (await jamf(`/api/v1/api-integrations/${String(id)}/client-credentials`, {
    method: 'POST',
    headers,
  })) as {
    clientSecret: string;
  };
  const SecretString = JSON.stringify({ ...sandbox.fields, JAMF_CLIENT_SECRET: minted.clientSecret });
  const put = new PutSecretValueCommand({ SecretId: SECRET, SecretString, VersionStages: stages });
  await secretsClient(sandbox).send(put);
}

/** The SDK's own client on the stdio of the binary; `noise` is what it could not read as a message. */
async function overStdio(args: readonly string[], env: Record<string, string>) {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [BIN, 'serve', ...args],
    env: cleanEnvironment(env),
    stderr: 'pipe',
  });
  const stderr: Buffer[] = [];
  transport.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
  const noise: unknown[] = [];
  const client = new Client({ name: 'test', version: '0' });
  client.onerror = (error) => noise.push(error);
  await client.connect(transport);
  return { client, noise, stderr: () => Buffer.concat(stderr).toString() };
}

/** The binary serving HTTP on a free port. */
async function overHttp(args: readonly string[], env: Record<string, string>) {
  const child = startCli(['serve', '--http', '--port', '0', ...args], { env });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const url = line.toString().trimEnd();
  const connect = async () => {
    const client = new Client({ name: 'test', version: '0' });
    await client.connect(new StreamableHTTPClientTransport(new URL(url)));
    return client;
  };
  const stop = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    const [code] = (await once(child, 'exit')) as [number | null];
    return code;
  };
  return { url, connect, stop, child };
}

const computerCall = { name: 'find_computers', arguments: { limit: 3 } };

describe('jamf-mcp serve', () => {
  const sandbox = withSandbox();

  for (const [how, start] of [
    ['stdio', overStdio],
    [
      'HTTP',
      async (args: readonly string[], env: Record<string, string>) => {
        const server = await overHttp(args, env);
        const client = await server.connect();
        client.onclose = () => void server.stop('SIGTERM');
        return { client, noise: [], stderr: () => '' };
      },
    ],
  ] as const) {
    describe(`over ${how}`, () => {
      it('lists and calls its tools with the credentials of the secret', async () => {
        await storeSecret(sandbox());
        const { client, noise, stderr } = await start([], sandbox().environment);
        assert.equal(client.getServerVersion()?.name, 'jamf-mcp');
        assert.deepEqual(
          (await client.listTools()).tools.map(({ name }) => name),
          ['find_computers', 'secret_status'],
        );

        const all = found(await client.callTool(computerCall));
        assert.equal(all.totalCount, 200);
        assert.deepEqual([all.returned, all.truncated], [3, true]);
        const [first] = all.computers;
        assert.ok(first?.serialNumber && first.osVersion);
        const one = found(await client.callTool({ name: 'find_computers', arguments: { serial: first.serialNumber } }));
        assert.deepEqual(one.computers, [first]);
        const every = found(await client.callTool({ name: 'find_computers', arguments: { limit: 200 } }));
        assert.equal(new Set(every.computers.map(({ serialNumber }) => serialNumber)).size, 200);

        const status = await client.callTool({ name: 'secret_status', arguments: {} });
        const { fields, store } = status.structuredContent as { fields: string[]; store: string };
        assert.deepEqual([fields, store], [Object.keys(sandbox().fields), 'aws']);
        const told = JSON.stringify(status) + stderr();
        for (const name of ['JAMF_CLIENT_SECRET', 'AUTH0_CLIENT_SECRET']) {
          assert.ok(!told.includes(sandbox().fields[name] ?? ''), name);
        }
        await client.close();
        assert.deepEqual(noise, []);
      });

      for (const stages of [['AWSCURRENT'], ['AWSPENDING']]) {
        it(`goes on after a rotation that has got as far as ${stages.join()}`, async () => {
          await storeSecret(sandbox());
          const { client } = await start([], sandbox().environment);
          found(await client.callTool(computerCall));
          await rotateUnderneath(sandbox(), stages);
          found(await client.callTool(computerCall));
          sandbox().clock.advance(24 * 60 * MINUTE);
          const refused = () =>
            sandbox().calls.filter(({ outcome, service }) => service === 'jamf' && outcome !== 'ok');
          const before = refused().length;
          assert.equal(found(await client.callTool(computerCall)).totalCount, 200);
          assert.ok(refused().length > before, 'the old token and the old secret were tried first');
          await client.close();
        });
      }
    });
  }

  it('answers every call while `jamf-mcp rotate` runs, and after the old token has ended', async () => {
    await storeSecret(sandbox());
    const { client } = await overStdio([], sandbox().environment);
    const minted = () => sandbox().calls.filter(({ operation }) => operation.endsWith('/client-credentials')).length;
    const run = { ended: false };
    const rotation = runCli(['rotate', '--no-input', '--confirm', SECRET], { env: sandbox().environment });
    void rotation.finally(() => (run.ended = true));
    let calls = 0;
    const caller = async () => {
      while (!run.ended) {
        assert.equal(found(await client.callTool(computerCall)).totalCount, 200);
        calls += 1;
      }
    };
    await Promise.all([caller(), caller()]);
    const { code, stderr } = await rotation;
    assert.equal(code, 0, stderr);
    assert.equal(minted(), 1);
    assert.ok(calls > 1);
    sandbox().clock.advance(24 * 60 * MINUTE);
    assert.equal(found(await client.callTool(computerCall)).totalCount, 200);
    await client.close();
  });

  it('answers initialize and tools/list without Jamf or AWS, and reads neither before it must', async () => {
    const { client } = await overStdio([], { ...sandbox().environment, AWS_ENDPOINT_URL: 'http://127.0.0.1:1' });
    await client.listTools();
    await client.close();
    assert.deepEqual(sandbox().calls, []);
  });

  it('takes the credentials of the environment where all three are there', async () => {
    const { JAMF_URL = '', JAMF_CLIENT_ID = '', JAMF_CLIENT_SECRET = '' } = sandbox().fields;
    const { client } = await overStdio([], {
      ...sandbox().environment,
      JAMF_URL,
      JAMF_CLIENT_ID,
      JAMF_CLIENT_SECRET,
    });
    assert.equal(found(await client.callTool(computerCall)).totalCount, 200);
    await client.close();
    assert.deepEqual([...new Set(sandbox().calls.map(({ service }) => service))], ['jamf']);
  });

  it('warns of a rotation that is overdue, with the command that does it, and answers before that', async () => {
    await storeSecret(sandbox());
    const stored = sandbox().secrets.vault.find('us-east-1', SECRET);
    assert.ok(stored);
    stored.tags.set('jamf-mcp:rotate-every', '90d');
    stored.changedAt = Date.now() - 100 * 24 * 60 * MINUTE;
    const { client, stderr } = await overStdio(['--env', 'production'], sandbox().environment);
    await client.listTools();
    assert.doesNotMatch(stderr(), /warning/);
    while (!stderr().includes('warning')) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.match(
      stderr(),
      /warning: secret .* was to be rotated by .* late\); `jamf-mcp rotate --env production` does it\n/,
    );
    const status = await client.callTool({ name: 'secret_status', arguments: {} });
    const { warnings } = status.structuredContent as { warnings: string[] };
    assert.equal(warnings.length, 1);
    await client.close();
  });

  it('warns of half an environment and reads the secret', async () => {
    await storeSecret(sandbox());
    const env = { ...sandbox().environment, JAMF_URL: 'https://elsewhere.example.com' };
    const { client, stderr } = await overStdio([], env);
    assert.equal(found(await client.callTool(computerCall)).totalCount, 200);
    await client.close();
    assert.match(stderr(), /warning: JAMF_URL set without JAMF_CLIENT_ID, JAMF_CLIENT_SECRET/);
  });

  it('tells a missing secret in the tool result, and works once it is there', async () => {
    const { client } = await overStdio([], sandbox().environment);
    const result = await client.callTool(computerCall);
    assert.equal(result.isError, true);
    assert.deepEqual(result._meta, { 'jamf-mcp/errorCode': 'SECRET_NOT_FOUND' });
    assert.equal(resultText(result).split('\n').length, 2);
    await storeSecret(sandbox());
    assert.equal(found(await client.callTool(computerCall)).totalCount, 200);
    await client.close();
  });

  it('ends with exit 0 when stdin ends, after answering what came in', async () => {
    const input = `${JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'tools/list' })}\n`;
    const { stdout, code } = await runCli(['serve', '--quiet'], { input, env: sandbox().environment });
    assert.equal(code, 0);
    assert.equal((JSON.parse(stdout) as { id: number }).id, 7);
  });

  for (const [signal, code] of [
    ['SIGTERM', 0],
    ['SIGINT', 130],
  ] as const) {
    it(`ends on ${signal} with exit ${String(code)}, even while a call is under way`, async () => {
      await storeSecret(sandbox());
      sandbox().inject({ operation: 'jamf:GET /api/v3/computers-inventory', nth: 'every', fault: { kind: 'timeout' } });
      const child = startCli(['serve'], { env: sandbox().environment });
      const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: computerCall };
      child.stdin.write(`${JSON.stringify(call)}\n`);
      while (!sandbox().calls.some(({ operation }) => operation.includes('computers-inventory'))) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      child.kill(signal);
      const [exit] = (await once(child, 'exit')) as [number | null];
      assert.equal(exit, code);
    });
  }

  it('serves HTTP on the URL of its first line, and ends on SIGTERM', async () => {
    const { url, stop } = await overHttp([], sandbox().environment);
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/mcp$/);
    const health = await fetch(new URL('/healthz', url));
    assert.deepEqual(await health.json(), { status: 'ok' });
    assert.equal(await stop('SIGTERM'), 0);
  });

  it('tells the URL as JSON under --json, and nothing more', async () => {
    const child = startCli(['serve', '--http', '--port', '0', '--json'], { env: sandbox().environment });
    const out: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    await once(child.stdout, 'data');
    child.kill('SIGTERM');
    await once(child, 'close');
    const { transport, url } = JSON.parse(Buffer.concat(out).toString()) as Record<string, string>;
    assert.equal(transport, 'http');
    assert.match(url ?? '', /^http:\/\/127\.0\.0\.1:\d+\/mcp$/);
  });

  it('has usage errors: --json over stdio, a host beyond this machine, a port that is none', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    for (const [args, text] of [
      [['--json'], '--json does not go with stdio'],
      [['--http', '--host', '0.0.0.0'], 'has no authentication yet'],
      [['--http', '--port', '70000'], 'port'],
      [['--http', '--port', String(port)], 'EADDRINUSE'],
      [['--port', '5'], '--port without --http'],
      [['--host', 'localhost', '--port', '0'], '--host, --port without --http'],
    ] as const) {
      const { stdout, stderr, code } = await runCli(['serve', ...args]);
      assert.equal(code, 2, args.join(' '));
      assert.ok((stdout + stderr).includes(text), stdout + stderr);
      assert.ok(!stderr.includes('✓'), `it does not claim to serve: ${stderr}`);
    }
    taken.close();
  });

  it('refuses at once a JAMF_URL in the environment that cannot be one', async () => {
    for (const more of [{}, { JAMF_CLIENT_ID: 'EXAMPLE', JAMF_CLIENT_SECRET: 'EXAMPLE' }]) {
      const { stderr, code } = await runCli(['serve'], { env: { JAMF_URL: 'foo', ...more } });
      assert.equal(code, 2);
      assert.match(stderr, /^jamf-mcp: JAMF_URL in the environment: foo is not an https URL\n {2}next: .*\n$/);
    }
  });

  it('claims no more than it knows of the credentials', async () => {
    const nothing = await runCli(['serve', '--secret', 'nope'], { env: {} });
    assert.equal(nothing.code, 0);
    assert.match(
      nothing.stderr,
      /^✓ serve: .* over stdio; the first call will read .* from secret nope in store aws\n$/,
    );
    const pair = { JAMF_URL: 'https://jamf.example', JAMF_CLIENT_ID: 'EXAMPLE', JAMF_CLIENT_SECRET: 'EXAMPLE' };
    const { stderr } = await runCli(['serve'], { env: pair });
    assert.match(
      stderr,
      /over stdio; the first call will try the Jamf credentials of the environment, for which a rotated pair needs a restart\n$/,
    );
  });
});
