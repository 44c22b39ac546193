import { BaseCommand, dryRunFlag } from '../lib/cli/base.ts';
import { gatherSettings } from '../lib/cli/gather.ts';
import { prose } from '../lib/cli/prose.ts';
import {
  environmentsOf,
  givenFrom,
  requireSense,
  ROTATE_FLAGS,
  servicesFrom,
  valueFrom,
} from '../lib/cli/rotate-flags.ts';
import { drawRotateAll } from '../lib/rotation/report.ts';
import type { SetUpAlternateResult } from '../lib/rotation/issuers/jamf-alternate.ts';
import type { RotateOutput } from '../lib/rotation/work.ts';

export default class Rotate extends BaseCommand {
  static override summary = 'make a new credential, roll it out and prove that it is in use; or put everything back';

  static override description =
    prose(`By default the Jamf client secret. Where a second API client with equal roles takes turns with the first
(rotate --setup-alternate makes it), the old one stays valid until the next rotation: no request fails, and rotate undo
goes back; where the old one has leaked, rotate twice, or say --strategy single: that ends it at once. With one API client Jamf refuses the old secret as soon as the new one is made; everything that can fail is
proved before, and the result tells how long that took.

State is kept in the staging labels of the secret, and a second rotation is refused while one is under way. After a
failure, a crash or Ctrl-C, rotate resume goes on and rotate status tells where it stands. Where a deployment fails, the
version before is made current again and rolled out, if its value is still accepted. With --prove-injection one task of
the service is started with AWSPENDING before anything is made: what would keep new tasks from starting ends it there.

JAMF_MCP_ROTATOR_CLIENT_ID and JAMF_MCP_ROTATOR_CLIENT_SECRET name another API client that makes the new secret; without
them the client rotates itself, which needs Read and Create API Integrations.`);

  static override examples = [
    '<%= config.bin %> rotate --dry-run',
    '<%= config.bin %> rotate --force-deploy',
    '<%= config.bin %> rotate --force-deploy --prove-injection',
    '<%= config.bin %> rotate --setup-alternate',
    '<%= config.bin %> rotate --only AUTH0_CLIENT_SECRET --force-deploy',
    '<%= config.bin %> rotate -e staging -e production --force-deploy --yes --confirm jamf-mcp-server/production',
  ];

  static override flags = { ...ROTATE_FLAGS, 'dry-run': dryRunFlag };

  async run(): Promise<RotateOutput | SetUpAlternateResult> {
    const { flags } = await this.parse(Rotate);
    requireSense(flags);
    const environments = environmentsOf(flags);
    const { settings, context } = await this.begin({ ...flags, env: environments[0] });
    const { rotatorsFrom } = await import('../lib/rotation/issuers/rotators.ts');
    const { rotateInput, setUpFrom } = await import('../lib/rotation/input.ts');
    const { rotateAll } = await import('../lib/rotation/rotate-all.ts');
    const rotators = rotatorsFrom(process.env);
    if (flags['setup-alternate']) {
      const { drawSetUpAlternate } = await import('../lib/rotation/issuers/jamf-alternate.ts');
      const made = await setUpFrom(settings, { rotators, dryRun: flags['dry-run'] }, context);
      return this.present(made, drawSetUpAlternate);
    }
    const rest = await Promise.all(
      environments.slice(1).map(async (env) => ({ env, settings: await gatherSettings({ ...flags, env }) })),
    );
    const wish = {
      only: flags.only ?? [],
      strategy: flags.strategy ?? null,
      from: flags.ask || flags['from-file'] ? ('person' as const) : flags.generate ? ('here' as const) : null,
    };
    const answers = valueFrom(flags['from-file'], wish.only);
    const inputs = [{ env: environments[0], settings }, ...rest].map(({ env, settings: each }) => {
      const given = { ...givenFrom(this.config.bin, each, { ...flags, env }), rotators };
      return rotateInput(each, given, { wish, ...servicesFrom(flags, each), answers });
    });
    return this.present(await rotateAll(inputs, context), drawRotateAll);
  }
}
