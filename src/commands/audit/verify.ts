import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import type { VerifyResult } from '../../lib/audit/verify.ts';
import { sinceFlag, untilFlag } from '../../lib/cli/audit-flags.ts';
import { BaseCommand } from '../../lib/cli/base.ts';
import { prose } from '../../lib/cli/prose.ts';
import { EXIT } from '../../lib/errors.ts';

export default class AuditVerify extends BaseCommand {
  static override summary =
    'verify that the files of a trail, or the break-glass log and the local store, are as they were written';

  static override description =
    prose(`With a PATH: the files of a CloudTrail trail, in a folder or a bucket, against the digests that CloudTrail
signs, from the newest to the oldest, of every account and Region there: changed, deleted, moved and added digests and
log files, bytes after their end, and times that no digest covers.

A folder may be what aws s3 sync has written. A file does not keep the signature of a digest, but the next digest has it
too: all digests but the newest are proved, and that one as well where NAME.metadata.json beside it holds what
aws s3api head-object prints. --save-keys keeps the public keys, with which --keys verifies without an account later.

Without: each line of the break-glass log, in which secrets reveal and export sign for each value; and with the local
store, each line of its access log against its MAC and its place, the log's end against the sealed state (and the
keychain), and each file of a secret against the log. The head that it prints, kept elsewhere, proves later that nothing
up to that line was changed: pass it with --head.

Exit codes: 3 when something was found and not accepted, 6 when not everything could be looked at.`);

  static override examples = [
    '<%= config.bin %> audit verify ./archive --save-keys keys.json',
    '<%= config.bin %> audit verify ./archive --keys keys.json',
    '<%= config.bin %> audit verify s3://my-trail/prefix --since 30d',
    '<%= config.bin %> audit verify --store local --head 142:5f1c…',
    '<%= config.bin %> audit verify --store local --accept',
  ];

  static override args = {
    path: Args.string({ description: 'folder with the files of a trail, or s3://bucket/prefix', ignoreStdin: true }),
  };

  static override flags = {
    since: sinceFlag,
    until: untilFlag,
    keys: Flags.string({
      summary: 'file of public keys (--save-keys, aws cloudtrail list-public-keys); AWS is not asked; may be repeated',
      helpValue: 'FILE',
      multiple: true,
      multipleNonGreedy: true,
    }),
    'save-keys': Flags.string({ summary: 'keep the public keys in this file', helpValue: 'FILE' }),
    head: Flags.string({ summary: 'compare with a head that was kept elsewhere', helpValue: 'LINES:MAC' }),
    accept: Flags.boolean({
      summary: 'accept what is found: keep the log aside and begin a new one',
      default: false,
    }),
  };

  async run(): Promise<VerifyResult> {
    const { args, flags } = await this.parse(AuditVerify);
    const { settings, context } = await this.begin(flags);
    const [
      { openFindings, verifyArchive, verifyRecords },
      { drawVerify },
      { localOptions },
      { refuseTrailFlags, trailRequest },
    ] = await Promise.all([
      import('../../lib/audit/verify.ts'),
      import('../../lib/audit/report-verify.ts'),
      import('../../lib/secrets/open.ts'),
      import('../../lib/audit/digest/request.ts'),
    ]);
    const local = localOptions(settings);
    const request = { store: settings.store, local, head: flags.head ?? null, accept: flags.accept };
    if (args.path === undefined) refuseTrailFlags(flags);
    const result =
      args.path === undefined
        ? await verifyRecords(request, context)
        : await verifyArchive(request, trailRequest(args.path, flags, settings.aws, context.clock.now()), context);
    if (openFindings(result) > 0) this.exitWith(EXIT.findings);
    else if ((result.trail?.skipped.length ?? 0) > 0) this.exitWith(EXIT.partial);
    return this.present(result, drawVerify);
  }
}
