import * as Flags from '@oclif/core/flags';
import { BaseCommand, dryRunFlag } from '../../lib/cli/base.ts';
import { prose } from '../../lib/cli/prose.ts';
import { readRotationZip } from '../../lib/cli/rotation-zip.ts';
import { shellWords } from '../../lib/cli/shell-words.ts';
import type { ScheduleResult } from '../../lib/rotation/schedule/install.ts';

export default class RotateSchedule extends BaseCommand {
  static override summary = 'have the secret rotated regularly: a rotation function on AWS, a due date elsewhere';

  static override description =
    prose(`On AWS it installs a Lambda function that Secrets Manager calls, with a role that may do what the function does and
nothing else, its log group, a queue for what fails, and an EventBridge rule that redeploys the ECS service when
AWSCURRENT moves. Nothing is rotated now. The same command again puts right what is missing or was changed.

The function works with the fields of the secret itself. With one API client it makes its own new secret, which needs
Read and Create API Integrations; --rotator-secret names another secret with JAMF_MCP_ROTATOR_CLIENT_ID and
JAMF_MCP_ROTATOR_CLIENT_SECRET, so that a rotation goes on whatever happened to the client's own secret.

In the local store, Vault and Azure, --every keeps a due date, of which status and serve remind.`);

  static override examples = [
    '<%= config.bin %> rotate schedule --every 90d --dry-run',
    '<%= config.bin %> rotate schedule --every 90d --window 4h --cluster jamf-mcp-cluster --service jamf-mcp-service',
    "<%= config.bin %> rotate schedule --at '0 3 1 * ? *' --no-deploy --env staging --yes",
    '<%= config.bin %> rotate schedule --every 30d --store local',
  ];

  static override flags = {
    every: Flags.string({ summary: 'how often: 4h to 999d', helpValue: '90d' }),
    at: Flags.string({
      summary: 'when, as a cron expression of Secrets Manager: six fields, UTC, on the hour',
      helpValue: 'CRON',
      exclusive: ['every'],
    }),
    window: Flags.string({
      summary: 'within how many hours from the start a rotation begins: 1h to 24h',
      helpValue: '4h',
    }),
    cluster: Flags.string({ summary: 'ECS cluster (default: jamf-mcp-cluster)', helpValue: 'NAME' }),
    service: Flags.string({ summary: 'ECS service to redeploy (default: jamf-mcp-service)', helpValue: 'NAME' }),
    'no-deploy': Flags.boolean({ summary: 'redeploy nothing after a rotation', default: false }),
    'rotator-secret': Flags.string({ summary: 'secret with the API client that makes new secrets', helpValue: 'NAME' }),
    only: Flags.string({
      summary: 'field to make anew (default: the Jamf client secret); more than one: repeat it',
      helpValue: 'FIELD',
      multiple: true,
    }),
    strategy: Flags.option({
      options: ['single', 'alternate'] as const,
      summary: 'one Jamf API client, or two that take turns (default: alternate where there are two)',
    })(),
    'dry-run': dryRunFlag,
  };

  async run(): Promise<ScheduleResult> {
    const { flags } = await this.parse(RotateSchedule);
    const { settings, context } = await this.begin(flags);
    const [{ scheduleInput }, { installSchedule }, { drawSchedule }] = await Promise.all([
      import('../../lib/rotation/schedule/input.ts'),
      import('../../lib/rotation/schedule/install.ts'),
      import('../../lib/rotation/schedule/report.ts'),
    ]);
    const command = shellWords(this.config.bin, 'rotate schedule', flags, REPEATED);
    const input = await scheduleInput(settings, flags, { zip: readRotationZip, command }, context);
    return this.present(await installSchedule(input, context), drawSchedule);
  }
}

/** The flags that the command which goes on needs again. */
const REPEATED = [
  ...['env', 'store', 'secret', 'profile', 'region', 'every', 'at', 'window', 'cluster', 'service', 'no-deploy'],
  ...['only', 'strategy', 'rotator-secret', 'yes', 'confirm', 'no-input'],
];
