/** What the commands on a rotation are given, from the settings of an invocation. */
import type { Settings } from '../config/settings.ts';
import { JamfMcpError } from '../errors.ts';
import type { Context } from '../host.ts';
import { openStore } from '../secrets/open.ts';
import { schemaFor } from '../secrets/schema.ts';
import { AWSCURRENT, type Fields } from '../secrets/store.ts';
import { chooseIssuer, issuersWith, type Wish } from './issuers/index.ts';
import type { SetUpAlternateResult } from './issuers/jamf-alternate.ts';
import type { Rotators } from './issuers/rotators.ts';
import { fileRecorder } from './record.ts';
import type { RotateInput, RunInput } from './work.ts';

/** What the settings do not say. */
export type Given = Pick<
  RunInput,
  'noDeploy' | 'limitMs' | 'dryRun' | 'reason' | 'runner' | 'isRunning' | 'command'
> & {
  rotators: Rotators;
};

/** Values that a person brings in a file: read when they are needed. */
export type Answers = (() => Promise<Fields>) | null;

/** The input of `resume`, `abort`, `undo`. */
export function runInput(settings: Settings, { rotators, ...given }: Given, answers: Answers = null): RunInput {
  const schema = schemaFor(settings);
  return {
    ...given,
    secret: settings.secret,
    environment: settings.environment,
    openStore: (context: Context) => openStore(settings, context),
    issuers: issuersWith({
      schema,
      rotators,
      alternate: settings.rotation?.alternate ?? null,
      answers,
      dryRun: given.dryRun,
    }),
    aws: settings.aws,
    ecs: null,
    recorder: (context) => fileRecorder(settings.localStore, context),
  };
}

/**
 * The input of `rotate`.
 * @param wish - `deploy`: the service to redeploy, null: none; `proof`: the one for which the injection is proved
 * @throws JamfMcpError USAGE where nothing that was wished for can be rotated
 */
export function rotateInput(
  settings: Settings,
  given: Given,
  {
    wish,
    deploy,
    proof,
    answers,
  }: { wish: Omit<Wish, 'schema'>; deploy: RunInput['ecs']; proof: RunInput['ecs']; answers: Answers },
): RotateInput {
  if (proof && settings.store !== 'aws') {
    throw new JamfMcpError(
      'USAGE',
      `--prove-injection is for the store aws, not ${settings.store}: ECS gives its tasks secrets of Secrets Manager alone`,
      'leave --prove-injection out',
    );
  }
  const auth0Mode = settings.rotation?.auth0Mode ?? null;
  const choice = chooseIssuer({ schema: schemaFor(settings), auth0Mode, ...wish });
  return { ...runInput(settings, given, answers), choice, ecs: deploy, proof };
}

/** Create the Jamf client that takes turns with the one in use, or put it right. */
export async function setUpFrom(
  settings: Settings,
  { rotators, dryRun }: { rotators: Rotators; dryRun: boolean },
  context: Context,
): Promise<SetUpAlternateResult> {
  const { setUpAlternate } = await import('./issuers/jamf-alternate.ts');
  const store = await openStore(settings, context);
  const { fields } = await store.read(settings.secret, { stage: AWSCURRENT });
  const names = settings.rotation?.alternate ?? null;
  return setUpAlternate({ fields, rotator: rotators.jamf, names, dryRun }, context);
}
