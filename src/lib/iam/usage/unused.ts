/** Which rights of a role nothing was seen to use. */
import { evaluate } from '../evaluate.ts';
import { requestOf } from '../generate/prove.ts';
import { globMatches } from '../glob.ts';
import type { LiveRole } from '../live/role.ts';
import type { Need } from '../need.ts';
import { readDocument } from '../parse.ts';
import type { Policy, Statement } from '../policy.ts';
import { pathText } from '../tree.ts';

/** An action of a statement that no call has used. */
export interface UnusedRight {
  /** Synthetic address of the policy. */
  policy: string;
  /** `Statement[0].Action[1]` */
  path: string;
  /** As the policy writes it. */
  action: string;
  resources: string[];
  /** Whether a record would show its use: of some actions there is none, or only in trails that record data events. */
  visible: boolean;
}

/**
 * Actions that CloudTrail's event history does not show: iam:PassRole, which is no call, PutLogEvents, and data events
 * (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html).
 */
const INVISIBLE =
  /^(?:iam:PassRole|logs:PutLogEvents|dynamodb:(?:\w*Item|Query|Scan|PartiQL\w+|GetRecords)|s3:\w*Object\w*|sqs:(?:Send|Receive|Delete)Message\w*|sns:Publish|lambda:Invoke\w*|ssmmessages:\w+)$/i;

/** The Allow rights that none of the needs goes by. */
export async function unusedRights(role: LiveRole, needs: readonly Need[]): Promise<UnusedRight[]> {
  const unused: UnusedRight[] = [];
  for (const { kind, source } of role.policies) {
    if (kind !== 'inline' && kind !== 'managed') continue;
    const { policies } = await readDocument(source, { type: 'identity' });
    for (const policy of policies) {
      for (const statement of policy.statements) {
        if (statement.effect !== 'Allow' || statement.actions === null || statement.actions.not) continue;
        const going = needs.filter((need) => allowedBy(need, policy, statement, role.account));
        for (const { text, path } of statement.actions.values) {
          if (going.some(({ action }) => globMatches(text.toLowerCase(), action.toLowerCase()))) continue;
          const resources = statement.resources?.values.map((resource) => resource.text) ?? [];
          unused.push({
            policy: source.name,
            path: pathText(path),
            action: text,
            resources,
            visible: !INVISIBLE.test(text),
          });
        }
      }
    }
  }
  return unused;
}

function allowedBy(need: Need, policy: Policy, statement: Statement, account: string): boolean {
  const alone = { ...policy, statements: [statement] };
  return evaluate(requestOf(need, account), { identity: [alone] }).verdict === 'allow';
}
