/** `secrets cost`: what Secrets Manager charges in a month. Requirements rows 75 to 80. */
import { JamfMcpError } from '../errors.ts';

/** US dollars; the same in most Regions. */
export const PRICES = {
  secretMonth: 0.4,
  calls: 10_000,
  perCalls: 0.05,
  source: 'https://aws.amazon.com/secrets-manager/pricing/',
  read: '2026-09-20',
} as const;

/** A month, as the price list and requirements row 79 count it. */
const DAYS = 30;

/** What the cost depends on. */
export interface CostRequest {
  /** Secrets, each replica counted as one more. */
  secrets: number;
  /** Fields that a task definition names one by one: ECS fetches each at every start (ecs-agent asmsecret.go). */
  fields: number;
  /** Starts of tasks or containers a day. */
  startsPerDay: number;
  /** Reads by applications and people a month. */
  readsPerMonth: number;
}

/** What it comes to in a month. Money in US dollars. */
export interface CostResult extends CostRequest {
  requests: { starts: number; reads: number; total: number };
  cost: { secrets: number; requests: number; total: number };
  /** The same, where a task definition takes the whole secret as one variable. */
  wholeSecret: { requests: number; total: number };
  prices: typeof PRICES;
}

/**
 * Reckon.
 * @throws JamfMcpError INPUT_INVALID for a number below zero or one that is not whole
 */
export function costOf(request: CostRequest): CostResult {
  for (const [name, value] of Object.entries(request) as [keyof CostRequest, number][]) {
    if (!Number.isSafeInteger(value) || value < 0)
      throw new JamfMcpError('INPUT_INVALID', `${FLAGS[name]} has to be a whole number from 0`);
  }
  const { secrets, fields, startsPerDay, readsPerMonth: reads } = request;
  const starts = startsPerDay * DAYS * fields;
  const single = startsPerDay * DAYS * Math.min(1, fields);
  const ofSecrets = cents(secrets * PRICES.secretMonth);
  const ofCalls = (calls: number) => cents((calls / PRICES.calls) * PRICES.perCalls);
  return {
    ...request,
    requests: { starts, reads, total: starts + reads },
    cost: { secrets: ofSecrets, requests: ofCalls(starts + reads), total: cents(ofSecrets + ofCalls(starts + reads)) },
    wholeSecret: { requests: single + reads, total: cents(ofSecrets + ofCalls(single + reads)) },
    prices: PRICES,
  };
}

const FLAGS: Record<keyof CostRequest, string> = {
  secrets: '--secrets',
  fields: '--fields',
  startsPerDay: '--starts',
  readsPerMonth: '--reads',
};

/** To the tenth of a cent: ten reads cost something too. */
const cents = (dollars: number) => Math.round(dollars * 1000) / 1000;
