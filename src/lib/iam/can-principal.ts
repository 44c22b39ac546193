/** What a role or user of the account is allowed and limited by, as layers. */
import type { LayerSource } from './can-layers.ts';
import type { Request } from './evaluate.ts';
import type { LiveRole } from './live/role.ts';

/** Its policies and its boundary; a trust policy is no layer of the role itself, but of whoever assumes it. */
export const layersOf = ({ policies }: LiveRole): LayerSource[] =>
  policies.flatMap(({ kind, source }): LayerSource[] =>
    kind === 'trust' ? [] : [{ layer: kind === 'boundary' ? 'boundary' : 'identity', source }],
  );

/** The condition keys that every request of a role or user carries, unless its session has tags of its own. */
export const principalContext = ({ tags }: LiveRole): Request['context'] =>
  Object.fromEntries([...(tags ?? [])].map(([name, value]) => [`aws:PrincipalTag/${name}`, value]));
