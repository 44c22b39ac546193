import * as Flags from '@oclif/core/flags';
import { BaseCommand, schemaFlag } from '../../lib/cli/base.ts';
import { prose } from '../../lib/cli/prose.ts';
import { drawHistory } from '../../lib/secrets/report-life.ts';
import type { HistoryResult } from '../../lib/secrets/history.ts';

export default class SecretsHistory extends BaseCommand {
  static override summary = 'tell the versions of the secret and which fields each of them changed';

  static override description = prose(`Values are never shown: a field that changed has the fingerprints of its old and
its new value, those that secrets show gives. Each version told is read once, which on AWS is an access of its own in
CloudTrail.`);

  static override examples = [
    '<%= config.bin %> secrets history',
    '<%= config.bin %> secrets history --limit 3 --json',
  ];

  static override flags = {
    limit: Flags.integer({ summary: 'how many versions to tell, newest first', default: 20, helpValue: 'N' }),
    schema: schemaFlag,
  };

  async run(): Promise<HistoryResult> {
    const { flags } = await this.parse(SecretsHistory);
    const { target, context } = await this.beginSecret(flags);
    const { secretHistory } = await import('../../lib/secrets/history.ts');
    return this.present(await secretHistory({ ...target, limit: flags.limit }, context), drawHistory);
  }
}
