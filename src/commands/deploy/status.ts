import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../lib/cli/base.ts';
import { durationMs } from '../../lib/cli/duration.ts';
import { prose } from '../../lib/cli/prose.ts';
import { drawStatus } from '../../lib/ecs/report.ts';
import type { StatusResult } from '../../lib/ecs/status.ts';
import { EXIT } from '../../lib/errors.ts';

export default class DeployStatus extends BaseCommand {
  static override summary =
    'tell how the service and its deployments stand, and whether its tasks hold the present secret';

  static override description =
    prose(`Looks and changes nothing. Of each running task it is told whether it started after AWSCURRENT was last moved,
since a task keeps the value that it was started with: current, old, unclear (in between, where CloudTrail does not tell
the moment), pinned (its task definition names a version or another label), none (it is given nothing of this secret).
Tasks that failed are listed with their reason for about an hour.

Exit codes: 3 with --exit-code when the deployment failed or a task holds an older value; with --wait as for deploy.`);

  static override examples = [
    '<%= config.bin %> deploy status',
    '<%= config.bin %> deploy status --wait --timeout 30m',
    '<%= config.bin %> deploy status --exit-code --json',
  ];

  static override flags = {
    cluster: Flags.string({ summary: 'ECS cluster (default: jamf-mcp-cluster)', helpValue: 'NAME' }),
    service: Flags.string({ summary: 'ECS service (default: jamf-mcp-service)', helpValue: 'NAME' }),
    // No default: one would count as given, for what depends on it.
    wait: Flags.boolean({ summary: 'first go on waiting for a deployment that is under way' }),
    timeout: Flags.string({
      summary: 'how long to wait for it: 90s, 15m, 1h (default: 15m)',
      helpValue: 'TIME',
      dependsOn: ['wait'],
    }),
    'exit-code': Flags.boolean({ summary: 'exit 3 when there is something to see to', default: false }),
  };

  async run(): Promise<StatusResult> {
    const { flags } = await this.parse(DeployStatus);
    const waitMs = flags.wait ? durationMs(flags.timeout ?? '15m', '--timeout') : null;
    const { settings, context } = await this.begin(flags);
    const { deployStatus, needsAttention } = await import('../../lib/ecs/status.ts');
    const { openStore } = await import('../../lib/secrets/open.ts');
    const { cluster = settings.ecs.cluster, service = settings.ecs.service } = flags;
    const result = await deployStatus(
      {
        target: { cluster, service, aws: settings.aws },
        secret: settings.secret,
        store: settings.store === 'aws' ? await openStore(settings, context) : null,
        waitMs,
      },
      context,
    );
    if (flags['exit-code'] && needsAttention(result)) this.exitWith(EXIT.findings);
    return this.present(result, drawStatus);
  }
}
