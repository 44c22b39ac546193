import { BaseCommand } from '../../lib/cli/base.ts';
import { CAN_LAYERS, canArgs, canFlags } from '../../lib/cli/iam-flags.ts';
import { prose } from '../../lib/cli/prose.ts';
import { EXIT } from '../../lib/errors.ts';
import type { CanResult } from '../../lib/iam/can.ts';

export default class IamCan extends BaseCommand {
  static override summary = 'tell whether a principal may do one thing, and which statements decide it';

  static override description =
    prose(`Reads the policies of the principal and of the resource from the account, or from the files that
flags name: then nothing else counts, and no account is needed. Judges as AWS does: identity, resource,
boundary, session and organization, conditions and variables included.

What reads a secret that has a key of its own is judged for kms:Decrypt as well.

--online also asks IAM's policy simulator; without credentials our own verdict stands.

Exit code: 3 where the answer is not the one expected.`);

  static override examples = [
    '<%= config.bin %> iam can ecsTaskExecutionRole secretsmanager:GetSecretValue jamf-mcp-server/production',
    '<%= config.bin %> iam can arn:aws:iam::111122223333:user/ci iam:PassRole arn:aws:iam::111122223333:role/app --expect deny',
    '<%= config.bin %> iam can app s3:GetObject arn:aws:s3:::bucket/key --policy policy.json --context aws:SourceVpce=vpce-1',
  ];

  static override args = canArgs;

  static override flags = canFlags;

  async run(): Promise<CanResult> {
    const { args, flags } = await this.parse(IamCan);
    const { settings, context } = await this.begin(flags);
    const [{ can }, { drawCan }, { readPolicies }] = await Promise.all([
      import('../../lib/iam/can-ask.ts'),
      import('../../lib/iam/can-report.ts'),
      import('../../lib/cli/policies.ts'),
    ]);
    const sources = await Promise.all(
      CAN_LAYERS.map(async ([flag, layer]) =>
        (await readPolicies(flags[flag] ?? [])).map((source) => ({ layer, source })),
      ),
    );
    const { principal, action, resource = null } = args;
    const question = { principal, action, resource, keys: flags.context ?? [], online: flags.online };
    const result = await can(question, sources.flat(), settings.aws, context);
    if ((result.verdict === 'allow') !== (flags.expect === 'allow')) this.exitWith(EXIT.findings);
    return this.present(result, drawCan);
  }
}
