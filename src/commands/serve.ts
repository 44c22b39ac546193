import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../lib/cli/base.ts';
import { EXIT, JamfMcpError } from '../lib/errors.ts';

export default class Serve extends BaseCommand {
  static override summary = 'run the MCP server, over stdio or HTTP';
  static override description =
    'Read-only tools over the Jamf inventory and the secret. Credentials come from JAMF_URL, JAMF_CLIENT_ID and ' +
    'JAMF_CLIENT_SECRET where all three are set, else from the secret; a rotated secret is picked up without a restart.\n' +
    'Over stdio, stdout carries the protocol and nothing else. Over HTTP, the first line on stdout is the URL.';
  static override examples = [
    '<%= config.bin %> serve',
    '<%= config.bin %> serve --store local --env development',
    '<%= config.bin %> serve --http --port 0',
  ];
  static override flags = {
    http: Flags.boolean({ summary: 'serve Streamable HTTP on this machine instead of stdio', default: false }),
    host: Flags.string({
      summary: 'loopback address to listen on, with --http (default: 127.0.0.1)',
      helpValue: 'ADDRESS',
    }),
    port: Flags.integer({
      summary: 'port to listen on, with --http; 0 takes any free one (default: 3000)',
      min: 0,
      max: 65535,
      helpValue: 'PORT',
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Serve);
    if (this.jsonEnabled() && !flags.http) {
      throw new JamfMcpError(
        'USAGE',
        '--json does not go with stdio: stdout carries the protocol',
        'leave out --json, or add --http',
      );
    }
    const idle = (['host', 'port'] as const).filter((name) => flags[name] !== undefined).map((name) => `--${name}`);
    if (!flags.http && idle.length > 0) {
      throw new JamfMcpError(
        'USAGE',
        `${idle.join(', ')} without --http: over stdio nothing listens`,
        `add --http, or leave out ${idle.join(', ')}`,
      );
    }
    process.once('SIGINT', () => {
      this.exitWith(EXIT.interrupted);
    });
    const { settings, context } = await this.begin(flags);
    const { serveHttp, serveStdio } = await import('../lib/server/serve.ts');
    const options = { settings, environment: process.env, version: this.config.version };
    if (!flags.http) {
      await serveStdio(options, { input: process.stdin, output: process.stdout }, context);
      return;
    }
    await serveHttp(options, { host: flags.host ?? '127.0.0.1', port: flags.port ?? 3000 }, context, (url) => {
      if (this.jsonEnabled()) this.logJson({ transport: 'http', url });
      else process.stdout.write(`${url}\n`);
    });
  }

  /** The result is told as soon as the server listens: there is none left at its end. */
  protected override logJson(json: unknown): void {
    if (json !== undefined) super.logJson(json);
  }
}
