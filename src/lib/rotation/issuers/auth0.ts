/**
 * Auth0 as an issuer (facts/rotation.md §2b). `patch`: a secret made here is stored first and then given to Auth0, so
 * that it cannot be lost and the way back is the same call with the old one. `rotate-secret`: Auth0 makes it.
 */
import {
  auth0Management,
  auth0Tokens,
  KEYS_SCOPE,
  managementAudience,
  READ_SCOPES,
  type Auth0Credentials,
  type Auth0Management,
  type Auth0Token,
  type Presented,
} from '../../auth0/client.ts';
import type { Auth0Mode } from '../../config/settings.ts';
import { JamfMcpError } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { Secret } from '../../redact.ts';
import { generateValue } from '../../secrets/generate.ts';
import type { Fields } from '../../secrets/store.ts';
import type { Issuer } from '../issuer.ts';
import { fieldOf } from './field.ts';
import { keep, keptIn, type KeptToken } from './kept.ts';
import { rotatorVariables, type Rotator } from './rotators.ts';

/** How Auth0's secrets are to be rotated. */
export interface Auth0IssuerOptions {
  /** `patch` unless given. */
  mode?: Auth0Mode | undefined;
  /** Of one request, in ms. */
  timeoutMs?: number | undefined;
}

/** As long as those that Auth0 makes, of the characters that it uses. */
const RECIPE = { length: 64, alphabet: 'base64url' } as const;

const FIELD = 'AUTH0_CLIENT_SECRET';

/** With these an application could grant itself everything (auth0.com/docs, client grants). */
const ESCALATING = ['create:client_grants', 'update:client_grants'];

const WITH_SECRET = ['client_secret_post', 'client_secret_basic'];

/** Who may change the application's secret. */
interface Manager {
  api: Auth0Management;
  token: Auth0Token;
}

/**
 * The issuer of AUTH0_CLIENT_SECRET.
 * @param rotator - the application that changes the secret; null: the rotated one changes its own
 */
