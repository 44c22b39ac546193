/** What a Jamf Pro server answered, made a value or an error that says what to do. */
import { JamfMcpError } from '../errors.ts';
import { jsonOf, statusError, type Answer, type Meaning, type Service } from '../http.ts';
import { isLoopback } from '../loopback.ts';
import { redact, Secret } from '../redact.ts';

/** Jamf Pro, as requests to it are told. */
export const JAMF: Service = { name: 'jamf', setting: 'JAMF_URL' };

/** Where tokens come from, since Jamf Pro 10.49 (facts/rotation.md §2a). */
export const TOKEN_PATH = '/api/oauth/token';

/**
 * Check a Jamf URL and bring it into the form that paths are appended to.
 * @param url - as a user typed it
 * @returns scheme, host, port and path prefix, without a trailing slash
 * @throws JamfMcpError INPUT_INVALID: no URL, credentials inside it, or http beyond loopback
 */
export function baseUrl(url: string): string {
  const parsed = URL.parse(url.trim());
  // Not the text as it was typed: it may carry a password.
  const shown = parsed && parsed.host !== '' ? parsed.protocol + '//' + parsed.host : redact(url.trim());
  const wrong = (why: string) =>
    new JamfMcpError('INPUT_INVALID', `${shown} ${why}`, 'give the server as https://example.jamfcloud.com');
  if (!parsed || !/^https?:$/.test(parsed.protocol)) throw wrong('is not an https URL');
  if (parsed.username || parsed.password) throw wrong('carries a user name or password');
  if (parsed.protocol === 'http:' && !isLoopback(parsed.hostname))
    throw wrong('would send the client secret unencrypted');
  return (parsed.origin + parsed.pathname).replace(/\/+$/, '');
}

/** A token as the server gives it. */
export interface IssuedToken {
  value: Secret;
  /** Ids of the client's roles, `api-role:2`. */
  scope: string;
  lifetimeMs: number;
}

/**
 * Read the answer of the token endpoint.
 * @throws JamfMcpError INPUT_INVALID where no Jamf Pro server answered so, CREDENTIALS_REFUSED, THROTTLED, REMOTE_FAILED
 */
export function tokenFrom(answer: Answer, pair: { url: string; clientId: string }): IssuedToken {
  const { status } = answer;
  const server = baseUrl(pair.url);
  const notJamf = (what: string) =>
    new JamfMcpError(
      'INPUT_INVALID',
      `${server} is not a Jamf Pro server: POST ${TOKEN_PATH} ${what}`,
      'check JAMF_URL: the address you sign in to Jamf Pro with (10.49 or newer), without a path',
    );
  if (status >= 300 && status < 400) throw notJamf(`redirects to ${answer.headers.get('location') ?? 'another page'}`);
  if (status === 404 || status === 405) throw notJamf(`answers ${String(status)}`);
  if (status === 400 || status === 401 || status === 403) {
    throw new JamfMcpError(
      'CREDENTIALS_REFUSED',
      `${server} refuses the API client ${redact(pair.clientId)} (${String(status)}${reason(answer.text)})`,
      'check client id and secret, and that the client is enabled in Jamf Pro under Settings > API roles and clients',
    );
  }
  if (status !== 200) throw failure(answer, 'POST', TOKEN_PATH);
  const body = jsonOf(answer.text) as { access_token?: unknown; expires_in?: unknown; scope?: unknown } | undefined;
  if (typeof body?.access_token !== 'string' || typeof body.expires_in !== 'number')
    throw notJamf('answers without a token');
  return {
    value: new Secret(body.access_token),
    scope: typeof body.scope === 'string' ? body.scope : '',
    lifetimeMs: body.expires_in * 1000,
  };
}

/**
 * Read the answer to a request.
 * @returns the decoded JSON; undefined where there is no body
 * @throws JamfMcpError as its status says
 */
export function decode(answer: Answer, method: string, path: string): unknown {
  if (answer.status < 200 || answer.status >= 300) throw failure(answer, method, path);
  if (answer.text === '') return undefined;
  const value = jsonOf(answer.text);
  if (value === undefined) {
    throw new JamfMcpError(
      'REMOTE_FAILED',
      `jamf ${method} ${path} answered with something other than JSON`,
      'check that JAMF_URL is the Jamf Pro server itself, not a proxy or a sign-in page',
    );
  }
  return value;
}

/** What a status other than success means; first match wins. */
const STATUSES: readonly Meaning[] = [
  {
    from: 401,
    to: 401,
    code: 'CREDENTIALS_REFUSED',
    hint: 'Jamf refused a token it had just issued: check that the API client is enabled, then repeat the command',
  },
  { from: 403, to: 403, code: 'ACCESS_DENIED', hint: 'add the privilege to the API role of the client in Jamf Pro' },
  { from: 404, to: 404, code: 'NOT_FOUND', hint: 'check the id, and that this Jamf Pro version has the resource' },
  { from: 429, to: 429, code: 'THROTTLED', hint: 'Jamf asks for patience: wait a minute, then repeat the command' },
  { from: 500, to: 599, code: 'REMOTE_FAILED', hint: 'the Jamf Pro server has a problem of its own: try again later' },
];

/** The privilege that an operation needs, where this program calls it (facts/rotation.md §2a, x-required-privileges). */
const PRIVILEGES: readonly [RegExp, string][] = [
  [/^GET \/api\/v1\/api-integrations/, 'Read API Integrations'],
  [/^POST \/api\/v1\/api-integrations/, 'Create API Integrations'],
  [/^PUT \/api\/v1\/api-integrations/, 'Update API Integrations'],
  [/^GET \/api\/v1\/api-roles/, 'Read API Roles'],
  [/^GET \/api\/v\d\/computers-inventory/, 'Read Computers'],
];

function failure({ status, text }: Answer, method: string, path: string): JamfMcpError {
  const privilege = PRIVILEGES.find(([match]) => match.test(`${method} ${path}`))?.[1];
  const lacks = status === 403 && privilege ? `, the API client lacks the privilege “${privilege}”` : '';
  return statusError(JAMF, `${method} ${path}`, { status, reason: reason(text) + lacks }, STATUSES);
}

/** Jamf's own words for a failure: an ApiError's descriptions, or an OAuth error, with `: ` before; redacted, one line. */
function reason(text: string): string {
  const body = jsonOf(text) as
    | { errors?: readonly { description?: unknown; code?: unknown }[]; error?: unknown; error_description?: unknown }
    | null
    | undefined;
  const errors = Array.isArray(body?.errors)
    ? (body.errors as readonly { description?: unknown; code?: unknown }[])
    : [];
  const words = [...errors.map(({ description, code }) => description ?? code), body?.error, body?.error_description];
  const said = words.filter((word) => typeof word === 'string' && word !== '').join('; ');
  return said === '' ? '' : `: ${redact(said.replace(/\s+/g, ' '))}`;
}
