import type { Canvas } from '../format/canvas.ts';

/** Columns of a text that goes to a file or a pipe. */
const PIPE_WIDTH = 120;

/**
 * The canvas of a stream.
 * @param stream - stdout or stderr: each is looked at by itself
 * @returns colours by NO_COLOR (https://no-color.org), TERM and the stream; the terminal's width, or 120 columns
 */
export async function canvasOf(stream: NodeJS.WriteStream): Promise<Canvas> {
  const { Chalk, supportsColor, supportsColorStderr } = await import('chalk');
  const support = stream === process.stderr ? supportsColorStderr : supportsColor;
  const level = process.env.NO_COLOR || !support ? 0 : support.level;
  return { ink: new Chalk({ level }), width: (stream.isTTY && stream.columns) || PIPE_WIDTH };
}
