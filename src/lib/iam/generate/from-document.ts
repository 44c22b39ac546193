/** The needs that a policy of ours is made for, read from it: so that there is one place where such a policy is written. */
import type { Need } from '../need.ts';

/** What is read of a statement. */
export interface DocumentStatement {
  Sid: string;
  Action: string | string[];
  Resource: string | string[];
  Condition?: Record<string, Record<string, string | string[]>>;
}

/**
 * What a policy allows, as needs.
 * @param statements - Allow with conditions of equality only, one value each
 */
export function needsFrom(statements: readonly DocumentStatement[]): Need[] {
  return statements.flatMap(({ Sid, Action, Resource, Condition = {} }) => {
    const why = Sid.replaceAll(/(?<=.)[A-Z]/g, (letter) => ` ${letter}`).toLowerCase();
    const context = Object.fromEntries(
      Object.entries(Condition).flatMap(([operator, keys]) =>
        Object.entries(keys).map(([key, value]) => [key, operator.startsWith('For') ? [value].flat() : value]),
      ),
    );
    return [Action]
      .flat()
      .flatMap((action) => [Resource].flat().map((resource) => ({ action, resource, context, why, without: null })));
  });
}
