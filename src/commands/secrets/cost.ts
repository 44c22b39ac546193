import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../lib/cli/base.ts';
import { prose } from '../../lib/cli/prose.ts';
import { drawCost } from '../../lib/secrets/report-cost.ts';
import type { CostResult } from '../../lib/secrets/cost.ts';

export default class SecretsCost extends BaseCommand {
  static override summary = 'reckon what AWS Secrets Manager charges in a month';

  static override description = prose(
    `Each field that a task definition names is one request whenever a task starts. Nothing is read and nothing is asked: the numbers are yours, the prices those of AWS.`,
  );

  static override examples = [
    '<%= config.bin %> secrets cost --starts 1000',
    '<%= config.bin %> secrets cost --secrets 3 --fields 5 --starts 200 --reads 50000',
  ];

  static override flags = {
    secrets: Flags.integer({ summary: 'number of secrets, replicas included', default: 1, min: 0 }),
    fields: Flags.integer({ summary: "fields a task reads (default: those of the environment's schema)", min: 0 }),
    starts: Flags.integer({ summary: 'task starts a day', default: 0, min: 0, helpValue: 'PER-DAY' }),
    reads: Flags.integer({ summary: 'other reads a month', default: 0, min: 0, helpValue: 'PER-MONTH' }),
  };

  async run(): Promise<CostResult> {
    const { flags } = await this.parse(SecretsCost);
    const { settings } = await this.begin(flags);
    const { costOf } = await import('../../lib/secrets/cost.ts');
    const { schemaFor } = await import('../../lib/secrets/schema.ts');
    const fields = flags.fields ?? schemaFor(settings).fields.length;
    const { secrets, starts: startsPerDay, reads: readsPerMonth } = flags;
    return this.present(costOf({ secrets, fields, startsPerDay, readsPerMonth }), drawCost);
  }
}
