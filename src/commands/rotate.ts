import * as Flags from '@oclif/core/flags';
import { BaseCommand, dryRunFlag } from '../lib/cli/base.ts';
import { prose } from '../lib/cli/prose.ts';
import { durationMs } from '../lib/cli/duration.ts';
import { shellWords } from '../lib/cli/shell-words.ts';
import { JamfMcpError } from '../lib/errors.ts';
import { Secret } from '../lib/redact.ts';
import { drawRotate } from '../lib/rotation/report.ts';
import type { RotateResult } from '../lib/rotation/rotate.ts';

export default class Rotate extends BaseCommand {
  static override summary = 'replace the Jamf client secret, roll it out and prove that it is in use';

  static override description =
    prose(`With one API client, Jamf refuses the old secret as soon as the new one is made, so everything that can fail is
proved before. State is kept in the staging labels of the secret: after a failure, a crash or Ctrl-C the same command
goes on where it stopped. Where the new value was promoted by then, it has to be said whether the tasks are still to be
redeployed: --force-deploy or --no-deploy. JAMF_MCP_ROTATOR_CLIENT_ID and JAMF_MCP_ROTATOR_CLIENT_SECRET name another API client that
makes the new secret; without them the client rotates itself, which needs Read and Create API Integrations.`);

  static override examples = [
    '<%= config.bin %> rotate --dry-run',
    '<%= config.bin %> rotate --force-deploy',
    '<%= config.bin %> rotate --force-deploy --env staging --yes',
    '<%= config.bin %> rotate --force-deploy --confirm jamf-mcp-server/production --no-input --json',
  ];

  static override flags = {
    'force-deploy': Flags.boolean({
      summary: 'redeploy the ECS service and wait until every task has the new secret',
      default: false,
    }),
    'no-deploy': Flags.boolean({
      summary: 'leave running tasks as they are; ends an earlier run without a deployment, too',
      default: false,
    }),
    cluster: Flags.string({ summary: 'ECS cluster (default: jamf-mcp-cluster)', helpValue: 'NAME' }),
    service: Flags.string({ summary: 'ECS service (default: jamf-mcp-service)', helpValue: 'NAME' }),
    timeout: Flags.string({
      summary: 'how long the deployment may take: 90s, 15m, 1h (default: 15m)',
      helpValue: 'TIME',
    }),
    'dry-run': dryRunFlag,
  };

  async run(): Promise<RotateResult> {
    const { flags } = await this.parse(Rotate);
    requireDeploy(flags);
    const { settings, context } = await this.begin(flags);
    const { openStore } = await import('../lib/secrets/open.ts');
    const { jamfIssuer } = await import('../lib/rotation/issuers/jamf.ts');
    const { rotate } = await import('../lib/rotation/rotate.ts');
    const rotator = rotatorFrom(process.env);
    const ecs = {
      cluster: flags.cluster ?? settings.ecs.cluster,
      service: flags.service ?? settings.ecs.service,
      aws: settings.aws,
    };
    const result = await rotate(
      {
        secret: settings.secret,
        environment: settings.environment,
        openStore: (held) => openStore(settings, held),
        issuer: (held) => jamfIssuer(rotator, held),
        ecs: flags['force-deploy'] ? ecs : null,
        noDeploy: flags['no-deploy'],
        limitMs: durationMs(flags.timeout ?? '15m', '--timeout'),
        dryRun: flags['dry-run'],
        command: shellWords(this.config.bin, 'rotate', flags, REPEATED),
      },
      context,
    );
    return this.present(result, drawRotate);
  }
}

/** The flags that decide what is rotated and how, and confirm it: the command that goes on needs them again. */
const REPEATED = [
  ...['env', 'store', 'secret', 'profile', 'region', 'force-deploy', 'no-deploy', 'cluster', 'service'],
  ...['yes', 'confirm', 'no-input'],
];

/** What says how a deployment is done says nothing without one. */
function requireDeploy(flags: Readonly<Record<string, unknown>>): void {
  const deploys = flags['force-deploy'] === true;
  if (deploys && flags['no-deploy'] === true)
    throw new JamfMcpError('USAGE', '--force-deploy and --no-deploy say the opposite', 'leave one of them out');
  const idle = ['cluster', 'service', 'timeout'].filter((name) => flags[name] !== undefined).map((name) => `--${name}`);
  if (deploys || idle.length === 0) return;
  throw new JamfMcpError(
    'USAGE',
    `${idle.join(', ')} without --force-deploy: no service is redeployed, so there is nothing to apply to`,
    `add --force-deploy, or leave out ${idle.join(', ')}`,
  );
}

function rotatorFrom(env: NodeJS.ProcessEnv): { clientId: string; clientSecret: Secret } | null {
  const { JAMF_MCP_ROTATOR_CLIENT_ID: clientId, JAMF_MCP_ROTATOR_CLIENT_SECRET: clientSecret } = env;
  if (!clientId && !clientSecret) return null;
  if (clientId && clientSecret) return { clientId, clientSecret: new Secret(clientSecret) };
  const missing = clientId ? 'JAMF_MCP_ROTATOR_CLIENT_SECRET' : 'JAMF_MCP_ROTATOR_CLIENT_ID';
  throw new JamfMcpError(
    'INPUT_MISSING',
    `the rotator client is given by half: ${missing} is not set`,
    'set both, or none',
  );
}
