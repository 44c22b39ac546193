import * as Flags from '@oclif/core/flags';
import { BaseCommand, schemaFlag } from '../../lib/cli/base.ts';
import { prose } from '../../lib/cli/prose.ts';
import { EXIT } from '../../lib/errors.ts';
import { drawVerify } from '../../lib/secrets/report-verify.ts';
import type { VerifyResult } from '../../lib/secrets/verify-secret.ts';

export default class SecretsVerify extends BaseCommand {
  static override summary = 'check a secret against its schema, and try its credentials where they are used';

  static override description =
    prose(`Tries what the secret has: a Jamf token, OpenID discovery and the Auth0 client, SELECT 1 on PostgreSQL, GetCallerIdentity with a stored AWS key, HeadBucket on S3. Nothing is changed anywhere.

Exit code 3 means that a check failed.`);

  static override examples = [
    '<%= config.bin %> secrets verify',
    '<%= config.bin %> secrets verify --stage AWSPENDING',
    '<%= config.bin %> secrets verify --secret nba-mcp/production/database --schema database',
  ];

  static override flags = {
    schema: schemaFlag,
    stage: Flags.string({ summary: 'staging label of the version', default: 'AWSCURRENT', helpValue: 'LABEL' }),
    live: Flags.boolean({ summary: 'try the credentials too', default: true, allowNo: true }),
  };

  async run(): Promise<VerifyResult> {
    const { flags } = await this.parse(SecretsVerify);
    const { settings, target, context } = await this.beginSecret(flags);
    const { verifySecret } = await import('../../lib/secrets/verify-secret.ts');
    const { aws } = settings;
    const { AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL } = process.env;
    const result = await verifySecret(
      {
        ...target,
        stage: flags.stage,
        live: flags.live,
        settings: { aws, s3Endpoint: AWS_ENDPOINT_URL_S3 ?? AWS_ENDPOINT_URL ?? null },
      },
      context,
    );
    if (result.summary.fail > 0) this.exitWith(EXIT.findings);
    return this.present(result, drawVerify);
  }
}
