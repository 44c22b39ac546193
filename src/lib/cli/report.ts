/** Turns anything thrown into two lines, or into the JSON form, and an exit code. */
import { EXIT, isInterruption, JamfMcpError, messageOf } from '../errors.ts';
import { fileError } from '../file-errors.ts';
import { terminalSafe } from '../format/escape.ts';
import { jsonText } from '../format/json.ts';
import { nearest } from '../format/nearest.ts';
import { redact, redactDeep } from '../redact.ts';
import { withSelection } from './selection.ts';

/**
 * Make anything thrown one of our errors.
 * @param error - ours, oclif's, an interruption, or a bug
 * @param context - `commands`: ids that exist, for "did you mean"; `command`: the words the user typed
 * @returns an error with code, hint and exit code
 */
export function asJamfMcpError(
  error: unknown,
  context: { commands: readonly string[]; command: string },
): JamfMcpError {
  if (error instanceof JamfMcpError) return error;
  if (isInterruption(error)) return new JamfMcpError('INTERRUPTED', 'interrupted', null, { cause: error });
  const missing = /^command (.+) not found$/.exec(messageOf(error));
  if (missing?.[1] !== undefined) {
    // oclif takes an argument too many of a command for a command of that name.
    if (context.command !== '')
      return new JamfMcpError('USAGE', UNEXPECTED, helpHint(context.command), { cause: error });
    return unknownCommand(missing[1].replaceAll(':', ' '), context.commands);
  }
  if (isUsageError(error)) {
    const hint = meantVerb(error, context) ?? helpHint(context.command);
    return new JamfMcpError('USAGE', usageText(error), hint, { cause: error });
  }
  const refused = fileError(error);
  if (refused) return refused;
  return new JamfMcpError(
    'BUG',
    `unexpected error: ${redact(messageOf(error))}`,
    'this is a fault of jamf-mcp: repeat with --debug and report what it prints',
    { cause: error },
  );
}

/**
 * The two lines for people.
 * @param error - what {@link asJamfMcpError} gave
 * @param ink - colours of stderr
 */
export function errorText(error: JamfMcpError, ink: { red(text: string): string; dim(text: string): string }): string {
  const line = (text: string) => terminalSafe(redact(withSelection(text)).replace(/\s*\n\s*/g, ' '));
  const first = `${ink.red('jamf-mcp:')} ${line(error.message)}`;
  return error.hint === null ? first : `${first}\n${ink.dim('  next:')} ${line(error.hint)}`;
}

/** The JSON text, redacted. */
export function errorJson(error: JamfMcpError): string {
  const { error: told } = error.toJSON();
  const hint = told.hint === null ? null : withSelection(told.hint);
  return jsonText(redactDeep({ error: { ...told, message: withSelection(told.message), hint } }));
}

interface OclifError extends Error {
  oclif: { exit?: number };
}

/** oclif marks what a user typed wrongly with exit code 2. */
function isUsageError(error: unknown): error is OclifError {
  return error instanceof Error && 'oclif' in error && (error as OclifError).oclif.exit === EXIT.usage;
}

const UNEXPECTED = 'unexpected argument (not repeated here: values never belong on the command line)';

const helpHint = (command: string) => `see \`jamf-mcp ${command ? `${command} ` : ''}--help\``;

/**
 * oclif's own texts repeat what was typed, and what was typed may be a secret in the wrong place: each of its errors
 * gets a text that holds names of flags only.
 */
const USAGE: Readonly<Record<string, (error: Error) => string>> = {
  NonExistentFlagsError: (error) => `unknown flag ${flagNames(error.message)}`.trimEnd(),
  UnexpectedArgsError: () => UNEXPECTED,
  FlagInvalidOptionError: (error) => error.message.replace(/=.*? to be one of/s, ' to be one of'),
};

function usageText(error: Error): string {
  const [first = ''] = (USAGE[error.constructor.name]?.(error) ?? withoutValues(error.message)).split('\n\n');
  const text = first
    .replace(/\nSee more help with --help$/, '')
    .replace(/\s*\n\s*/g, ' ')
    .replace(/^The following errors? occurred: /i, '')
    .replace(/^Parsing (--[\w-]+) Expected/, '$1: expected')
    .trim();
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** The command that was probably meant, where the first argument too many is nearly one of the verbs below the command. */
function meantVerb(error: object, { command, commands }: { command: string; commands: readonly string[] }) {
  const [typed] = 'args' in error && Array.isArray(error.args) ? (error.args as unknown[]) : [];
  if (typeof typed !== 'string') return null;
  const names = commands.map((id) => id.replaceAll(':', ' ')).filter((name) => name.startsWith(`${command} `));
  const [near] = nearest(
    typed,
    names.map((name) => name.slice(command.length + 1)),
    1,
  );
  return near === undefined ? null : `did you mean \`jamf-mcp ${command} ${near}\`?`;
}

const flagNames = (text: string) =>
  [...text.matchAll(/(?:^|\s)(--?[a-z][\w-]*)/gi)]
    .map(([, name]) => name)
    .filter((name) => name !== '--help')
    .join(', ');

const withoutValues = (text: string) => text.replace(/(--[\w-]+)=\S+/g, '$1').replace(/but received: .*/s, '');

function unknownCommand(typed: string, commands: readonly string[]): JamfMcpError {
  const names = commands.map((id) => id.replaceAll(':', ' '));
  if (typed.startsWith('-')) {
    const hint = 'the command comes before its flags; see `jamf-mcp --help` for those there are';
    return new JamfMcpError('USAGE', 'no command was given', hint);
  }
  const [near] = nearest(typed, names, 1);
  return new JamfMcpError(
    'USAGE',
    `unknown command${near ? ` ${typed}` : ''}`,
    near ? `did you mean \`jamf-mcp ${near}\`?` : 'see `jamf-mcp --help` for the commands there are',
  );
}
