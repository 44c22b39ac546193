/** What a role or user of the account is allowed and limited by, as layers. */
import type { LayerSource } from './can-layers.ts';
import type { LiveRole } from './live/role.ts';

/** Its policies and its boundary; a trust policy is no layer of the role itself, but of whoever assumes it. */
export const layersOf = ({ policies }: LiveRole): LayerSource[] =>
  policies.flatMap(({ kind, source }): LayerSource[] =>
    kind === 'trust' ? [] : [{ layer: kind === 'boundary' ? 'boundary' : 'identity', source }],
  );
