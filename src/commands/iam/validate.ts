import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../lib/cli/base.ts';
import { prose } from '../../lib/cli/prose.ts';
import { EXIT, JamfMcpError } from '../../lib/errors.ts';
import { jsonText } from '../../lib/format/json.ts';
import { reaches, SEVERITIES } from '../../lib/iam/finding.ts';
import { POLICY_TYPES } from '../../lib/iam/policy.ts';
import type { ValidateResult } from '../../lib/iam/validate.ts';

export default class IamValidate extends BaseCommand {
  static override summary = 'check IAM policies: what AWS refuses, what never works, what grants too much';

  static override description =
    prose(`Reads policies as JSON or YAML, from files, folders or standard input: a policy by itself, the
policies in a CloudFormation template, or what the AWS CLI printed of one. Needs no account and asks nobody.

Without --type, a policy with principals counts as that of a resource, a role (sts alone) or a key (kms alone).

Services and actions that are not known are warnings: the data are of the day that the result names.

Exit code: 3 with --fail-on when there is such a finding.`);

  static override examples = [
    '<%= config.bin %> iam validate policy.json',
    '<%= config.bin %> iam validate infra/ --fail-on high',
    'aws secretsmanager get-resource-policy --secret-id NAME | <%= config.bin %> iam validate - --type resource',
    '<%= config.bin %> iam validate infra/ --format sarif > iam.sarif',
  ];

  static override args = {
    file: Args.string({
      description: 'policy file, folder, or - for standard input',
      multiple: true,
      ignoreStdin: true,
    }),
  };

  static override flags = {
    type: Flags.option({
      summary: 'what the policies are attached to (default: told from each)',
      options: POLICY_TYPES,
    })(),
    'fail-on': Flags.option({
      summary: 'exit 3 when there is a finding of this severity or worse',
      options: SEVERITIES,
    })(),
    format: Flags.option({
      summary: 'what to print',
      options: ['table', 'json', 'sarif'] as const,
      default: 'table' as const,
    })(),
  };

  async run(): Promise<ValidateResult> {
    const { args, flags } = await this.parse(IamValidate);
    await this.begin(flags);
    const files = args.file ?? [];
    if (files.length === 0) {
      throw new JamfMcpError(
        'INPUT_MISSING',
        'no policy was named',
        'name policy files or folders, or - for standard input',
      );
    }
    const [{ readPolicies }, { validate }, { loadCatalogue }, { drawValidate, sarifOf }] = await Promise.all([
      import('../../lib/cli/policies.ts'),
      import('../../lib/iam/validate.ts'),
      import('../../lib/iam/catalogue.ts'),
      import('../../lib/iam/report.ts'),
    ]);
    const [sources, catalogue] = await Promise.all([readPolicies(files), loadCatalogue()]);
    const result = await validate(sources, { type: flags.type ?? null }, catalogue);
    if (flags['fail-on'] && reaches(result.findings, flags['fail-on'])) this.exitWith(EXIT.findings);
    const draw = {
      table: drawValidate,
      json: jsonText,
      sarif: (found: ValidateResult) => jsonText(sarifOf(found, this.config.version, sources)),
    }[flags.format];
    return this.present(result, draw);
  }
}
