/**
 * Two API clients with equal roles that take turns: the idle one gets the new secret, the other stays valid until the
 * next rotation (facts/rotation.md §2a, consequences; AWS calls it the alternating-users strategy).
 */
import { JamfMcpError, type ErrorCode } from '../../errors.ts';
import type { ApiIntegration } from '../../jamf/integrations.ts';

/** Follows the name of the second of two clients, unless jamf-mcp.yaml names both. */
const SUFFIX = ' (alternate)';

/** Makes the second client, and puts it right. */
export const SET_UP = '`jamf-mcp rotate --setup-alternate`';

/** The display names of the two clients that take turns, where jamf-mcp.yaml gives them. */
export type PairNames = readonly [string, string];

/**
 * The name of the client that takes turns with another.
 * @param name - display name of the one in use
 * @throws JamfMcpError CONFIG_INVALID where two names are given and neither is that of the client in use
 */
export function partnerName(name: string, names: PairNames | null): string {
  if (!names) return name.endsWith(SUFFIX) ? name.slice(0, -SUFFIX.length) : name + SUFFIX;
  const other = names.find((candidate) => candidate !== name);
  if (names.includes(name) && other !== undefined) return other;
  throw new JamfMcpError(
    'CONFIG_INVALID',
    `the API client in use is “${name}”, which rotation.alternate does not name: ${names.join(', ')}`,
    'correct rotation.alternate in jamf-mcp.yaml: the display names of two API clients, as Jamf has them',
  );
}

/** One way in which a client is not like the other. */
export interface Difference {
  what: 'roles' | 'token lifetime' | 'enabled';
  /** How the idle client is. */
  is: string;
  /** How the one in use is. */
  shouldBe: string;
}

/** In what the idle client is not like the one in use. */
export function differences(live: ApiIntegration, idle: ApiIntegration): Difference[] {
  const rows: Difference[] = [
    { what: 'roles', is: rolesOf(idle), shouldBe: rolesOf(live) },
    { what: 'token lifetime', is: lifetimeOf(idle), shouldBe: lifetimeOf(live) },
    { what: 'enabled', is: yesNo(idle.enabled), shouldBe: yesNo(true) },
  ];
  return rows.filter(({ is, shouldBe }) => is !== shouldBe);
}

const rolesOf = ({ authorizationScopes }: ApiIntegration) => [...new Set(authorizationScopes)].sort().join(', ');
const lifetimeOf = ({ accessTokenLifetimeSeconds: seconds }: ApiIntegration) =>
  seconds === undefined ? 'that of the server' : `${String(seconds)} s`;
const yesNo = (flag: boolean) => (flag ? 'yes' : 'no');

/** Why the client that would take its turn cannot. */
interface Obstacle {
  code: ErrorCode;
  why: string;
  fix: string;
}

/** The client whose turn it is, or why there is none. */
export type Turn = { partner: ApiIntegration } | { obstacle: Obstacle; exists: boolean };

/**
 * Look for the client that takes turns with the one in use.
 * @param integrations - all that the server has
 * @throws JamfMcpError as {@link partnerName}
 */
export function turnOf(integrations: readonly ApiIntegration[], live: ApiIntegration, names: PairNames | null): Turn {
  const name = partnerName(live.displayName, names);
  const partner = integrations.find(({ displayName }) => displayName === name);
  if (!partner) {
    const why = `Jamf has no API client “${name}” that could take turns with “${live.displayName}”`;
    return { obstacle: { code: 'NOT_FOUND', why, fix: `create it with ${SET_UP}` }, exists: false };
  }
  const obstacle = obstacleOf(live, partner);
  return obstacle ? { obstacle, exists: true } : { partner };
}

function obstacleOf(live: ApiIntegration, partner: ApiIntegration): Obstacle | null {
  const about = `the API client “${partner.displayName}” (id ${String(partner.id)})`;
  const differs = differences(live, partner);
  const roles = differs.find(({ what }) => what === 'roles');
  if (partner.appType === 'NATIVE_APP_OAUTH') {
    const why = `${about} is for a native app and has no client secret`;
    return { code: 'INPUT_INVALID', why, fix: `rename or delete it in Jamf, then create another with ${SET_UP}` };
  }
  const fix = `put it right with ${SET_UP}, or under Settings > API roles and clients`;
  if (differs.some(({ what }) => what === 'enabled'))
    return { code: 'INPUT_INVALID', why: `${about} is disabled in Jamf`, fix };
  if (!roles) return null;
  const why = `${about} has other roles (${roles.is || 'none'}) than “${live.displayName}” (${roles.shouldBe || 'none'})`;
  return { code: 'INPUT_INVALID', why, fix };
}
