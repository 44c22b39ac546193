/** EventBridge: rules of the default bus, and the functions that they call. */
import { objects, requiredText, text } from './input.ts';
import { ACCOUNT, AwsFault, type AwsService } from './service.ts';

/** One rule. */
export interface Rule {
  name: string;
  arn: string;
  pattern: Record<string, unknown>;
  state: string;
  description: string | undefined;
  tags: Map<string, string>;
  /** ARNs by id. */
  targets: Map<string, string>;
}

/** An event, as a rule's target gets it. */
export interface BusEvent {
  source: string;
  'detail-type': string;
  resources: readonly string[];
  detail: Record<string, unknown>;
  [member: string]: unknown;
}

/** EventBridge with what tests may look at. */
export interface Events extends AwsService {
  /** By name. */
  rules: Map<string, Rule>;
  /** Hand an event to the targets of every rule that it fits. */
  publish(event: BusEvent): void;
}

/**
 * A bus with no rules.
 * @param deliver - calls a target: its ARN, the event, and the rule that called for it
 */
export function createEvents(deliver: (target: string, event: BusEvent, ruleArn: string) => void): Events {
  const rules = new Map<string, Rule>();
  const find = (name: string) => {
    const rule = rules.get(name);
    if (!rule) throw new AwsFault('ResourceNotFoundException', `Rule ${name} does not exist on EventBus default.`);
    return rule;
  };
  const nameOf = (input: Record<string, unknown>, member: string) => requiredText(input, member, { min: 1, max: 64 });
  return {
    rules,
    publish(event) {
      for (const { state, pattern, targets, arn } of rules.values()) {
        if (state !== 'ENABLED' || !fits(pattern, event)) continue;
        for (const target of targets.values()) deliver(target, event, arn);
      }
    },
    handlers: {
      PutRule(input, { region }) {
        const name = nameOf(input, 'Name');
        const before = rules.get(name);
        const rule: Rule = {
          name,
          arn: `arn:aws:events:${region}:${ACCOUNT}:rule/${name}`,
          pattern: patternOf(requiredText(input, 'EventPattern', { min: 1, max: 4096 })),
          state: text(input, 'State') ?? 'ENABLED',
          description: text(input, 'Description', { max: 512 }),
          tags:
            before?.tags ??
            new Map((objects(input, 'Tags', 50) ?? []).map(({ Key, Value }) => [String(Key), String(Value)])),
          targets: before?.targets ?? new Map<string, string>(),
        };
        rules.set(name, rule);
        return { RuleArn: rule.arn };
      },
      DescribeRule(input) {
        const { name, arn, pattern, state, description } = find(nameOf(input, 'Name'));
        return {
          Name: name,
          Arn: arn,
          EventPattern: JSON.stringify(pattern),
          State: state,
          Description: description,
          EventBusName: 'default',
        };
      },
      DeleteRule(input) {
        const name = nameOf(input, 'Name');
        if ((rules.get(name)?.targets.size ?? 0) > 0) {
          throw new AwsFault('ValidationException', "Rule can't be deleted since it has targets.");
        }
        rules.delete(name);
        return undefined;
      },
      PutTargets(input) {
        const rule = find(nameOf(input, 'Rule'));
        for (const target of objects(input, 'Targets', 100) ?? []) {
          rule.targets.set(requiredText(target, 'Id'), requiredText(target, 'Arn'));
        }
        return { FailedEntryCount: 0, FailedEntries: [] };
      },
      ListTargetsByRule(input) {
        const { targets } = find(nameOf(input, 'Rule'));
        return { Targets: [...targets].map(([Id, Arn]) => ({ Id, Arn })) };
      },
      RemoveTargets(input) {
        const { targets } = find(nameOf(input, 'Rule'));
        for (const id of Array.isArray(input.Ids) ? input.Ids : []) targets.delete(String(id));
        return { FailedEntryCount: 0, FailedEntries: [] };
      },
    },
  };
}

function patternOf(pattern: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(pattern);
    if (parsed !== null && typeof parsed === 'object' && !Array.isArray(parsed)) {
      return parsed as Record<string, unknown>;
    }
  } catch {
    // Falls through to the refusal.
  }
  throw new AwsFault('InvalidEventPatternException', 'Event pattern is not valid. Reason: it is no JSON object');
}

/** Exact values only: a list of texts of which one has to be there, or an object of such lists. */
function fits(pattern: Record<string, unknown>, event: Record<string, unknown>): boolean {
  return Object.entries(pattern).every(([key, wanted]) => {
    const has = event[key];
    if (Array.isArray(wanted))
      return wanted.some((value) => (Array.isArray(has) ? has.includes(value) : has === value));
    if (wanted === null || typeof wanted !== 'object' || has === null || typeof has !== 'object') return false;
    return fits(wanted as Record<string, unknown>, has as Record<string, unknown>);
  });
}
