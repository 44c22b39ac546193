import type { ChalkInstance } from 'chalk';
import type { Canvas } from '../format/canvas.ts';

/** Columns of a text that goes to a file or a pipe. */
const PIPE_WIDTH = 120;

/** Draws no colours, whichever is asked for. */
const PLAIN = new Proxy((text: string) => text, { get: (_target, _name, self) => self as unknown }) as ChalkInstance;

/**
 * The canvas of a stream.
 * @param stream - stdout or stderr: each is looked at by itself
 * @returns colours by NO_COLOR (https://no-color.org), TERM and the stream; the terminal's width, or 120 columns
 */
export async function canvasOf(stream: NodeJS.WriteStream): Promise<Canvas> {
  const { env } = process;
  // What is no terminal gets colours only where it is told to, or in Azure Pipelines: finding that out takes 3 ms.
  const coloured = stream.isTTY || env.FORCE_COLOR !== undefined || env.TF_BUILD !== undefined;
  const ink = coloured && !env.NO_COLOR ? await colours(stream) : PLAIN;
  return { ink, width: (stream.isTTY && stream.columns) || PIPE_WIDTH };
}

async function colours(stream: NodeJS.WriteStream): Promise<ChalkInstance> {
  const { Chalk, supportsColor, supportsColorStderr } = await import('chalk');
  const support = stream === process.stderr ? supportsColorStderr : supportsColor;
  return new Chalk({ level: support ? support.level : 0 });
}
