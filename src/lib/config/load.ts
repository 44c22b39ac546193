/**
 * Reads `jamf-mcp.yaml` and says with file, line and column what is wrong in it. Loaded only where there is such a
 * file: YAML and validation are most of what a start would cost.
 */
import { isMap, isNode, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { JamfMcpError, messageOf } from '../errors.ts';
import { redact } from '../redact.ts';
import { configSchema, type Config } from './schema.ts';

/**
 * Parse and validate a configuration text.
 * @param text - YAML
 * @param file - its path, for errors
 * @returns the configuration; an empty file is an empty configuration
 * @throws JamfMcpError CONFIG_INVALID with `file:line:column` of the first thing that is wrong
 */
export function parseConfig(text: string, file: string): Config {
  return parseYaml(text, file, configSchema, 'docs/jamf-mcp.schema.json lists every key');
}

/**
 * Parse and validate any YAML text of ours.
 * @param schema - what it has to be; an empty text is an empty mapping
 * @param help - where to look how it has to be
 * @throws JamfMcpError as {@link parseConfig}
 */
export function parseYaml<T>(text: string, file: string, schema: z.ZodType<T>, help: string): T {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const invalid = (offset: number, what: string) => {
    const { line, col } = lines.linePos(offset);
    return new JamfMcpError(
      'CONFIG_INVALID',
      `${file}:${String(line)}:${String(col)}: ${redact(what)}`,
      `correct the file; ${help}`,
    );
  };
  const broken = document.errors[0];
  if (broken) throw invalid(broken.pos[0], uncapitalized(broken.message));

  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (error) {
    throw invalid(0, uncapitalized(messageOf(error)));
  }
  const parsed = schema.safeParse(content);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = (issue?.path ?? []).map(String);
  // What is missing has no place of its own: then it is missing in what is around it.
  const nearest = path.map((_, depth) => document.getIn(path.slice(0, path.length - depth), true)).find(isNode);
  const at = path.length === 0 ? document.contents : nearest;
  const start = (node: unknown) => (isNode(node) ? (node.range?.[0] ?? 0) : 0);
  if (issue?.code === 'unrecognized_keys') {
    const [unknown = ''] = issue.keys;
    const pair = isMap(at) ? at.items.find(({ key }) => String(key) === unknown) : undefined;
    throw invalid(start(pair?.key), `unknown key ${[...path, unknown].join('.')}`);
  }
  throw invalid(start(at), `${path.join('.') || 'the file'}: ${uncapitalized(issue?.message ?? 'invalid')}`);
}

/** Names in it, such as VPC, stay as they are. */
const uncapitalized = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
