/** Whether the identity policies of a role allow a call: as much of IAM's rules as the roles of the sandbox use. */

/** What is asked. */
export interface PolicyRequest {
  /** `secretsmanager:GetSecretValue` */
  action: string;
  /** ARN. */
  resource: string;
  /** Condition keys that the call has; a key that takes several values has a list. */
  context?: Readonly<Record<string, string | readonly string[]>>;
}

/** A statement, as far as it is understood here. */
export interface Statement {
  Effect?: unknown;
  Action?: unknown;
  Resource?: unknown;
  Condition?: unknown;
}

/**
 * Decide: an explicit Deny wins, then an Allow, else no.
 * @param documents - policy documents
 */
export function allows(documents: readonly unknown[], request: PolicyRequest): boolean {
  return decide(documents, request) === 'allowed';
}

/** The same, in the words of IAM's policy simulator. */
export function decide(
  documents: readonly unknown[],
  request: PolicyRequest,
): 'allowed' | 'explicitDeny' | 'implicitDeny' {
  const fitting = documents.flatMap(statementsOf).filter((statement) => fits(statement, request));
  if (fitting.some(({ Effect }) => Effect === 'Deny')) return 'explicitDeny';
  return fitting.some(({ Effect }) => Effect === 'Allow') ? 'allowed' : 'implicitDeny';
}

/** The statements of a policy document. */
export function statementsOf(document: unknown): Statement[] {
  const { Statement: statements } = document as { Statement?: unknown };
  return (Array.isArray(statements) ? statements : [statements]) as Statement[];
}

function fits({ Action, Resource, Condition }: Statement, { action, resource, context = {} }: PolicyRequest): boolean {
  return (
    texts(Action).some((pattern) => matches(pattern.toLowerCase(), action.toLowerCase())) &&
    texts(Resource).some((pattern) => matches(pattern, resource)) &&
    Object.entries((Condition ?? {}) as Record<string, Record<string, unknown>>).every(([operator, keys]) =>
      Object.entries(keys).every(
        ([key, wanted]) => OPERATORS[operator]?.(texts(valueOf(context, key)), texts(wanted)) ?? false,
      ),
    )
  );
}

/** Condition keys do not mind case. */
const valueOf = (context: NonNullable<PolicyRequest['context']>, key: string) =>
  Object.entries(context).find(([name]) => name.toLowerCase() === key.toLowerCase())?.[1];

/** The condition operators there are; a condition with any other is not met. */
const OPERATORS: Readonly<Record<string, (has: readonly string[], wanted: readonly string[]) => boolean>> = {
  StringEquals: (has, wanted) => has.length === 1 && wanted.includes(has[0] ?? ''),
  ArnEquals: (has, wanted) => has.length === 1 && wanted.some((pattern) => matches(pattern, has[0] ?? '')),
  ArnLike: (has, wanted) => has.length === 1 && wanted.some((pattern) => matches(pattern, has[0] ?? '')),
  'ForAnyValue:StringEquals': (has, wanted) => has.some((value) => wanted.includes(value)),
};

const texts = (value: unknown): string[] =>
  (Array.isArray(value) ? value : [value]).filter((item): item is string => typeof item === 'string');

/** `*` and `?`, as in actions and ARNs. */
const matches = (pattern: string, text: string) =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
  ).test(text);
