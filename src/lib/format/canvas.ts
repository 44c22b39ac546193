import type { ChalkInstance } from 'chalk';

/** What a draw function draws on. */
export interface Canvas {
  /** Colours; prints none where the stream takes none. */
  ink: ChalkInstance;
  /** Columns. */
  width: number;
}
