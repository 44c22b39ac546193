/** `npm run demo`: the four commands inside the sandbox, each command line shown before it runs. Stops at the first failure. */
import { spawnSync } from 'node:child_process';

const BIN = 'bin/run.js';

if (process.argv[2] === 'inside') {
  const fields = process.env.JAMF_MCP_SANDBOX_FIELDS ?? '';
  run('jamf-mcp secrets init --from-file "$JAMF_MCP_SANDBOX_FIELDS"', ['secrets', 'init', '--from-file', fields]);
  run('jamf-mcp rotate --force-deploy', ['rotate', '--force-deploy']);
  run('jamf-mcp audit --since 7d', ['audit', '--since', '7d']);
  await serve();
} else {
  process.exitCode =
    spawnSync(process.execPath, [BIN, 'sandbox', '--', process.execPath, 'scripts/demo.ts', 'inside'], {
      stdio: 'inherit',
    }).status ?? 1;
}

function show(line: string): void {
  process.stdout.write(`\n$ ${line}\n`);
}

function run(line: string, args: string[]): void {
  show(line);
  const { status } = spawnSync(process.execPath, [BIN, ...args], { stdio: 'inherit' });
  if (status !== 0) {
    process.stderr.write(`\nthe demo ends here: exit code ${String(status)}\n`);
    process.exit(status ?? 1);
  }
}

/** Talks to the server over stdio as an MCP client does, and shows what it answers. */
async function serve(): Promise<void> {
  const { Client } = await import('@modelcontextprotocol/sdk/client/index.js');
  const { StdioClientTransport } = await import('@modelcontextprotocol/sdk/client/stdio.js');
  show('jamf-mcp serve        # an MCP client lists its tools and calls two of them');
  const client = new Client({ name: 'demo', version: '0' });
  const env = Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  await client.connect(new StdioClientTransport({ command: process.execPath, args: [BIN, 'serve'], env }));
  const { tools } = await client.listTools();
  for (const tool of tools) process.stdout.write(`tool ${tool.name}: ${tool.title ?? ''}\n`);
  for (const [name, args] of [
    ['secret_status', {}],
    ['find_computers', { limit: 3 }],
  ] as const) {
    const { structuredContent } = await client.callTool({ name, arguments: args });
    process.stdout.write(`${name}(${JSON.stringify(args)}) → ${JSON.stringify(structuredContent).slice(0, 400)} …\n`);
  }
  await client.close();
}
