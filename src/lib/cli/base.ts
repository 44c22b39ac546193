/** What every command shares: flags, settings, output, confirmation, Ctrl-C. */
import type { Interfaces } from '@oclif/core';
import * as Flags from '@oclif/core/flags';
import type { EXIT } from '../errors.ts';
import type { Canvas } from '../format/canvas.ts';
import { terminalSafe } from '../format/escape.ts';
import { jsonText } from '../format/json.ts';
import { systemClock, type Context } from '../host.ts';
import { redact, redactDeep } from '../redact.ts';
import { STORE_KINDS } from '../secrets/store.ts';
import type { Settings } from '../config/settings.ts';
import { canvasOf } from './canvas.ts';
import { Command } from './command.ts';
import { gatherSettings } from './gather.ts';
import { onInterrupt } from './interrupt.ts';
import { withSelection } from './selection.ts';
import { promptOnTerminal, terminalHost, type TerminalHost } from './terminal.ts';

const GLOBAL = { helpGroup: 'GLOBAL' } as const;

/** Shared by every command that changes something. */
export const dryRunFlag = Flags.boolean({ summary: 'show the steps and change nothing', default: false });

/** Shared by every command that makes secrets. */
export const tagFlag = Flags.string({
  summary: 'tag for a new secret, beside those of jamf-mcp; may be repeated',
  helpValue: 'NAME=VALUE',
  multiple: true,
  multipleNonGreedy: true,
});

/** Shared by every command that looks at the fields of a secret. */
export const schemaFlag = Flags.string({
  summary: "schema of the secret's fields (default: the one of its tag, else that of the environment)",
  helpValue: 'NAME',
});

/** The global flags, parsed. */
export type GlobalFlags = Interfaces.InferredFlags<typeof BaseCommand.baseFlags>;

/** The base of every command. A command parses, makes one call into lib, and presents the typed result. */
export abstract class BaseCommand extends Command {
  /** Set by {@link BaseCommand.presentValues} and by nothing else. */
  #showsValues = false;

  static override baseFlags = {
    env: Flags.string({
      ...GLOBAL,
      char: 'e',
      summary: 'environment to work on (default: production)',
      helpValue: 'NAME',
      env: 'JAMF_MCP_ENV',
    }),
    store: Flags.option({
      ...GLOBAL,
      options: STORE_KINDS,
      summary: 'where the secret is kept (default: aws)',
      env: 'JAMF_MCP_STORE',
    })(),
    secret: Flags.string({
      ...GLOBAL,
      summary: 'name of the secret (default: jamf-mcp-server/<environment>)',
      helpValue: 'NAME',
      env: 'JAMF_MCP_SECRET',
    }),
    profile: Flags.string({ ...GLOBAL, summary: 'AWS profile (default: the ordinary AWS chain)', helpValue: 'NAME' }),
    region: Flags.string({ ...GLOBAL, summary: 'AWS Region (default: the ordinary AWS chain)', helpValue: 'REGION' }),
    json: Flags.boolean({ ...GLOBAL, summary: 'print the result as JSON, or an error as {"error": …}' }),
    quiet: Flags.boolean({
      ...GLOBAL,
      char: 'q',
      summary: 'print the result, warnings and errors only',
      env: 'JAMF_MCP_QUIET',
    }),
    debug: Flags.boolean({
      ...GLOBAL,
      char: 'd',
      summary: 'tell each call on stderr: operation, request id, time; never a body',
      env: 'JAMF_MCP_DEBUG',
    }),
    'no-input': Flags.boolean({
      ...GLOBAL,
      summary: 'never ask: what is missing is an error that names the flag',
      env: 'JAMF_MCP_NO_INPUT',
    }),
    yes: Flags.boolean({ ...GLOBAL, char: 'y', summary: 'answer yes to confirmations' }),
    confirm: Flags.string({
      ...GLOBAL,
      summary: 'confirm a dangerous change by the name of the secret',
      helpValue: 'NAME',
      env: 'JAMF_MCP_CONFIRM',
    }),
  };

  #host: TerminalHost | undefined;

  /** Settings and context of this invocation. */
  protected async begin(
    flags: GlobalFlags & { schema?: string | undefined },
  ): Promise<{ settings: Settings; context: Context }> {
    const settings = await gatherSettings(flags);
    const wrap = process.stderr.isTTY ? (await import('wrap-ansi')).default : undefined;
    this.#host = terminalHost(
      { quiet: flags.quiet, debug: flags.debug, input: !flags['no-input'], yes: flags.yes, confirm: flags.confirm },
      { stream: process.stderr, canvas: await canvasOf(process.stderr), prompt: promptOnTerminal, wrap },
    );
    return { settings, context: { host: this.#host, clock: systemClock, ...onInterrupt() } };
  }

  /** As {@link begin}, for a command about one secret: `target` is what its core function is told of it. */
  protected async beginSecret(flags: GlobalFlags & { schema?: string | undefined; reason?: string | undefined }) {
    const { settings: gathered, context } = await this.begin(flags);
    // Who reads for a reason has it told to AWS, too.
    const settings = flags.reason === undefined ? gathered : { ...gathered, reason: flags.reason };
    const { openTagged } = await import('../secrets/open.ts');
    const { secret, environment } = settings;
    return { settings, context, target: { store: await openTagged(settings, context), secret, environment } };
  }

  /**
   * Print the result as text, unless `--json` prints it.
   * @param result - the command's typed result
   * @param draw - makes the text, without a newline at its end
   * @returns the result, for `run()` to return
   */
  protected async present<Result>(result: Result, draw: (result: Result, canvas: Canvas) => string): Promise<Result> {
    this.settle();
    if (this.jsonEnabled()) return result;
    const text = draw(result, await canvasOf(process.stdout));
    process.stdout.write(`${redact(withSelection(text))}\n`);
    return result;
  }

  /**
   * Print a result that holds secret values, as they are: the one road around redaction, for `secrets reveal` and
   * `secrets export` alone. Standard output gets them to the byte; a terminal gets no control characters.
   * @param result - for `--json`
   * @param text - what is printed otherwise
   */
  protected presentValues<Result>(result: Result, text: string): Result {
    this.#showsValues = true;
    this.settle();
    if (!this.jsonEnabled()) {
      const { stdout } = process;
      stdout.write(stdout.isTTY ? `${text.trimEnd().split('\n').map(terminalSafe).join('\n')}\n` : text);
    }
    return result;
  }

  /** Set the exit code of a run that went well and yet found something. */
  protected exitWith(code: (typeof EXIT)[keyof typeof EXIT]): void {
    process.exitCode = code;
  }

  protected override settle(): void {
    this.#host?.settle();
  }

  protected override logJson(json: unknown): void {
    process.stdout.write(`${jsonText(this.#showsValues ? json : redactDeep(json))}\n`);
  }
}
