/**
 * The commands that a text tells to run next, made whole. The core writes them in backticks and without what was
 * chosen for this run: it knows no flags. Here they get it, so that what is pasted works on the same secret.
 */
import { quoted } from './shell-words.ts';

/** The flags that choose what a command works on, their short forms, and the variables that stand for them. */
const SELECTION: readonly { flag: string; short?: string; variable?: string }[] = [
  { flag: '--env', short: '-e', variable: 'JAMF_MCP_ENV' },
  { flag: '--store', variable: 'JAMF_MCP_STORE' },
  { flag: '--secret', variable: 'JAMF_MCP_SECRET' },
  { flag: '--profile' },
  { flag: '--region' },
];

/** The commands that `--region all` means something to; others work in one Region. */
const EVERYWHERE = /^\S+ audit\b(?! (?:verify|baseline (?:allow|show))\b)/;

/** What one run was told to work on. */
export interface Selection {
  /** What was typed, up to `--`. */
  argv: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
}

const ours = (): Selection => {
  const argv = process.argv.slice(2);
  const rest = argv.indexOf('--');
  return { argv: rest < 0 ? argv : argv.slice(0, rest), env: process.env };
};

/**
 * Add to each command in backticks the selection of this run, where it names none of its own.
 * @param text - such as "take it back with `jamf-mcp secrets restore`"
 * @returns such as "take it back with `jamf-mcp secrets restore --env staging --store local`"
 */
export function withSelection(text: string, selection: Selection = ours()): string {
  return text.replace(/`(jamf-mcp (?!sandbox|help\b|-)[^`\n]+)`/g, (whole, command: string) => {
    const [own = '', ...child] = command.split(/( -- .*)/s);
    const words = own.split(' ');
    if (words.includes('--help')) return whole;
    const missing = SELECTION.flatMap(({ flag, short, variable }) => {
      const named = words.some((word) => word === flag || word === short || word.startsWith(`${flag}=`));
      const values = [...new Set(typed(selection.argv, flag, short))];
      const value = values[0] ?? (variable && selection.env[variable]);
      // Several environments were worked on: which of them is meant only the text itself can say.
      if (named || values.length > 1 || !value) return [];
      return flag === '--region' && value === 'all' && !EVERYWHERE.test(own) ? [] : [flag, quoted(value)];
    });
    return `\`${[own, ...missing].join(' ')}${child.join('')}\``;
  });
}

/** The values that a flag was given. */
function typed(argv: readonly string[], flag: string, short: string | undefined): string[] {
  return argv.flatMap((word, at) => {
    if (word === flag || word === short) return argv.slice(at + 1, at + 2);
    if (word.startsWith(`${flag}=`)) return [word.slice(flag.length + 1)];
    return short && word.startsWith(short) && !word.startsWith('--')
      ? [word.slice(short.length).replace(/^=/, '')]
      : [];
  });
}