export function auth0Issuer(rotator: Rotator | null, context: Context, options: Auth0IssuerOptions = {}): Issuer {
  const { mode = 'patch', timeoutMs } = options;
  const tokens = auth0Tokens(context, { timeoutMs });
  let manager: Manager | null = null;
  /** Scopes of the token that the old secret got; null before, and where it got none. */
  let before: string | null = null;
  /** Pairs of this application that were seen, newest last: without a rotator one of them has to be accepted. */
  const seen: Auth0Credentials[] = [];
  /** Of an earlier run: it outlives the secret that it was got with. */
  let spare: KeptToken | null = null;

  const managerWith = (domain: string, token: Auth0Token): Manager => ({
    api: auth0Management(domain, token.value, context, { timeoutMs }),
    token,
  });

  async function logIn(credentials: Auth0Credentials): Promise<Manager> {
    const audience = managementAudience(credentials.domain);
    const presented = await tokens.present(credentials, audience);
    if ('token' in presented) return managerWith(credentials.domain, presented.token);
    throw new JamfMcpError(
      'ACCESS_DENIED',
      `the application ${credentials.clientId} gets no token for the Management API of ${credentials.domain} (${presented.why}); nothing was changed`,
      rotator
        ? `authorize it for ${audience} with ${KEYS_SCOPE} and read:clients; where AUTH0_DOMAIN is a custom domain, name the tenant's own`
        : `set ${rotatorVariables('auth0')} to an application that has ${KEYS_SCOPE} and read:clients`,
    );
  }

  /** Log in as the rotator, or as the rotated application with whichever of its secrets is accepted, or go on with the kept token. */
  async function managerOf(credentials: Auth0Credentials): Promise<Manager> {
    if (manager && manager.token.endsAt > context.clock.now()) return manager;
    if (rotator) return (manager = await logIn({ domain: credentials.domain, ...rotator }));
    let refused: unknown = null;
    for (const candidate of seen.toReversed()) {
      try {
        return (manager = await logIn(candidate));
      } catch (error) {
        if (!isRefusal(error)) throw error;
        refused ??= error;
      }
    }
    if (!spare) throw refused;
    const text = 'Auth0 refuses the secrets at hand; going on with the token that the earlier run kept';
    context.host.notify({ kind: 'progress', text });
    return (manager = managerWith(credentials.domain, spare));
  }

  function credentialsIn(fields: Fields): Auth0Credentials {
    const credentials = credentialsOf(fields);
    const same = (one: Auth0Credentials) => one.clientSecret.reveal() === credentials.clientSecret.reveal();
    if (!seen.some(same)) seen.push(credentials);
    return credentials;
  }

  /** A pair that gets no token for another reason is right only if Auth0 answers otherwise to one that is wrong. */
  async function present(credentials: Auth0Credentials, audience: string): Promise<Presented> {
    const presented = await tokens.present(credentials, audience);
    if ('token' in presented) return presented;
    const wrong = { ...credentials, clientSecret: new Secret(generateValue(RECIPE)) };
    if (await tokens.present(wrong, audience).then(() => false, isRefusalOrThrow)) return presented;
    throw new JamfMcpError(
      'INPUT_INVALID',
      `Auth0 does not tell whether a secret of the application ${credentials.clientId} is right (${presented.why}), so a new one could not be tested`,
      `allow the grant client_credentials for the application, or store a value of your own with \`jamf-mcp secrets set ${FIELD}\``,
    );
  }

  async function refuseUnfit(management: Auth0Management, scopes: readonly string[], clientId: string) {
    if (!READ_SCOPES.some((scope) => scopes.includes(scope))) {
      const text = `the Management API token has none of ${READ_SCOPES.join(', ')}: how the application authenticates is not looked up`;
      context.host.notify({ kind: 'warning', text });
      return clientId;
    }
    const { name, authentication } = await management.read(clientId);
    if (WITH_SECRET.includes(authentication)) return name;
    const why =
      authentication === 'none'
        ? 'is public and has no secret'
        : `authenticates with ${authentication}, and Auth0 accepts no client secret from it`;
    throw new JamfMcpError(
      'INPUT_INVALID',
      `the Auth0 application “${name}” ${why}; nothing was changed`,
      authentication === 'private_key_jwt'
        ? 'rotate its key pair in the Auth0 dashboard under Applications > Credentials'
        : 'choose client_secret_post under Applications > Credentials in the Auth0 dashboard',
    );
  }

  const issuer: Issuer = {
    name: 'auth0',
    title: 'Auth0',
    replaces: [FIELD],
    recovery: `rotate the secret of the application in the Auth0 dashboard and store it with \`jamf-mcp secrets set ${FIELD}\`; or repeat the command with ${rotatorVariables('auth0')} set`,

    async prove(current, fields) {
      const credentials = credentialsIn(current);
      const kept = keptIn(fields, context.clock.now());
      spare = kept?.token ?? null;
      manager = await managerOf(credentials).catch((error: unknown) => {
        throw isRefusal(error) ? withRepair(error as JamfMcpError, rotator !== null) : error;
      });
      const scopes = manager.token.scope.split(' ');
      requireScope(scopes, rotator?.clientId ?? credentials.clientId);
      warnOfEscalation(scopes, context);
      const name = await refuseUnfit(manager.api, scopes, credentials.clientId);
      const presented = await present(credentials, audienceOf(current)).catch((error: unknown) => {
        if (!isRefusal(error)) throw error;
        const text = 'Auth0 refuses the secret in use, so what it could do cannot be compared; going on';
        if (!kept) context.host.notify({ kind: 'warning', text });
        return null;
      });
      before = presented && 'token' in presented ? presented.token.scope : (kept?.scope ?? null);
      return {
        text: `the application “${name}” can be given a new secret, which takes up to 30 s to be accepted`,
        strategy: 'single',
        keep: keep({ strategy: 'single', scope: before, token: rotator ? null : manager.token }),
      };
    },

    async mint(fields) {
      const credentials = credentialsIn(fields);
      const { api } = await managerOf(credentials);
      if (mode === 'rotate-secret') return new Map([[FIELD, await api.rotateSecret(credentials.clientId)]]);
      await api.setSecret(credentials.clientId, credentials.clientSecret);
      return new Map();
    },

    async test(fields) {
      const presented = await present(credentialsIn(fields), audienceOf(fields));
      if (!('token' in presented))
        return `accepted, though it gets no token for ${audienceOf(fields)} (${presented.why})`;
      const held = presented.token.scope.split(' ');
      const lost = (before ?? '').split(' ').filter((scope) => scope !== '' && !held.includes(scope));
      if (lost.length === 0) return `accepted, with the scopes ${presented.token.scope || 'none'}`;
      throw new JamfMcpError(
        'CONFLICT',
        `the new client secret may do less than the one before: it lacks ${lost.join(', ')}`,
        'the grants of the application were changed in Auth0 meanwhile: put them right there',
      );
    },

    async accepts(fields) {
      try {
        await present(credentialsIn(fields), audienceOf(fields));
        return true;
      } catch (error) {
        if (isRefusal(error)) return false;
        throw error;
      }
    },

    async revert(previous, { newer, kept }) {
      const credentials = credentialsIn(previous);
      if (newer) credentialsIn(newer);
      spare = keptIn(kept, context.clock.now())?.token ?? null;
      const { api } = await managerOf(credentials);
      await api.setSecret(credentials.clientId, credentials.clientSecret);
    },
  };
  if (mode === 'rotate-secret') return issuer;
  return { ...issuer, draft: () => Promise.resolve(new Map([[FIELD, new Secret(generateValue(RECIPE))]])) };
}

