/** Asks `iam can` of policy files: needs no account. */
import type { AwsSettings } from '../aws.ts';
import type { Context } from '../host.ts';
import { answer, openStatements, verdictOf, type Asked, type CanResult } from './can.ts';
import { askerOf } from './can-caller.ts';
import { readLayers, type LayerSource } from './can-layers.ts';
import type { Catalogue } from './catalogue.ts';
import type { Request } from './evaluate.ts';
import { simulateOr } from './online/simulate.ts';
import type { PolicyType } from './policy.ts';

/** A question about policies at hand. */
export interface FileQuestion {
  /** Name of a role; ARN of a role, a user or a session; name of a service. */
  principal: string;
  asked: Asked;
  context: Request['context'];
  sources: readonly LayerSource[];
  /** Whether IAM's simulator is asked as well. */
  online: boolean;
}

/** Stands for the account of a role that is named without one, where the resource has none either. */
const SOME_ACCOUNT = '111122223333';

/**
 * Judge a request by policies at hand: whatever is not among them does not count.
 * @throws JamfMcpError INPUT_INVALID where the principal or a policy is none
 */
export async function canByFiles(
  { principal, asked, context: keys, sources, online }: FileQuestion,
  { aws, catalogue, context }: { aws: AwsSettings; catalogue: Catalogue; context: Context },
): Promise<CanResult> {
  const [, partition = 'aws', service = '', , account = ''] = asked.resource.split(':');
  const owner = /^\d{12}$/.test(account) ? account : null;
  const { caller } = askerOf(principal, owner ?? SOME_ACCOUNT, asked.resource.startsWith('arn:') ? partition : 'aws');
  const kind = kindOf(service, asked.action);
  const layers = await readLayers(
    sources.map((one) => (one.layer === 'resource' && kind !== null ? { ...one, type: kind } : one)),
  );
  const request: Request = {
    caller,
    action: asked.action,
    resource: asked.resource,
    resourceAccount: owner,
    context: keys,
  };
  const answers = [answer(request, layers)];
  const unread: CanResult['unread'] = openStatements(layers);
  if (asked.doubt !== null) unread.unshift({ what: asked.action, why: asked.doubt });
  const means = { aws, catalogue, context };
  const simulated = online ? await simulateOr(request, layers, means, unread) : null;
  return {
    principal: caller.sessionArn ?? caller.arn,
    verdict: verdictOf(answers),
    answers,
    policies: layers.policies.map(({ layer, source }) => ({ layer, name: source.name })),
    unread,
    online: simulated,
  };
}

/** What the policy of a resource is: a key's has to name or delegate, a role's is about assuming it. */
function kindOf(service: string, action: string): PolicyType | null {
  if (service === 'kms') return 'kms';
  if (/^sts:/i.test(action)) return 'trust';
  return service === '' || service === '*' ? null : 'resource';
}
