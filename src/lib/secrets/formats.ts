/** Texts that fields are imported from. */
import { JamfMcpError, messageOf } from '../errors.ts';
import { normalText, parseDotenv } from './dotenv.ts';

/** The formats that can be imported. */
export const IMPORT_FORMATS = ['dotenv', 'json', 'yaml', 'toml'] as const;

/** One of {@link IMPORT_FORMATS}. */
export type ImportFormat = (typeof IMPORT_FORMATS)[number];

/** One name and value of a text. */
export interface Entry {
  /** As the text has it; names inside names are joined by `_`. */
  name: string;
  value: string;
  /** `file:line`, or the file where the line is not known. */
  where: string;
}

/**
 * The format of a file: by its name, or for stdin and other names by how it begins.
 * @param file - path, or `stdin`
 */
export function formatOf(file: string, text: string): ImportFormat {
  const extension = /\.(json|yaml|yml|toml)$/i.exec(file)?.[1]?.toLowerCase();
  if (extension === 'yml') return 'yaml';
  return IMPORT_FORMATS.find((format) => format === extension) ?? (/^\s*\{/.test(normalText(text)) ? 'json' : 'dotenv');
}

/**
 * Read names and values.
 * @param file - what the text is called in an error
 * @returns entries in the order of the text, numbers with the digits they were written with
 * @throws JamfMcpError INPUT_INVALID with `file:line` where the format tells it, and never with a value
 */
export async function readEntries(text: string, file: string, format: ImportFormat): Promise<Entry[]> {
  const entries = await READERS[format](normalText(text), file);
  const seen = new Set<string>();
  for (const { name, where } of entries) {
    if (name === '__proto__')
      throw invalid(where, 'has a field called __proto__, which programs take for something else');
    if (!/^[A-Za-z_][\w.-]*$/.test(name)) throw invalid(where, 'has a name that is not letters, digits, _, - and .');
    if (seen.has(name)) throw invalid(where, `gives ${name} a second time`);
    seen.add(name);
  }
  return entries;
}

const READERS: Record<ImportFormat, (text: string, file: string) => Promise<Entry[]>> = {
  dotenv: (text, file) =>
    Promise.resolve(
      parseDotenv(text, file).flatMap(({ name, value, line }) =>
        name === null ? [] : [{ name, value, where: `${file}:${String(line)}` }],
      ),
    ),

  async json(text, file) {
    try {
      JSON.parse(text);
    } catch (error) {
      // Only the place is taken from the message: V8 quotes the text around it.
      const line = /\(line (\d+)/.exec(messageOf(error))?.[1];
      throw invalid(line ? `${file}:${line}` : file, 'is not JSON');
    }
    return (await import('./yaml.ts')).readYaml(text, file);
  },

  yaml: async (text, file) => (await import('./yaml.ts')).readYaml(text, file),

  async toml(text, file) {
    const { parse, TomlError } = await import('smol-toml');
    let table: unknown;
    try {
      table = parse(text, { integersAsBigInt: true });
    } catch (error) {
      throw invalid(error instanceof TomlError ? `${file}:${String(error.line)}` : file, 'is not TOML');
    }
    let offset = 0;
    return flatten(table, []).map(({ path, value }) => {
      const name = path.join('_');
      // The parser tells no lines: fields come in the order of the text, so each is looked for behind the last.
      const key = new RegExp(`(?:^|[{,.])[ \\t]*["']?${(path.at(-1) ?? '').replace(/\W/g, '\\$&')}["']?\\s*=`, 'gm');
      key.lastIndex = offset;
      if (key.test(text)) offset = key.lastIndex;
      const where = `${file}:${String(text.slice(0, offset).split('\n').length)}`;
      if (typeof value === 'string') return { name, value, where };
      if (typeof value === 'boolean' || typeof value === 'bigint') return { name, value: String(value), where };
      throw invalid(where, `has a field that is neither a text, a whole number, true nor false: ${name} (quote it)`);
    });
  },
};

/** The leaves of nested tables. */
function flatten(value: unknown, path: readonly string[]): { path: readonly string[]; value: unknown }[] {
  const plain = value !== null && typeof value === 'object' && !Array.isArray(value) && !(value instanceof Date);
  if (!plain) return [{ path, value }];
  return Object.entries(value).flatMap(([name, inner]) => flatten(inner, [...path, name]));
}

/** The error for a text that cannot be imported; never with a value. */
export const invalid = (where: string, what: string) =>
  new JamfMcpError(
    'INPUT_INVALID',
    `${where} ${what}`,
    'each name takes one text, number, true or false; say --format if it is of another kind',
  );
