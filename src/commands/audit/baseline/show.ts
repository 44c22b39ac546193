import type { BaselineShow } from '../../../lib/audit/baseline-manage.ts';
import { BaseCommand } from '../../../lib/cli/base.ts';
import { prose } from '../../../lib/cli/prose.ts';

export default class AuditBaselineShow extends BaseCommand {
  static override summary = 'show who is usual for which secret, how and from where';

  static override description =
    prose(`The baseline is jamf-mcp-baseline.yaml beside jamf-mcp.yaml, made to be reviewed: an access that agrees with an
entry of it in principal, secret, action, network, user agent, Region and time is explained.`);

  static override examples = ['<%= config.bin %> audit baseline show', '<%= config.bin %> audit baseline show --json'];

  async run(): Promise<BaselineShow> {
    const { flags } = await this.parse(AuditBaselineShow);
    const { context } = await this.begin(flags);
    const [{ showBaseline }, { drawBaseline }, { baselineFile }] = await Promise.all([
      import('../../../lib/audit/baseline-manage.ts'),
      import('../../../lib/audit/baseline-report.ts'),
      import('../../../lib/cli/baseline.ts'),
    ]);
    return this.present(showBaseline(await baselineFile(context), context.clock.now()), drawBaseline);
  }
}
