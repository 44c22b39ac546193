/** How the result of `secrets cost` looks as text. */
import type { Canvas } from '../format/canvas.ts';
import { table } from '../format/table.ts';
import type { CostResult } from './cost.ts';

/** A bill of a month, and how to make it smaller. */
export function drawCost(result: CostResult, { ink, width }: Canvas): string {
  const { secrets, fields, startsPerDay, requests, cost, wholeSecret, prices } = result;
  const bill = table(
    ['A MONTH', 'HOW MUCH', 'COST'].map((header) => ink.dim(header)),
    [
      ['secrets', `${count(secrets)} at ${dollars(prices.secretMonth)}`, dollars(cost.secrets)],
      [
        'reads at task starts',
        `${count(startsPerDay)} a day × 30 days × ${count(fields)} fields = ${count(requests.starts)}`,
        '',
      ],
      ['other reads', count(requests.reads), ''],
      [
        'requests',
        `${count(requests.total)} at ${dollars(prices.perCalls)} for ${count(prices.calls)}`,
        dollars(cost.requests),
      ],
      [ink.bold('total'), '', ink.bold(dollars(cost.total))],
    ],
    width,
  );
  const saved = cost.total - wholeSecret.total;
  return [
    bill,
    '',
    saved >= 0.01
      ? `with the whole secret as one variable of the task: ${count(wholeSecret.requests)} requests, ${dollars(wholeSecret.total)}`
      : '',
    ink.dim(`prices of ${prices.source}, read on ${prices.read}; a rotation and AWS's own key cost nothing more`),
  ]
    .filter((line, index) => line !== '' || index === 1)
    .join('\n');
}

const count = (n: number) => n.toLocaleString('en-US');
const dollars = (n: number) => `$${n.toFixed(Math.round(n * 1000) % 10 === 0 ? 2 : 3)}`;
