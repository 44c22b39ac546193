import * as Flags from '@oclif/core/flags';
import { BaseCommand, dryRunFlag } from '../lib/cli/base.ts';
import { durationMs } from '../lib/cli/duration.ts';
import { prose } from '../lib/cli/prose.ts';
import { shellWords } from '../lib/cli/shell-words.ts';
import type { DeployResult } from '../lib/ecs/deploy.ts';
import { drawDeploy } from '../lib/ecs/report.ts';

export default class Deploy extends BaseCommand {
  static override summary = 'start the tasks of the ECS service anew, so that they read the secret as it is now';

  static override description =
    prose(`A task reads its secrets once, when it starts. A new deployment with the same task definition is forced,
followed by its own id until it is over, and proved: every task that runs was started by it. Service events, task counts
and failed tasks are told as they come, with the cause and the fix where the text of ECS is a known one.

Ctrl-C and the time limit leave the deployment to ECS; jamf-mcp deploy status takes it up again.

Exit codes: 1 when it failed or was rolled back, 5 when there is no such cluster or service, 6 when it goes on after the
time limit.`);

  static override examples = [
    '<%= config.bin %> deploy',
    '<%= config.bin %> deploy --cluster tools --service jamf-mcp --timeout 30m --yes',
    '<%= config.bin %> deploy --no-wait --yes --json',
  ];

  static override flags = {
    cluster: Flags.string({ summary: 'ECS cluster (default: jamf-mcp-cluster)', helpValue: 'NAME' }),
    service: Flags.string({ summary: 'ECS service (default: jamf-mcp-service)', helpValue: 'NAME' }),
    timeout: Flags.string({ summary: 'how long to wait for it: 90s, 15m, 1h', default: '15m', helpValue: 'TIME' }),
    wait: Flags.boolean({ summary: 'follow it until it is over', default: true, allowNo: true }),
    'dry-run': dryRunFlag,
  };

  async run(): Promise<DeployResult> {
    const { flags } = await this.parse(Deploy);
    const limitMs = durationMs(flags.timeout, '--timeout');
    const { settings, context } = await this.begin(flags);
    const { deployService } = await import('../lib/ecs/deploy.ts');
    const { cluster = settings.ecs.cluster, service = settings.ecs.service } = flags;
    const result = await deployService(
      {
        target: { cluster, service, aws: settings.aws },
        limitMs,
        wait: flags.wait,
        dryRun: flags['dry-run'],
        status: shellWords(this.config.bin, 'deploy status', flags, NAMED),
      },
      context,
    );
    return this.present(result, drawDeploy);
  }
}

/** The flags that name the service, beside those that every command in a text gets: what looks at it later needs them. */
const NAMED = ['cluster', 'service'];
