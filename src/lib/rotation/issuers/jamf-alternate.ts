/**
 * `rotate --setup-alternate`: a second API client with the roles of the first, so that the two can take turns and no
 * request ever meets a dead secret.
 */
import { JamfMcpError } from '../../errors.ts';
import type { Canvas } from '../../format/canvas.ts';
import { terminalSafe } from '../../format/escape.ts';
import { table } from '../../format/table.ts';
import type { Context } from '../../host.ts';
import { jamfClient, whoAmI, type JamfClient } from '../../jamf/client.ts';
import {
  createIntegration,
  integrationOf,
  listIntegrations,
  MINT_PRIVILEGE,
  updateIntegration,
  UPDATE_PRIVILEGE,
  type ApiIntegration,
  type ApiIntegrationRequest,
} from '../../jamf/integrations.ts';
import type { Fields } from '../../secrets/store.ts';
import { differences, partnerName, type Difference, type PairNames } from './jamf-partner.ts';
import { pairOf } from './jamf.ts';
import { rotatorVariables, type Rotator } from './rotators.ts';

/** What to set up, and as whom. */
export interface SetUpAlternateInput {
  /** The secret's fields: they name the client in use. */
  fields: Fields;
  /** The client that looks and creates; null: the one in use. */
  rotator: Rotator | null;
  /** Display names of the two clients; null: `X` and `X (alternate)`. */
  names?: PairNames | null;
  /** Look and tell, change nothing. */
  dryRun: boolean;
}

/** What became of the second client, or would. */
export interface SetUpAlternateResult {
  /** URL of the Jamf Pro server. */
  server: string;
  /** The API client in use. */
  live: { id: number; name: string };
  /** The one that takes turns with it; id and client id are null where it is still to be made. */
  alternate: {
    id: number | null;
    name: string;
    clientId: string | null;
    roles: string[];
    /** null: that of the server. */
    tokenLifetimeMs: number | null;
  };
  /** What had to be done. */
  action: 'create' | 'repair' | 'none';
  /** What was not like the client in use; only for `repair`. */
  differences: Difference[];
  changed: boolean;
  dryRun: boolean;
}

/**
 * Create the second API client, or put one right that is there. Repeating it does no harm: it goes by the name.
 * Needs the privileges “Read API Integrations” and “Create API Integrations”, for a repair “Update API Integrations”.
 * @throws JamfMcpError CREDENTIALS_REFUSED, ACCESS_DENIED, NOT_FOUND (the client in use), INPUT_INVALID (the second one is
 *   for a native app), DECLINED, what the host and the Jamf client throw
 */
export async function setUpAlternate(
  { fields, rotator, names = null, dryRun }: SetUpAlternateInput,
  context: Context,
): Promise<SetUpAlternateResult> {
  const pair = pairOf(fields);
  const client = jamfClient(rotator ? { url: pair.url, ...rotator } : pair, context);
  const integrations = await listIntegrations(client);
  const live = integrationOf(integrations, pair.clientId, client.url);
  const name = partnerName(live.displayName, names);
  const idle = integrations.find(({ displayName }) => displayName === name) ?? null;
  refuseNative(idle);
  const differs = idle ? differences(live, idle) : [];
  const action = idle ? (differs.length > 0 ? 'repair' : 'none') : 'create';
  const request: ApiIntegrationRequest = {
    displayName: name,
    authorizationScopes: live.authorizationScopes,
    enabled: true,
    ...(live.accessTokenLifetimeSeconds === undefined
      ? {}
      : { accessTokenLifetimeSeconds: live.accessTokenLifetimeSeconds }),
  };
  const result = (alternate: ApiIntegration | null, changed: boolean): SetUpAlternateResult => ({
    server: client.url,
    live: { id: live.id, name: live.displayName },
    alternate: {
      id: alternate?.id ?? null,
      name,
      clientId: alternate?.clientId ?? null,
      roles: [...live.authorizationScopes],
      tokenLifetimeMs: live.accessTokenLifetimeSeconds === undefined ? null : live.accessTokenLifetimeSeconds * 1000,
    },
    action,
    differences: differs,
    changed,
    dryRun,
  });
  if (action === 'none') return result(idle, false);
  await requirePrivilege(client, action === 'create' ? MINT_PRIVILEGE : UPDATE_PRIVILEGE);
  if (dryRun) return result(idle, false);
  if (!(await context.host.ask({ kind: 'confirm', text: questionOf(client.url, request, differs) })))
    throw new JamfMcpError('DECLINED', 'not confirmed; nothing was changed');
  const made = await (idle ? updateIntegration(client, idle.id, request) : createIntegration(client, request));
  requireLike(live, made);
  return result(made, true);
}

