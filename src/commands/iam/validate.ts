import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../lib/cli/base.ts';
import { prose } from '../../lib/cli/prose.ts';
import { EXIT } from '../../lib/errors.ts';
import { jsonText } from '../../lib/format/json.ts';
import { reaches, SEVERITIES } from '../../lib/iam/finding.ts';
import { POLICY_TYPES } from '../../lib/iam/policy.ts';
import type { Source } from '../../lib/iam/source.ts';
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
    role: Flags.string({
      summary: 'a role of the account, with all of its policies; may be repeated',
      helpValue: 'NAME',
      multiple: true,
      multipleNonGreedy: true,
    }),
    'task-definition': Flags.string({
      summary: 'a task definition, with both of its roles and its secrets; may be repeated',
      helpValue: 'FAMILY[:REV]',
      multiple: true,
      multipleNonGreedy: true,
    }),
    all: Flags.boolean({ summary: 'every role, user and secret of the account' }),
    fix: Flags.boolean({ summary: 'put right in the files what can be proved to allow nothing more' }),
    'dry-run': Flags.boolean({ summary: 'with --fix: print the patch and change nothing', dependsOn: ['fix'] }),
    baseline: Flags.string({
      summary: 'report only what is new: against an earlier --json result, or beyond what a policy allows',
      helpValue: 'FILE',
    }),
    online: Flags.boolean({
      summary: 'ask IAM Access Analyzer as well; with --yes also the checks that AWS charges for',
    }),
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
    const { settings, context } = await this.begin(flags);
    const files = args.file ?? [];
    const [{ readPolicies }, { validate }, { loadCatalogue }, { drawValidate, sarifOf }] = await Promise.all([
      import('../../lib/cli/policies.ts'),
      import('../../lib/iam/validate.ts'),
      import('../../lib/iam/catalogue.ts'),
      import('../../lib/iam/report.ts'),
    ]);
    const [given, catalogue] = await Promise.all([readPolicies(files), loadCatalogue()]);
    const options = { type: flags.type ?? null };
    const tasks = flags['task-definition'] ?? [];
    let sources: Source[] = given;
    let repaired: Pick<ValidateResult, 'fix'> = {};
    if (flags.fix) {
      const [{ repairFiles }, { replaceTexts }] = await Promise.all([
        import('../../lib/iam/fix/run.ts'),
        import('../../lib/cli/replace.ts'),
      ]);
      const write = flags['dry-run'] ? null : (changed: readonly Source[]) => replaceTexts(changed, given);
      const how = { ...options, tasks, aws: settings.aws, write };
      ({ sources, ...repaired } = await repairFiles(given, how, catalogue, context));
    }
    let result: ValidateResult = { ...(await validate(sources, options, catalogue)), ...repaired };
    const selection = {
      roles: flags.role ?? [],
      taskDefinitions: tasks,
      // The secret of the environment is meant only where it is named here.
      secrets: this.argv.some((word) => /^--secret(?:=|$)/.test(word)) ? [settings.secret] : [],
      all: flags.all,
    };
    const asked = flags.all || Object.values(selection).some((names) => Array.isArray(names) && names.length > 0);
    if (asked || files.length === 0) {
      const [{ joined, validateLive }, { ofTheService }] = await Promise.all([
        import('../../lib/iam/live/validate.ts'),
        import('../../lib/iam/live/select.ts'),
      ]);
      const wanted = asked ? selection : await ofTheService(settings, context);
      const live = await validateLive(wanted, settings.aws, catalogue, context);
      sources.push(...live.sources);
      result = { ...joined(result, live.result), ...repaired };
    }
    const [baseline = null] = flags.baseline === undefined ? [] : await readPolicies([flags.baseline]);
    if (flags.online) {
      const { withOnline } = await import('../../lib/iam/online/validate.ts');
      const how = { charged: flags.yes, baseline };
      result = await withOnline(result, sources, how, { aws: settings.aws, context });
    }
    if (baseline) {
      const { withBaseline } = await import('../../lib/iam/baseline.ts');
      result = await withBaseline(result, sources, baseline, options, catalogue);
    }
    if (flags['fail-on'] && reaches(result.findings, flags['fail-on'])) this.exitWith(EXIT.findings);
    const draw = {
      table: drawValidate,
      json: jsonText,
      sarif: (found: ValidateResult) => jsonText(sarifOf(found, this.config.version, sources)),
    }[flags.format];
    return this.present(result, draw);
  }
}
