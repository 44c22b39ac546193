/** What the commands on a rotation are given, from the settings of an invocation. */
import type { Settings } from '../config/settings.ts';
import type { Context } from '../host.ts';
import { openStore } from '../secrets/open.ts';
import { schemaFor } from '../secrets/schema.ts';
import type { Fields } from '../secrets/store.ts';
import { chooseIssuer, issuersWith, type Wish } from './issuers/index.ts';
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
 * @param deploy - the service to redeploy; null: none
 * @throws JamfMcpError USAGE where nothing that was wished for can be rotated
 */
export function rotateInput(
  settings: Settings,
  given: Given,
  { wish, deploy, answers }: { wish: Omit<Wish, 'schema'>; deploy: RunInput['ecs']; answers: Answers },
): RotateInput {
  const choice = chooseIssuer({ schema: schemaFor(settings), ...wish });
  return { ...runInput(settings, given, answers), choice, ecs: deploy };
}
