import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../lib/cli/base.ts';
import { policyFilesArg, validateFlags } from '../../lib/cli/iam-flags.ts';
import { prose } from '../../lib/cli/prose.ts';
import { EXIT } from '../../lib/errors.ts';
import { jsonText } from '../../lib/format/json.ts';
import { reaches, SEVERITIES } from '../../lib/iam/finding.ts';
import { POLICY_TYPES } from '../../lib/iam/policy.ts';
import type { ValidateResult } from '../../lib/iam/validate.ts';

export default class IamValidate extends BaseCommand {
  static override summary = 'check IAM policies: what AWS refuses, what never works, what grants too much';

  static override description =
    prose(`Reads policies as JSON or YAML, from files, folders or standard input: a policy by itself, the
policies in a CloudFormation template, or what the AWS CLI printed of one. For files it needs no account and asks nobody.

With --role, --task-definition, --secret or --all it reads the account. A task definition is joined with both of its
roles: which rights are missing, and what ECS would say; which are more than it needs; which the other role should
have. With neither files nor flags it looks at the task definition of the service.

--fix makes the smallest edits of the files that put findings right, comments and formatting kept: only those that are
proved to allow nothing more than before. With --task-definition, what the task needs is proved to stay, and what it
misses for a slip of the pen is put right too. The rest is listed.

Without --type, a policy with principals counts as that of a resource, a role (sts alone) or a key (kms alone).

Services and actions that are not known are warnings: the data are of the day that the result names.

Exit code: 3 with --fail-on when there is such a finding.`);

  static override examples = [
    '<%= config.bin %> iam validate policy.json',
    '<%= config.bin %> iam validate infra/ --fail-on high',
    '<%= config.bin %> iam validate --task-definition jamf-mcp-server',
    '<%= config.bin %> iam validate --role jamf-mcp-execution --fail-on medium',
    'aws secretsmanager get-resource-policy --secret-id NAME | <%= config.bin %> iam validate - --type resource',
    '<%= config.bin %> iam validate infra/ --format sarif > iam.sarif',
    '<%= config.bin %> iam validate infra/ --fix --dry-run',
    '<%= config.bin %> iam validate policy.json --baseline agreed.json --fail-on high',
  ];

  static override args = { file: policyFilesArg };

  static override flags = {
    type: Flags.option({
      summary: 'what the policies are attached to (default: told from each)',
      options: POLICY_TYPES,
    })(),
    ...validateFlags,
    'fail-on': Flags.option({
      summary: 'exit 3 when there is a finding of this severity or worse',
      options: SEVERITIES,
    })(),
  };

  async run(): Promise<ValidateResult> {
    const { args, flags } = await this.parse(IamValidate);
    const place = await this.begin(flags);
    const [{ validateAsTyped }, { readPolicies }, { replaceTexts }, { drawValidate, sarifOf }] = await Promise.all([
      import('../../lib/iam/validate-ask.ts'),
      import('../../lib/cli/policies.ts'),
      import('../../lib/cli/replace.ts'),
      import('../../lib/iam/report.ts'),
    ]);
    const io = { read: readPolicies, replace: replaceTexts };
    // The secret of the environment is meant only where it is named here.
    const secretNamed = this.argv.some((word) => /^--secret(?:=|$)/.test(word));
    const words = { ...flags, files: args.file ?? [] };
    const { result, sources } = await validateAsTyped(words, secretNamed, io, place);
    if (flags['fail-on'] && reaches(result.findings, flags['fail-on'])) this.exitWith(EXIT.findings);
    const draw = {
      table: drawValidate,
      json: jsonText,
      sarif: (found: ValidateResult) => jsonText(sarifOf(found, this.config.version, sources)),
    }[flags.format];
    return this.present(result, draw);
  }
}