function refuseNative(idle: ApiIntegration | null): void {
  if (idle?.appType !== 'NATIVE_APP_OAUTH') return;
  throw new JamfMcpError(
    'INPUT_INVALID',
    `the API client “${idle.displayName}” (id ${String(idle.id)}) is for a native app and can have no client secret`,
    'rename or delete it in Jamf, or name another client in rotation.alternate of jamf-mcp.yaml',
  );
}

/** Told before anything is asked: a person should not confirm what cannot be done. */
async function requirePrivilege(client: JamfClient, privilege: string): Promise<void> {
  const { privileges } = await whoAmI(client);
  if (privileges.length === 0 || privileges.includes(privilege)) return;
  throw new JamfMcpError(
    'ACCESS_DENIED',
    `the API client lacks the privilege “${privilege}”; nothing was changed`,
    `add it to a role of the client in Jamf, or set ${rotatorVariables('jamf')} to a client that has it`,
  );
}

function questionOf(
  server: string,
  { displayName, authorizationScopes }: ApiIntegrationRequest,
  differs: Difference[],
) {
  const roles = authorizationScopes.join(', ') || 'none';
  if (differs.length === 0) return `create the API client “${displayName}” on ${server}, with the roles ${roles}?`;
  const what = differs.map((row) => `${row.what} from ${row.is || 'none'} to ${row.shouldBe || 'none'}`).join('; ');
  return `change the API client “${displayName}” on ${server}: ${what}?`;
}

/** A server that leaves out what it was told has made a client that is of no use here. */
function requireLike(live: ApiIntegration, made: ApiIntegration): void {
  const [left] = differences(live, made);
  if (!left) return;
  throw new JamfMcpError(
    'REMOTE_FAILED',
    `Jamf stored the API client “${made.displayName}” otherwise than asked: ${left.what} is ${left.is || 'none'}, not ${left.shouldBe || 'none'}`,
    'put it right under Settings > API roles and clients in Jamf Pro',
  );
}

const DONE: Record<SetUpAlternateResult['action'], [done: string, planned: string]> = {
  create: ['created', 'would create'],
  repair: ['put right', 'would put right'],
  none: ['nothing to do for', 'nothing to do for'],
};

/** Which client there is now, and what to do next. */
export function drawSetUpAlternate(result: SetUpAlternateResult, { ink, width }: Canvas): string {
  const { live, alternate, action, dryRun } = result;
  const name = ink.bold(`“${terminalSafe(alternate.name)}”`);
  const head = `${ink.green(DONE[action][dryRun ? 1 : 0])} the API client ${name} on ${terminalSafe(result.server)}`;
  const facts: [string, string][] = [
    ['takes turns with', `“${terminalSafe(live.name)}” (id ${String(live.id)}), which is in use`],
    ['id', alternate.id === null ? 'not made yet' : `${String(alternate.id)}, client id ${alternate.clientId ?? ''}`],
    ['roles', alternate.roles.map(terminalSafe).join(', ') || 'none'],
    [
      'tokens live for',
      alternate.tokenLifetimeMs === null
        ? 'as long as the server says'
        : `${String(alternate.tokenLifetimeMs / 1000)} s`,
    ],
  ];
  const changes = result.differences.map(({ what, is, shouldBe }) => [what, is || 'none', shouldBe || 'none']);
  const headers = ['DIFFERENCE', 'IS', 'SHOULD BE'].map((header) => ink.dim(header));
  return [
    head,
    ...facts.map(([label, text]) => `  ${ink.dim(label.padEnd(16))}  ${text}`),
    ...(changes.length > 0
      ? [
          '',
          table(
            headers,
            changes.map((row) => row.map(terminalSafe)),
            width,
          ),
        ]
      : []),
    ...(dryRun
      ? []
      : [
          '',
          'next: `jamf-mcp rotate` gives it a secret and uses it; the one before stays valid until the next rotation',
        ]),
  ].join('\n');
}
