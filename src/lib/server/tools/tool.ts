/** What a tool of the MCP server is, whatever SDK carries it. */
import type { z } from 'zod';
import { JamfMcpError, messageOf } from '../../errors.ts';
import type { Context } from '../../host.ts';
import type { FindComputers } from '../../jamf/computers.ts';
import { redact, redactDeep } from '../../redact.ts';
import type { SecretStore } from '../../secrets/store.ts';
import { visible } from '../text.ts';

/** What the tools work on. Nothing in it touches the network before it is called. */
export interface ToolDeps {
  findComputers: FindComputers;
  /** Opens the store on first use. */
  store: () => Promise<SecretStore>;
  /** Name of the one secret that this server is about. */
  secret: string;
}

/** A tool: its definition, as clients see it, and its work. */
export interface Tool<Input extends z.ZodObject = z.ZodObject, Output extends z.ZodObject = z.ZodObject> {
  /** `snake_case`. */
  name: string;
  title: string;
  /** For the model: when to use it, what comes back, what to beware of. */
  description: string;
  input: Input;
  output: Output;
  /** Hints as the MCP specification names them (server/tools, ToolAnnotations). */
  annotations: { readOnlyHint: boolean; destructiveHint: boolean; idempotentHint: boolean; openWorldHint: boolean };
  /**
   * Do the work.
   * @throws JamfMcpError, which becomes a result with `isError`
   */
  run(input: z.output<Input>, deps: ToolDeps, context: Context): Promise<z.output<Output>>;
}

/** Hints of a tool that reads from a remote system and changes nothing. */
export const READ_ONLY = { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true };

/** The result of a call, in the shape of the MCP specification (CallToolResult). */
export interface ToolResult {
  [key: string]: unknown;
  content: { type: 'text'; text: string }[];
  structuredContent?: Record<string, unknown>;
  isError?: boolean;
  _meta?: Record<string, unknown>;
}

/** Key in `_meta` under which an error's stable code stands. */
const ERROR_CODE = 'jamf-mcp/errorCode';

/** Longest line of an error text: AWS's messages with two ARNs in them fit. */
const LONGEST_ERROR = 2_000;

/**
 * Run a tool: a failure of any kind is a result that says what happened and what to do next, without secret values.
 * @param tool - the tool
 * @param input - validated input
 * @returns the output as structure and as text, or the error's two lines
 */
export async function callTool(
  tool: Tool,
  input: Record<string, unknown>,
  deps: ToolDeps,
  context: Context,
): Promise<ToolResult> {
  const started = context.clock.now();
  const tell = (outcome: string) => {
    context.host.notify({
      kind: 'debug',
      text: `tool ${tool.name}: ${outcome}, ${String(context.clock.now() - started)} ms`,
    });
  };
  try {
    const output = redactDeep(await tool.run(input, deps, context)) as Record<string, unknown>;
    tell('ok');
    return { content: [{ type: 'text', text: JSON.stringify(output) }], structuredContent: output };
  } catch (error) {
    const known = error instanceof JamfMcpError ? error : unexpected(error);
    tell(known.code);
    const lines = [known.message, known.hint].filter((line) => line !== null);
    const text = lines.map((line) => visible(redact(line), LONGEST_ERROR)).join('\n');
    return { content: [{ type: 'text', text }], isError: true, _meta: { [ERROR_CODE]: known.code } };
  }
}

function unexpected(error: unknown): JamfMcpError {
  return new JamfMcpError(
    'BUG',
    `unexpected error: ${messageOf(error)}`,
    'this is a fault of jamf-mcp: please report it',
    {
      cause: error,
    },
  );
}
