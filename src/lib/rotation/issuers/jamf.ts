/**
 * Jamf Pro as an issuer. With one API client, minting a secret kills the one before at once, while tokens already
 * issued live on; with two of equal roles, the idle one is minted and the other stays valid (facts/rotation.md §2a).
 */
import { JamfMcpError } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { jamfClient, whoAmI, type JamfClient, type JamfCredentials } from '../../jamf/client.ts';
import {
  integrationOf,
  listIntegrations,
  MINT_PRIVILEGE,
  mintClientCredentials,
  type ApiIntegration,
} from '../../jamf/integrations.ts';
import { Secret } from '../../redact.ts';
import type { Fields } from '../../secrets/store.ts';
import type { Issuer, Strategy } from '../issuer.ts';
import { fieldOf } from './field.ts';
import { differences, turnOf, type PairNames } from './jamf-partner.ts';
import { keep, keptIn, type Kept, type KeptToken } from './kept.ts';
import { rotatorVariables, type Rotator } from './rotators.ts';

export type { Rotator } from './rotators.ts';

/** How Jamf's secrets are to be rotated. */
export interface JamfOptions {
  /** Forces one strategy; null: `alternate` where there is a second client for it. */
  strategy?: Strategy | null;
  /** Display names of the two clients that take turns; null: `X` and `X (alternate)`. */
  names?: PairNames | null;
  /** Nothing will be minted, so that the right to mint has to be looked up. */
  dryRun?: boolean;
  /** Of one request, in ms. */
  timeoutMs?: number | undefined;
}

/** A login, and what its token said. */
interface Login extends KeptToken {
  client: JamfClient;
}

/** What a credential could do before; `client` is null where nobody can be asked any more. */
interface Standing {
  scope: string;
  client: JamfClient | null;
}

/**
 * The issuer of JAMF_CLIENT_ID and JAMF_CLIENT_SECRET. Without a fault a whole rotation takes five calls: a token of the
 * old pair, the list of clients, the mint, a token of the new pair, and at the end whether the old pair still gets one.
 * @param rotator - the client that mints; null: the rotated client mints
 */
export function jamfIssuer(rotator: Rotator | null, context: Context, options: JamfOptions = {}): Issuer {
  const { names = null, dryRun = false, timeoutMs } = options;
  let minter: { client: JamfClient; target: ApiIntegration; strategy: Strategy } | null = null;
  let before: Standing | null = null;

  const clientOf = (pair: JamfCredentials, token?: KeptToken): JamfClient =>
    jamfClient(pair, context, { timeoutMs, ...(token ? { token } : {}) });

  const logIn = async (pair: JamfCredentials): Promise<Login> => {
    const client = clientOf(pair);
    const { token, scope, expiresInMs } = await client.authenticate();
    return { client, scope, value: token, endsAt: context.clock.now() + expiresInMs };
  };

  /** The pair in use, or in its place the token that an earlier run obtained with it. */
  async function logInAsCurrent(pair: JamfCredentials, kept: Kept | null): Promise<Login> {
    try {
      return await logIn(pair);
    } catch (error) {
      const token = isRefusal(error) ? kept?.token : null;
      if (!token) throw error;
      const text = 'Jamf refuses the secret in use; going on with the token that the earlier run kept';
      context.host.notify({ kind: 'progress', text });
      return { ...token, client: clientOf(pair, token) };
    }
  }

  /** With a rotator the pair in use need not be accepted any more. */
  async function standingOf(pair: JamfCredentials, kept: Kept | null): Promise<Standing | null> {
    try {
      return await logInAsCurrent(pair, kept);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const text =
        'Jamf refuses the pair in use, so what it could do cannot be compared; going on with the rotator client';
      context.host.notify({ kind: 'warning', text });
      const scope = kept?.scope ?? null;
      return scope === null ? null : { scope, client: null };
    }
  }

  /** Which client gets the new secret. */
  function choose(integrations: readonly ApiIntegration[], live: ApiIntegration, kept: Kept | null) {
    const forced = options.strategy ?? kept?.strategy;
    const single = { target: live, strategy: 'single' as const };
    if (forced === 'single') return single;
    const turn = turnOf(integrations, live, names);
    if ('partner' in turn) return { target: turn.partner, strategy: 'alternate' as const };
    const { code, why, fix } = turn.obstacle;
    if (forced) throw new JamfMcpError(code, `${why}; nothing was changed`, fix);
    if (turn.exists || names)
      context.host.notify({ kind: 'warning', text: `${why}, so the strategy is single; ${fix}` });
    return single;
  }

  return {
    name: 'jamf',
    title: 'Jamf',
    get replaces() {
      return minter?.strategy === 'alternate' ? ['JAMF_CLIENT_ID', 'JAMF_CLIENT_SECRET'] : ['JAMF_CLIENT_SECRET'];
    },
    recovery: `${REPAIR}; or repeat the command with ${rotatorVariables('jamf')} set to another API client that may mint`,

    async prove(current, fields) {
      const pair = pairOf(current);
      const kept = keptIn(fields, context.clock.now());
      const login = await (rotator ? logIn({ url: pair.url, ...rotator }) : logInAsCurrent(pair, kept)).catch(
        (error: unknown) => {
          throw withRepair(error, rotator !== null);
        },
      );
      if (rotator || dryRun) {
        const { privileges } = await whoAmI(login.client);
        requireMintPrivilege(privileges, rotator?.clientId ?? pair.clientId, context);
      }
      before = rotator ? await standingOf(pair, kept) : login;
      const integrations = await listIntegrations(login.client);
      const live = integrationOf(integrations, pair.clientId, login.client.url);
      const { target, strategy } = choose(integrations, live, kept);
      if (strategy === 'single') requireMintable(target);
      else tellDifferences(live, target, context);
      minter = { client: login.client, target, strategy };
      const dies = strategy === 'single' && !rotator;
      return {
        text: proofText(live, minter),
        strategy,
        keep: keep({ strategy, scope: before?.scope ?? null, token: dies ? login : null }),
      };
    },

    async mint() {
      if (!minter)
        throw new JamfMcpError('BUG', 'a client secret was to be minted before it was proved that it can be');
      const { clientId, clientSecret } = await mintClientCredentials(minter.client, minter.target.id);
      return new Map([
        ['JAMF_CLIENT_ID', new Secret(clientId, { public: true })],
        ['JAMF_CLIENT_SECRET', clientSecret],
      ]);
    },

    async test(fields) {
      const { client, scope } = await logIn(pairOf(fields));
      // A token's scope is the ids of its roles, and Jamf looks up privileges by role: the same roles, the same rights.
      if (before && scope !== '' && sameRoles(scope, before.scope)) return 'accepted, with the same roles as before';
      const { privileges } = await whoAmI(client);
      const had = before?.client ? (await whoAmI(before.client)).privileges : [];
      const lost = had.filter((privilege) => !privileges.includes(privilege));
      if (lost.length > 0) {
        throw new JamfMcpError(
          'CONFLICT',
          `the new client secret may do less than the one before: it lacks ${lost.join(', ')}`,
          'the roles of the API client were changed in Jamf, which takes effect with a new secret: put them right there',
        );
      }
      return `accepted, with ${String(privileges.length)} privileges`;
    },

    async accepts(fields) {
      try {
        await clientOf(pairOf(fields)).authenticate();
        return true;
      } catch (error) {
        if (isRefusal(error)) return false;
        throw error;
      }
    },
  };
}

