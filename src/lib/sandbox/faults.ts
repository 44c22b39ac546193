/** Injected faults: the n-th call of an operation fails, is throttled, is never answered, or loses its connection. */
import type { FaultRule } from './service.ts';

/** The rules in force. */
export interface Faults {
  /** Add a rule; it counts the calls from now on. */
  inject: (rule: FaultRule) => void;
  /**
   * Count a call, and say what it meets.
   * @param operation - `secretsmanager:PutSecretValue`, `jamf:POST /api/oauth/token`
   * @returns the fault of the oldest rule that is due, or null
   */
  meet(operation: string): FaultRule['fault'] | null;
}

/** No rules at first. */
export function createFaults(): Faults {
  const rules: { rule: FaultRule; seen: number }[] = [];
  return {
    inject(rule) {
      rules.push({ rule, seen: 0 });
    },
    meet(operation) {
      let met: FaultRule['fault'] | null = null;
      for (const entry of rules) {
        if (!matches(entry.rule.operation, operation)) continue;
        entry.seen += 1;
        const nth = entry.rule.nth ?? 1;
        if (nth === 'every' || nth === entry.seen) met ??= entry.rule.fault;
      }
      return met;
    },
  };
}

const matches = (pattern: string, operation: string) =>
  pattern.endsWith('*') ? operation.startsWith(pattern.slice(0, -1)) : pattern === operation;
