/** All parts of a schedule, in the order in which each needs those before it. */
import type { Context } from '../../host.ts';
import type { Clients } from './clients.ts';
import { logGroupPart, queuePart, rolePart, rulePart } from './parts-around.ts';
import { functionPart, permissionsPart, rotationPart } from './parts-function.ts';
import type { Part } from './part.ts';
import type { Plan } from './plan.ts';

/**
 * The parts of a plan. Without a service to redeploy there is no rule.
 * @param all - the rule, too, whatever the plan says: for a removal
 */
export function partsOf(plan: Plan, clients: Clients, context: Context, all = false): Part[] {
  return [
    logGroupPart(plan, clients),
    queuePart(plan, clients),
    rolePart(plan, clients),
    functionPart(plan, clients, context),
    permissionsPart(plan, clients),
    ...(plan.service || all ? [rulePart(plan, clients)] : []),
    rotationPart(plan, clients, context),
  ];
}