/** What brings a lost value back: nobody can read one from Jamf, only make another. */
const REPAIR =
  'make a new client secret in Jamf and store it with `jamf-mcp secrets init --update --from-file -` (a line JAMF_CLIENT_SECRET=…)';

const isRefusal = (error: unknown) => error instanceof JamfMcpError && error.code === 'CREDENTIALS_REFUSED';

const sameRoles = (a: string, b: string) => rolesIn(a) === rolesIn(b);
const rolesIn = (scope: string) => [...new Set(scope.split(/[\s,]+/))].sort().join(' ');

/** A refused client, with the way out of it; any other error as it is. */
function withRepair(error: unknown, rotator: boolean): unknown {
  if (!(error instanceof JamfMcpError) || error.code !== 'CREDENTIALS_REFUSED') return error;
  const hint = rotator
    ? `check ${rotatorVariables('jamf')}, and that this client is enabled in Jamf under Settings > API roles and clients`
    : `${REPAIR}; or repeat the command with ${rotatorVariables('jamf')} set to another API client that may mint`;
  return new JamfMcpError(error.code, `${error.message}; nothing was changed`, hint, { cause: error });
}

/**
 * What logs in to Jamf.
 * @throws JamfMcpError SECRET_MALFORMED where a field is missing
 */
export function pairOf(fields: Fields): JamfCredentials {
  return {
    url: fieldOf(fields, 'JAMF_URL', 'Jamf').reveal(),
    clientId: fieldOf(fields, 'JAMF_CLIENT_ID', 'Jamf').reveal(),
    clientSecret: fieldOf(fields, 'JAMF_CLIENT_SECRET', 'Jamf'),
  };
}

/**
 * Whether a client may mint, as far as Jamf tells.
 * @throws JamfMcpError ACCESS_DENIED
 */
export function requireMintPrivilege(privileges: readonly string[], clientId: string, context: Context): void {
  if (privileges.includes(MINT_PRIVILEGE)) return;
  if (privileges.length === 0) {
    context.host.notify({
      kind: 'warning',
      text: `Jamf names no privileges of ${clientId}: whether it may mint shows when it does`,
    });
    return;
  }
  throw new JamfMcpError(
    'ACCESS_DENIED',
    `the API client ${clientId} lacks the privilege “${MINT_PRIVILEGE}”, which minting a client secret needs; nothing was changed`,
    `add it to a role of the client in Jamf, or set ${rotatorVariables('jamf')} to a client that has it`,
  );
}

function requireMintable({ displayName, enabled, appType, id }: ApiIntegration): void {
  const about = `the API client “${displayName}” (id ${String(id)})`;
  if (!enabled) {
    throw new JamfMcpError(
      'INPUT_INVALID',
      `${about} is disabled in Jamf; nothing was changed`,
      'enable it under Settings > API roles and clients',
    );
  }
  if (appType !== 'CLIENT_CREDENTIALS') {
    throw new JamfMcpError(
      'INPUT_INVALID',
      `${about} has no client secret that could be rotated: its type is ${appType}; nothing was changed`,
      'create an API client with a client secret under Settings > API roles and clients',
    );
  }
}

function tellDifferences(live: ApiIntegration, idle: ApiIntegration, { host }: Context): void {
  for (const { what, is, shouldBe } of differences(live, idle))
    host.notify({ kind: 'warning', text: `the ${what} of “${idle.displayName}” is ${is}, not ${shouldBe}` });
}

function proofText(live: ApiIntegration, { target, strategy }: { target: ApiIntegration; strategy: Strategy }): string {
  const about = `API client “${target.displayName}” (id ${String(target.id)})`;
  if (strategy === 'alternate')
    return `${about} takes its turn: it has the roles of “${live.displayName}”, which stays valid until the next rotation`;
  const { accessTokenLifetimeSeconds: seconds } = live;
  const window = seconds === undefined ? '' : `; tokens in use live on for up to ${String(seconds)} s`;
  return `${about} is enabled, its secret can be minted${window}`;
}