const isRefusal = (error: unknown) => error instanceof JamfMcpError && error.code === 'CREDENTIALS_REFUSED';

function isRefusalOrThrow(error: unknown): true {
  if (isRefusal(error)) return true;
  throw error;
}

/**
 * What logs in to Auth0.
 * @throws JamfMcpError SECRET_MALFORMED where a field is missing
 */
function credentialsOf(fields: Fields): Auth0Credentials {
  return {
    domain: fieldOf(fields, 'AUTH0_DOMAIN', 'Auth0').reveal(),
    clientId: fieldOf(fields, 'AUTH0_CLIENT_ID', 'Auth0').reveal(),
    clientSecret: fieldOf(fields, FIELD, 'Auth0'),
  };
}

/** The API that the application's tokens are for. */
const audienceOf = (fields: Fields): string =>
  fields.get('AUTH0_AUDIENCE')?.reveal() ?? managementAudience(fields.get('AUTH0_DOMAIN')?.reveal() ?? '');

function withRepair({ code, message, cause }: JamfMcpError, rotator: boolean): JamfMcpError {
  const hint = rotator
    ? `check ${rotatorVariables('auth0')} against Applications in the Auth0 dashboard`
    : `set ${rotatorVariables('auth0')}; or make a new secret in the dashboard and store it with \`jamf-mcp secrets set ${FIELD}\``;
  return new JamfMcpError(code, `${message}; nothing was changed`, hint, { cause });
}

function requireScope(scopes: readonly string[], clientId: string): void {
  if (scopes.includes(KEYS_SCOPE)) return;
  throw new JamfMcpError(
    'ACCESS_DENIED',
    `the application ${clientId} lacks the scope ${KEYS_SCOPE} of the Management API, which changing a client secret needs; nothing was changed`,
    `grant it under Applications > APIs > Auth0 Management API, or set ${rotatorVariables('auth0')} to an application that has it`,
  );
}

function warnOfEscalation(scopes: readonly string[], { host }: Context): void {
  const held = ESCALATING.filter((scope) => scopes.includes(scope));
  if (held.length === 0) return;
  const text = `what rotates here holds ${held.join(' and ')}, with which it could grant itself everything: take that away in Auth0`;
  host.notify({ kind: 'warning', text });
}
