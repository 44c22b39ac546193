/** The peer: the MCP Inspector's command line drives the built binary. */
import assert from 'node:assert/strict';
import { execFile, type ExecFileException } from 'node:child_process';
import { once } from 'node:events';
import { CreateSecretCommand } from '@aws-sdk/client-secrets-manager';
import { BIN, cleanEnvironment, startCli } from '../support/cli.ts';
import { SECRET } from '../support/mcp.ts';
import { secretsClient, withSandbox } from '../support/sandbox.ts';

/** The Inspector's entry file, such as `node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js`. */
const INSPECTOR = process.env.JAMF_MCP_INSPECTOR;

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

function inspect(args: readonly string[], env: Record<string, string>): Promise<Outcome> {
  return new Promise((resolve) => {
    const done = (error: ExecFileException | null, stdout: string, stderr: string) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
    };
    execFile(process.execPath, [INSPECTOR ?? '', '--cli', ...args], { env: cleanEnvironment(env) }, done);
  });
}

describe('the MCP Inspector (JAMF_MCP_INSPECTOR names its entry file)', () => {
  before(function () {
    if (INSPECTOR) return;
    assert.notEqual(process.env.CI, 'true', 'JAMF_MCP_INSPECTOR has to be set in CI');
    this.skip();
  });
  const sandbox = withSandbox();

  /** Each way to reach the server: what the Inspector is given as its target. */
  const targets: [
    string,
    (env: Record<string, string>) => Promise<{ target: string[]; stop: () => Promise<unknown> }>,
  ][] = [
    [
      'stdio',
      (env) => {
        const variables = Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
        return Promise.resolve({
          target: [...variables, process.execPath, BIN, 'serve'],
          stop: () => Promise.resolve(),
        });
      },
    ],
    [
      'HTTP',
      async (env) => {
        const child = startCli(['serve', '--http', '--port', '0'], { env });
        const [line] = (await once(child.stdout, 'data')) as [Buffer];
        return {
          target: [line.toString().trimEnd(), '--transport', 'http'],
          stop: () => {
            child.kill();
            return once(child, 'exit');
          },
        };
      },
    ],
  ];

  for (const [how, reach] of targets) {
    it(`lists and calls the tools over ${how}`, async () => {
      const { environment, fields } = sandbox();
      const create = new CreateSecretCommand({ Name: SECRET, SecretString: JSON.stringify(fields) });
      await secretsClient(sandbox()).send(create);
      const { target, stop } = await reach(environment);

      const list = await inspect([...target, '--strict', '--method', 'tools/list'], environment);
      assert.equal(list.code, 0, list.stderr);
      const { tools } = JSON.parse(list.stdout) as { tools: { name: string }[] };
      assert.deepEqual(
        tools.map(({ name }) => name),
        ['find_computers', 'secret_status'],
      );

      const call = (name: string, ...args: string[]) =>
        inspect([...target, '--method', 'tools/call', '--tool-name', name, ...args], environment);
      const computers = await call('find_computers', '--tool-arg', 'limit=2');
      assert.equal(computers.code, 0, computers.stderr);
      assert.equal(
        (JSON.parse(computers.stdout) as { structuredContent: { totalCount: number } }).structuredContent.totalCount,
        200,
      );
      const status = await call('secret_status');
      assert.equal(status.code, 0, status.stderr);
      assert.equal(
        (JSON.parse(status.stdout) as { structuredContent: { name: string } }).structuredContent.name,
        SECRET,
      );
      await stop();
    });
  }
});
