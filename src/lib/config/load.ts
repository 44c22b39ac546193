/** Reads `jamf-mcp.yaml` and says with file, line and column what is wrong in it. */
import { JamfMcpError, messageOf } from '../errors.ts';
import { redact } from '../redact.ts';
import type { Config } from './schema.ts';

/**
 * Parse and validate a configuration text.
 * @param text - YAML
 * @param file - its path, for errors
 * @returns the configuration; an empty file is an empty configuration
 * @throws JamfMcpError CONFIG_INVALID with `file:line:column` of the first thing that is wrong
 */
export async function parseConfig(text: string, file: string): Promise<Config> {
  const { isNode, LineCounter, parseDocument } = await import('yaml');
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const invalid = (offset: number, what: string) => {
    const { line, col } = lines.linePos(offset);
    return new JamfMcpError(
      'CONFIG_INVALID',
      `${file}:${String(line)}:${String(col)}: ${redact(what)}`,
      'correct the file; docs/jamf-mcp.schema.json lists every key',
    );
  };
  const broken = document.errors[0];
  if (broken) throw invalid(broken.pos[0], broken.message.toLowerCase());

  const { configSchema } = await import('./schema.ts');
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (error) {
    throw invalid(0, messageOf(error).toLowerCase());
  }
  const parsed = configSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = (issue?.path ?? []).map(String);
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const where = unknown === undefined ? path : [...path, unknown];
  const what =
    unknown === undefined
      ? `${where.join('.') || 'the file'}: ${(issue?.message ?? 'invalid').toLowerCase()}`
      : `unknown key ${where.join('.')}`;
  const node: unknown = where.length > 0 ? document.getIn(where, true) : document.contents;
  throw invalid(isNode(node) ? (node.range?.[0] ?? 0) : 0, what);
}
