/** The built program on stores that are not AWS's: what a user of Vault or Key Vault types. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import type { ErrorJson } from '../../src/lib/errors.ts';
import type { RotateResult } from '../../src/lib/rotation/rotate.ts';
import { startSandbox, type Sandbox } from '../../src/lib/sandbox/index.ts';
import type { InitResult } from '../../src/lib/secrets/init.ts';
import type { ListResult } from '../../src/lib/secrets/list.ts';
import type { ShowResult } from '../../src/lib/secrets/show.ts';
import { cleanEnvironment, ROOT, runCli } from '../support/cli.ts';
import { hasOpenBao, NEEDS_OPENBAO, startOpenBao, type OpenBao } from '../support/openbao.ts';

const NAME = 'jamf-mcp-server/production';
const TOKEN = 'EXAMPLE-openbao-root-token';

describe('jamf-mcp on OpenBao', function () {
  this.timeout(60_000);
  if (!hasOpenBao()) {
    it(NEEDS_OPENBAO);
    return;
  }
  let server: OpenBao;
  let sandbox: Sandbox;
  let folder: string;
  beforeEach(async () => {
    server = await startOpenBao();
    sandbox = await startSandbox({ speed: 20 });
    folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-vault-'));
    await writeFile(join(folder, 'jamf-mcp.yaml'), 'store: vault\nvault: { address: http://127.0.0.1:9 }\n');
  });
  afterEach(async () => {
    await server.close();
    await sandbox.close();
    await rm(folder, { recursive: true });
  });

  /** Values that must not leave the program. */
  const values = () => [
    TOKEN,
    sandbox.fields.AUTH0_CLIENT_SECRET ?? '',
    sandbox.fields.JAMF_CLIENT_SECRET ?? '',
    sandbox.jamf.integrations[0]?.credential?.secret ?? '',
  ];
  const run = async (args: string[], options: { input?: string; env?: Record<string, string | undefined> } = {}) => {
    const env = { ...sandbox.environment, VAULT_ADDR: server.address, VAULT_TOKEN: TOKEN, ...options.env };
    const result = await runCli(args, { ...options, env, cwd: folder });
    for (const value of values()) {
      assert.ok(value.length > 10);
      assert.ok(!(result.stdout + result.stderr).includes(value), `${args.join(' ')} shows ${value.slice(0, 10)}…`);
    }
    return result;
  };
  const json = async <Result>(args: string[], input?: string): Promise<Result> => {
    const { stdout, stderr, code } = await run([...args, '--json', '--debug'], input === undefined ? {} : { input });
    assert.equal(code, 0, stdout + stderr);
    return JSON.parse(stdout) as Result;
  };

  it('secrets init, show and list do what they do on AWS; the environment is stronger than the file', async () => {
    const created = await json<InitResult>(['secrets', 'init', '--from-file', '-'], JSON.stringify(sandbox.fields));
    assert.deepEqual(created.secret, {
      name: NAME,
      arn: `vault:secret:${NAME}`,
      store: 'vault',
      environment: 'production',
    });
    const shown = await json<ShowResult>(['secrets', 'show']);
    assert.deepEqual([shown.versionId, shown.stages], [created.versionId, ['AWSCURRENT']]);
    const { secrets } = await json<ListResult>(['secrets', 'list']);
    assert.deepEqual(
      secrets.map(({ name, managed }) => [name, managed]),
      [[NAME, true]],
    );
    const { data } = await server.api<{ data: { data: unknown } }>('GET', `secret/data/${NAME}?version=1`);
    assert.deepEqual(data.data, sandbox.fields);
  });

  it('rotates, and the new value is the one that Jamf accepts', async () => {
    await json(['secrets', 'init', '--from-file', '-'], JSON.stringify(sandbox.fields));
    const rotated = await json<RotateResult>(['rotate', '--confirm', NAME, '--no-input']);
    assert.equal(rotated.outcome, 'rotated');
    const { data } = await server.api<{ data: { custom_metadata: Record<string, string> } }>(
      'GET',
      `secret/metadata/${NAME}`,
    );
    const { AWSCURRENT: version = '', AWSPENDING } = data.custom_metadata;
    assert.equal(AWSPENDING, undefined);
    const now = await server.api<{ data: { data: Record<string, string> } }>(
      'GET',
      `secret/data/${NAME}?version=${version}`,
    );
    assert.equal(now.data.data.JAMF_CLIENT_SECRET, sandbox.jamf.integrations[0]?.credential?.secret);
    assert.notEqual(now.data.data.JAMF_CLIENT_SECRET, sandbox.fields.JAMF_CLIENT_SECRET);
  });

  it('prefers the variables of OpenBao, and takes an AppRole', async () => {
    const nowhere = { VAULT_ADDR: 'http://127.0.0.1:9', BAO_ADDR: server.address, BAO_TOKEN: TOKEN };
    const empty = await run(['secrets', 'list'], { env: { ...nowhere, VAULT_TOKEN: 'EXAMPLE-another-token' } });
    assert.equal(empty.code, 0, empty.stderr);
    await server.api('POST', 'sys/auth/approle', { type: 'approle' });
    await server.api('POST', 'sys/policies/acl/lister', {
      policy: 'path "secret/metadata/*" { capabilities = ["list"] }',
    });
    await server.api('POST', 'auth/approle/role/jamf', { token_policies: 'lister' });
    const role = await server.api<{ data: { role_id: string } }>('GET', 'auth/approle/role/jamf/role-id');
    const { data } = await server.api<{ data: { secret_id: string } }>('POST', 'auth/approle/role/jamf/secret-id');
    const login = { VAULT_TOKEN: undefined, VAULT_ROLE_ID: role.data.role_id, VAULT_SECRET_ID: data.secret_id };
    const listed = await run(['secrets', 'list', '--debug'], { env: login });
    assert.equal(listed.code, 0, listed.stderr);
    assert.match(listed.stderr, /vault POST auth\/approle\/login: 200/);
    assert.ok(!listed.stderr.includes(data.secret_id));
    const refused = await run(['secrets', 'show'], { env: login });
    assert.equal(refused.code, 4);
    assert.match(
      refused.stderr,
      /vault refuses read on secret\/data\/jamf-mcp-server\/production~labels: permission denied/,
    );
  });

  it('ends with 4 without a token, and says how to get one', async () => {
    const ended = await run(['secrets', 'show', '--json'], { env: { VAULT_TOKEN: undefined } });
    assert.equal(ended.code, 4);
    const { error } = JSON.parse(ended.stdout) as ErrorJson;
    assert.equal(error.code, 'CREDENTIALS_MISSING');
    assert.match(error.hint ?? '', /vault login/);
  });

  it('ends with 2 for a secret in jamf-mcp.yaml: no token belongs there', async () => {
    await writeFile(join(folder, 'jamf-mcp.yaml'), `store: vault\nvault:\n  token: x\n`);
    const ended = await run(['secrets', 'show']);
    assert.equal(ended.code, 2);
    assert.match(ended.stderr, /jamf-mcp\.yaml:3:3: unknown key vault\.token/);
  });
});

describe('jamf-mcp on Key Vault', () => {
  it('needs no Azure package until the store is used, and then says which and how to get them', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-packed-'));
    try {
      for (const part of ['bin', 'dist', 'package.json', 'oclif.manifest.json'])
        await cp(join(ROOT, part), join(folder, part), { recursive: true });
      const args = ['secrets', 'show', '--store', 'azure', '--json'];
      const env = cleanEnvironment({ AZURE_KEYVAULT_URL: 'https://example.vault.azure.net' });
      const { stdout, stderr, status } = spawnSync(process.execPath, [join(folder, 'bin/run.js'), ...args], { env });
      assert.equal(status, 5, String(stderr));
      const { error } = JSON.parse(String(stdout)) as ErrorJson;
      assert.match(error.message, /@azure\/identity and @azure\/keyvault-secrets/);
      assert.match(error.hint ?? '', /npm install @azure\/identity @azure\/keyvault-secrets/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('ends with 2 where no vault is named', async () => {
    const ended = await runCli(['secrets', 'show', '--store', 'azure']);
    assert.equal(ended.code, 2);
    assert.match(ended.stderr, /AZURE_KEYVAULT_URL/);
  });
});
