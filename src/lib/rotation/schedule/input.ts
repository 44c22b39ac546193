/** What `rotate schedule` is given, from the settings of an invocation and what a user typed. */
import type { Settings } from '../../config/settings.ts';
import { JamfMcpError } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { openStore } from '../../secrets/open.ts';
import { schemaFor } from '../../secrets/schema.ts';
import type { Strategy } from '../issuer.ts';
import { chooseIssuer } from '../issuers/index.ts';
import type { ScheduleInput } from './install.ts';
import { rulesFrom } from './rules.ts';

/** What a user asked for; see the flags of the command. */
export interface ScheduleWish {
  every?: string | undefined;
  at?: string | undefined;
  window?: string | undefined;
  cluster?: string | undefined;
  service?: string | undefined;
  'no-deploy': boolean;
  'rotator-secret'?: string | undefined;
  only?: readonly string[] | undefined;
  strategy?: Strategy | undefined;
  'dry-run': boolean;
}

/**
 * The input of {@link installSchedule}.
 * @param rest - `zip`: reads the code of the function; `command`: the command line that goes on
 * @throws JamfMcpError USAGE, INPUT_INVALID for what does not go together, or cannot be scheduled
 */
export async function scheduleInput(
  settings: Settings,
  wish: ScheduleWish,
  { zip, command }: { zip: () => Promise<Uint8Array>; command: string },
  context: Context,
): Promise<ScheduleInput> {
  const { cluster, service, only = [], strategy = null } = wish;
  if (wish['no-deploy'] && (cluster ?? service) !== undefined) {
    const what = '--no-deploy and --cluster or --service say the opposite';
    throw new JamfMcpError('USAGE', what, 'leave one of them out');
  }
  const { ecs, aws, secret, environment, rotation } = settings;
  const schema = schemaFor(settings);
  const auth0Mode = rotation?.auth0Mode ?? null;
  const choice = chooseIssuer({ schema, only, strategy, from: null, auth0Mode });
  const known = { ...schema, fields: schema.fields.filter(({ name }) => choice.fields.includes(name)) };
  const named = { cluster: cluster ?? ecs.cluster, service: service ?? ecs.service };
  return {
    store: await openStore(settings, context),
    secret,
    environment,
    aws,
    rules: rulesFrom(wish),
    choice: { ...choice, schema: known, alternate: rotation?.alternate ?? null },
    rotator: wish['rotator-secret'] ?? null,
    ecs: wish['no-deploy'] ? null : { ...named, aws },
    zip: await zip(),
    dryRun: wish['dry-run'],
    command,
  };
}
