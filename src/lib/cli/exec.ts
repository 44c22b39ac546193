/** The face of `secrets exec`: from flags to a child that runs. */
import { constants } from 'node:os';
import type { Settings } from '../config/settings.ts';
import { JamfMcpError } from '../errors.ts';
import type { Context } from '../host.ts';
import { maskStream, unmaskable } from '../secrets/exec-mask.ts';
import { superviseChild, type OnChange, type RunningChild } from '../secrets/exec-watch.ts';
import { prepareChild, type EnvironmentOptions, type PreparedChild } from '../secrets/exec.ts';
import { openTagged } from '../secrets/open.ts';
import { startChild } from './child.ts';
import { durationMs } from './duration.ts';
import { takeSignals, type TakenSignals } from './signals.ts';

/** The flags of `secrets exec`. */
export interface ExecFlags {
  stage: string;
  only: string[] | undefined;
  prefix: string | undefined;
  map: string[] | undefined;
  'database-url': boolean;
  pristine: boolean;
  mask: boolean;
  watch: boolean;
  interval: string | undefined;
  'on-change': string | undefined;
  'stop-within': string | undefined;
}

/**
 * Read the secret, then run the command with it.
 * @param command - program and arguments
 * @returns the exit code of the child, or 128 + n where signal n ended it
 * @throws JamfMcpError INPUT_MISSING or INPUT_INVALID for a command line that is wrong, which is told before the secret is read;
 *   then what reading it, composing the environment and starting the child throw
 */
export async function execWithSecret(
  command: readonly string[],
  flags: ExecFlags,
  settings: Settings,
  context: Context,
): Promise<number> {
  if (command.length === 0) {
    throw new JamfMcpError('INPUT_MISSING', 'no command to run', 'put it after --: `jamf-mcp secrets exec -- CMD …`');
  }
  const options: EnvironmentOptions = {
    only: flags.only,
    prefix: flags.prefix,
    map: mapOf(flags.map ?? []),
    databaseUrl: flags['database-url'],
    pristine: flags.pristine,
  };
  const onChange = onChangeOf(flags['on-change'] ?? 'restart');
  const times = {
    intervalMs: durationMs(flags.interval ?? '30s', '--interval'),
    stopWithinMs: durationMs(flags['stop-within'] ?? '10s', '--stop-within'),
  };
  const { secret } = settings;
  const { stage } = flags;
  const store = await openTagged(settings, context);
  const prepare = () => prepareChild({ store, secret, stage, options, outer: process.env }, context);

  let signals: TakenSignals | null = null;
  const start = (prepared: PreparedChild): RunningChild => {
    // What came while the secret was read asked for no start at all; from here on signals are the child's.
    context.signal.throwIfAborted();
    signals ??= takeSignals();
    if (flags.mask) warnOfShort(prepared, context);
    const mask = flags.mask ? () => maskStream(prepared.secrets) : undefined;
    const child = startChild(command, { env: prepared.env, mask });
    signals.handTo(child);
    return child;
  };
  const askedToEnd = () => signals?.asked() ?? 0;
  try {
    if (!flags.watch) return await start(await prepare()).ended;
    return await superviseChild({ store, secret, stage, onChange, ...times, prepare, start, askedToEnd }, context);
  } finally {
    (signals as TakenSignals | null)?.release();
  }
}

function warnOfShort({ secrets }: PreparedChild, context: Context): void {
  const short = unmaskable(secrets);
  if (short === 0) return;
  const text = `${String(short)} secret ${short === 1 ? 'value is' : 'values are'} shorter than 6 characters and not masked`;
  context.host.notify({ kind: 'warning', text });
}

/** `NAME=FIELD` words as a table from names of variables to fields. */
function mapOf(words: readonly string[]): Record<string, string> {
  const pairs = words.map((word): [string, string] => {
    const [, name = '', field = ''] = /^([^=]+)=(.+)$/.exec(word) ?? [];
    if (name !== '') return [name, field];
    throw new JamfMcpError(
      'INPUT_INVALID',
      '--map takes NAME=FIELD',
      'such as --map PGPASSWORD=password: both are names, never values',
    );
  });
  const twice = pairs.find(([name], index) => pairs.findIndex(([other]) => other === name) < index);
  if (!twice) return Object.fromEntries(pairs);
  throw new JamfMcpError('INPUT_INVALID', `--map gives ${twice[0]} twice`, 'give each variable one field');
}

function onChangeOf(text: string): OnChange {
  if (text === 'restart') return { kind: 'restart' };
  const [, name = ''] = /^signal:(?:SIG)?([A-Z\d]+)$/i.exec(text) ?? [];
  const signal = `SIG${name.toUpperCase()}`;
  if (signal in constants.signals) return { kind: 'signal', signal };
  throw new JamfMcpError(
    'INPUT_INVALID',
    '--on-change takes restart, or signal: and the name of a signal',
    'such as --on-change signal:SIGHUP',
  );
}
