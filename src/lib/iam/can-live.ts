/** Asks `iam can` of an account: reads the principal, and the policy of what it wants to touch. */
import type { AwsSettings } from '../aws.ts';
import { JamfMcpError } from '../errors.ts';
import type { Context } from '../host.ts';
import { answer, askedFor, openStatements, verdictOf, type Asked, type CanResult } from './can.ts';
import { askerOf, type Asker } from './can-caller.ts';
import { readLayers, type LayerSource } from './can-layers.ts';
import { readKey, type LiveKey } from './can-key.ts';
import { layersOf, principalContext } from './can-principal.ts';
import { describeSecret, secretContext, type LiveSecret } from './can-secret.ts';
import { decryptOf, keyContext, READS } from './can-request.ts';
import type { Catalogue } from './catalogue.ts';
import type { Request } from './evaluate.ts';
import { accountFrom } from './live/account.ts';
import { orDenied, withClients, type Clients } from './live/clients.ts';
import { roleFrom, secretPolicyFrom } from './live/read.ts';
import type { LiveRole } from './live/role.ts';
import { simulateOr } from './online/simulate.ts';

/** A question about an account. */
export interface LiveQuestion {
  /** Name of a role; ARN of a role, a user or a session; name of a service. */
  principal: string;
  action: string;
  /** ARN; for actions on secrets a name as well; null for an action without a resource. */
  resource: string | null;
  /** Condition keys that the request carries, beside those that follow from the resource. */
  context: Request['context'];
  /** Whether IAM's simulator is asked as well. */
  online: boolean;
}

/**
 * Read what bears on a request, and judge it. A secret that has a key of its own needs kms:Decrypt as well.
 * @throws JamfMcpError NOT_FOUND, SECRET_NOT_FOUND, ACCESS_DENIED …
 */
export function canLive(
  question: LiveQuestion,
  { aws, catalogue, context }: { aws: AwsSettings; catalogue: Catalogue; context: Context },
): Promise<CanResult> {
  return withClients(aws, context, async (clients) => {
    const unread: CanResult['unread'] = [{ ...ORGANIZATION }];
    const secret = await secretOf(question, clients, unread);
    const asked = askedFor(question.action, secret?.arn ?? question.resource, catalogue);
    if (asked.doubt !== null) unread.unshift({ what: asked.action, why: asked.doubt });
    const { principal, asker } = await whoIs(question.principal, asked.resource, clients);
    const identity = principal ? layersOf(principal) : [];
    const key = await keyOfRequest(asked, clients, unread);
    const request: Request = {
      caller: asker.caller,
      action: asked.action,
      resource: key?.arn ?? asked.resource,
      resourceAccount: /^\d{12}$/.test(partOf(asked.resource, 4)) ? partOf(asked.resource, 4) : null,
      context: {
        ...(secret ? secretContext(secret) : {}),
        ...(key ? keyContext(asker.caller, key.aliases) : {}),
        ...(principal ? principalContext(principal) : {}),
        ...question.context,
      },
    };
    const own = key ? key.policy : await resourcePolicy(asked, clients, unread);
    const layers = await readLayers([...identity, ...own]);
    const answers = [answer(request, layers)];
    const all = [...layers.policies];
    if (secret?.key && secret.key.unread !== 'key' && READS.test(asked.action) && asker.kind !== 'service') {
      const decrypt = await readLayers([...identity, ...secret.key.policy]);
      answers.push(answer(decryptOf(request, secret, secret.key), decrypt));
      all.push(...decrypt.policies.filter(({ layer }) => layer === 'resource'));
    }
    unread.push(...openStatements(layers));
    const means = { aws, catalogue, context };
    const online = question.online ? await simulateOr(request, layers, means, unread) : null;
    return {
      principal: asker.caller.sessionArn ?? asker.caller.arn,
      verdict: verdictOf(answers),
      answers,
      policies: all.map(({ layer, source }) => ({ layer, name: source.name })),
      unread,
      online,
    };
  });
}

/** What nobody in a member account can read. */
export const ORGANIZATION = {
  what: 'the organization and the session',
  why: 'their policies could deny what is allowed here, and tags of a session let more',
} as const;

const partOf = (arn: string, index: number): string => arn.split(':')[index] ?? '';

/** The secret that the resource is; null where it is none. */
async function secretOf(
  { action, resource }: LiveQuestion,
  clients: Clients,
  unread: CanResult['unread'],
): Promise<LiveSecret | null> {
  if (resource === null || resource.includes('*') || !/^secretsmanager:/i.test(action)) return null;
  return describeSecret(clients, resource, unread);
}

async function whoIs(
  text: string,
  resource: string,
  clients: Clients,
): Promise<{ principal: LiveRole | null; asker: Asker }> {
  const asker = askerOf(text, partOf(resource, 4));
  if (asker.kind === 'service' || asker.kind === 'federated') return { principal: null, asker };
  if (asker.kind === 'role') {
    const principal = await roleFrom(clients, asker.name);
    const { arn, account } = principal;
    if (text.startsWith('arn:') && asker.caller.account !== account) throw elsewhere(text, account);
    return { principal, asker: { ...asker, caller: { ...asker.caller, arn, account } } };
  }
  const { users } = await accountFrom(clients);
  const principal = users.find(({ arn }) => arn === text);
  if (principal) return { principal, asker };
  throw new JamfMcpError('NOT_FOUND', `there is no user ${text}`, 'see the ARNs with `aws iam list-users`');
}

const elsewhere = (arn: string, account: string) =>
  new JamfMcpError(
    'INPUT_INVALID',
    `${arn} is not of the account ${account}, whose policies are read`,
    'choose credentials of its account with --profile, or name its policies with --policy',
  );

/** The key that the resource is, also where an alias names it; null where it is none, or an alias that is to change. */
async function keyOfRequest(
  { action, resource }: Asked,
  clients: Clients,
  unread: CanResult['unread'],
): Promise<LiveKey | null> {
  if (partOf(resource, 2) !== 'kms' || /:(?:Create|Delete|Update)Alias$/i.test(action)) return null;
  return readKey(clients, resource, resource, unread);
}

/** The policy of the resource, where it is of a kind that is read. */
async function resourcePolicy(
  { action, resource }: Asked,
  clients: Clients,
  unread: CanResult['unread'],
): Promise<LayerSource[]> {
  const service = partOf(resource, 2);
  if (service === 'secretsmanager') {
    const source = await orDenied(secretPolicyFrom(clients, resource), ({ message }) => {
      unread.push({ what: 'the policy of the secret', why: message });
    });
    return source ? [{ layer: 'resource', source, type: 'resource' }] : [];
  }
  if (service === 'iam' && /^sts:/i.test(action)) {
    const role = await roleFrom(clients, resource);
    return role.policies
      .filter(({ kind }) => kind === 'trust')
      .map(({ source }) => ({ layer: 'resource', source, type: 'trust' }));
  }
  if (POLICIED.has(service))
    unread.push({ what: `the policy of ${resource}`, why: `those of ${service} are not read` });
  return [];
}

/** Services whose resources can have a policy of their own that lets somebody in. */
const POLICIED: ReadonlySet<string> = new Set(['s3', 'sqs', 'sns', 'lambda', 'ecr', 'dynamodb', 'logs', 'events']);
