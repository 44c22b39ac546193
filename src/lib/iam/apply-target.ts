/** Which policy of a role is meant, and how another document is put in its place. */
import { JamfMcpError } from '../errors.ts';
import { indented, type Clients } from './live/clients.ts';
import type { LiveRole } from './live/role.ts';

/** A policy that can be replaced. */
export interface Target {
  kind: 'inline' | 'managed';
  /** Name, or ARN of a managed one. */
  name: string;
  /** As findings name it. */
  address: string;
  /** As AWS has it, indented; null where there is none yet. */
  before: string | null;
  /** `replace the inline policy SecretsAccess`. */
  text: string;
  /** The calls that are made. */
  steps: string[];
  /** Put a document there. */
  put(document: string): Promise<void>;
}

/** Versions that a managed policy can have: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
const MOST_VERSIONS = 5;

/**
 * Find the policy.
 * @param named - name of an inline policy, ARN of a managed one; null: the one inline policy that there is
 * @throws JamfMcpError INPUT_MISSING, INPUT_INVALID
 */
export async function targetOf(clients: Clients, role: LiveRole, named: string | null): Promise<Target> {
  if (named?.startsWith('arn:')) return await managedTarget(clients, role, named);
  const inline = role.policies.filter(({ kind }) => kind === 'inline');
  const [only, ...others] = inline;
  const name = named ?? (others.length === 0 ? only?.name : undefined);
  if (name === undefined) {
    const names = inline.map((policy) => policy.name).join(', ');
    throw new JamfMcpError(
      'INPUT_MISSING',
      `the role ${role.name} has ${inline.length === 0 ? 'no inline policy' : `several inline policies: ${names}`}`,
      'name the one that is meant, or a new one, with --policy NAME',
    );
  }
  const found = inline.find((policy) => policy.name === name);
  return {
    kind: 'inline',
    name,
    address: found?.source.name ?? `aws/${role.account}/iam/role/${role.name}/${name}.json`,
    before: found ? indented(found.source.text) : null,
    text: `${found ? 'replace' : 'add'} the inline policy ${name}`,
    steps: [`PutRolePolicy ${name} on ${role.name}`],
    async put(PolicyDocument) {
      const { sdk, client } = await clients.iam();
      const command = new sdk.PutRolePolicyCommand({ RoleName: role.name, PolicyName: name, PolicyDocument });
      await clients.ask('PutRolePolicy', `role ${role.name}`, (options) => client.send(command, options));
    },
  };
}

async function managedTarget(clients: Clients, role: LiveRole, PolicyArn: string): Promise<Target> {
  const found = role.policies.find(({ kind, name }) => kind === 'managed' && name === PolicyArn);
  if (!found || PolicyArn.includes(':iam::aws:')) {
    throw new JamfMcpError(
      'INPUT_INVALID',
      found ? `${PolicyArn} is AWS's own policy` : `the policy ${PolicyArn} is not attached to the role ${role.name}`,
      'name an inline policy, or a managed policy of the account that is attached to the role',
    );
  }
  const { sdk, client } = await clients.iam();
  const about = `policy ${PolicyArn}`;
  const { Policy } = await clients.ask('GetPolicy', about, (options) =>
    client.send(new sdk.GetPolicyCommand({ PolicyArn }), options),
  );
  // There are five at most: one page.
  const { Versions = [] } = await clients.ask('ListPolicyVersions', about, (options) =>
    client.send(new sdk.ListPolicyVersionsCommand({ PolicyArn }), options),
  );
  const age = (version: { CreateDate?: Date | undefined }) => version.CreateDate?.getTime() ?? 0;
  const [oldest] = Versions.filter((version) => version.IsDefaultVersion !== true).sort((a, b) => age(a) - age(b));
  const full = Versions.length >= MOST_VERSIONS ? oldest?.VersionId : undefined;
  const others = (Policy?.AttachmentCount ?? 1) - 1;
  const also =
    others > 0 ? `, which ${String(others)} more ${others === 1 ? 'principal has' : 'principals have'}, too` : '';
  const gone =
    full === undefined ? '' : ` (its oldest version ${full} is deleted: there can be ${String(MOST_VERSIONS)})`;
  return {
    kind: 'managed',
    name: PolicyArn,
    address: found.source.name,
    before: indented(found.source.text),
    text: `put a new version of the managed policy ${PolicyArn}${also}${gone}`,
    steps: [
      ...(full === undefined ? [] : [`DeletePolicyVersion ${full} of ${PolicyArn}`]),
      `CreatePolicyVersion of ${PolicyArn}, as the default`,
    ],
    async put(PolicyDocument) {
      if (full !== undefined) {
        const drop = new sdk.DeletePolicyVersionCommand({ PolicyArn, VersionId: full });
        await clients.ask('DeletePolicyVersion', about, (options) => client.send(drop, options));
      }
      const command = new sdk.CreatePolicyVersionCommand({ PolicyArn, PolicyDocument, SetAsDefault: true });
      await clients.ask('CreatePolicyVersion', about, (options) => client.send(command, options));
    },
  };
}
