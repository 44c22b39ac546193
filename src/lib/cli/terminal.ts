/** The host of the command line: steps, progress and warnings on stderr, questions on the terminal itself. */
import { JamfMcpError } from '../errors.ts';
import type { Canvas } from '../format/canvas.ts';
import { terminalSafe } from '../format/escape.ts';
import type { Answer, Host, HostEvent, Question } from '../host.ts';
import { redact, Secret } from '../redact.ts';
import { withSelection } from './selection.ts';

/** How the flags want the host to behave. */
export interface TerminalOptions {
  quiet: boolean;
  debug: boolean;
  input: boolean;
  yes: boolean;
  confirm: string | undefined;
}

/** What opens the terminal for a question; a test hands in its own. */
export type Prompter = <Q extends Question>(question: Q) => Promise<Answer<Q>>;

/** What {@link terminalHost} draws on. */
export interface TerminalFace {
  stream: NodeJS.WriteStream;
  canvas: Canvas;
  prompt: Prompter;
  /** Breaks a line between words; without it lines are left whole. Only a terminal has need of it. */
  wrap?: ((text: string, columns: number) => string) | undefined;
}

/** A host that may have an unfinished line on the terminal. */
export interface TerminalHost extends Host {
  /** Clear that line, so that something else can be written. */
  settle(): void;
}

/**
 * A host that draws on stderr and prompts on the terminal.
 * @param options - from the flags
 * @param face - where to draw and how to ask
 */
export function terminalHost(options: TerminalOptions, face: TerminalFace): TerminalHost {
  const { stream, canvas } = face;
  const { ink } = canvas;
  const live = stream.isTTY && !options.quiet && !options.debug && process.env.TERM !== 'dumb';
  let lastProgress = '';

  const clear = () => {
    if (live) stream.write('\r\u001b[K');
  };
  const line = (text: string) => {
    clear();
    // A pipe gets whole lines; a terminal would break them anywhere.
    stream.write(`${stream.isTTY ? (face.wrap?.(text, canvas.width) ?? text) : text}\n`);
  };
  const transient = (text: string) => {
    // One column is left free: a full line would wrap and could not be cleared.
    if (live) stream.write(`\r\u001b[K${ink.dim(text.slice(0, canvas.width - 1))}`);
  };

  const marks = { done: ink.green('✓'), skipped: ink.dim('-'), failed: ink.red('✗') };
  const draw: { [K in HostEvent['kind']]: (event: Extract<HostEvent, { kind: K }>) => void } = {
    step: (event) => {
      if (event.state === 'started') {
        transient(`… ${event.name}: ${clean(event.text)}`);
        return;
      }
      const took = event.durationMs === undefined ? '' : ink.dim(` (${duration(event.durationMs)})`);
      line(`${marks[event.state]} ${event.name}: ${clean(event.text)}${took}`);
    },
    progress: (event) => {
      if (live) transient(`… ${clean(event.text)}`);
      else if (event.text !== lastProgress) line(`  ${clean(event.text)}`);
      lastProgress = event.text;
    },
    warning: (event) => {
      line(`${ink.yellow('warning:')} ${clean(event.text)}`);
    },
    detail: (event) => {
      clear();
      // As it is: what it is indented by, and where it breaks, is part of it.
      stream.write(`  ${clean(event.text)}\n`);
    },
    debug: (event) => {
      line(ink.dim(`debug: ${clean(event.text)}`));
    },
    target: (event) => {
      const parts = [event.store, event.account, event.region, event.principal].filter((part) => part !== null);
      line(ink.dim(`target: ${clean(parts.join(' · '))}`));
    },
  };

  return {
    settle: clear,
    notify(event) {
      if (event.kind === 'debug' ? !options.debug : options.quiet && event.kind !== 'warning') return;
      (draw[event.kind] as (event: HostEvent) => void)(event);
    },
    async ask<Q extends Question>(question: Q): Promise<Answer<Q>> {
      clear();
      if (question.kind === 'confirm' && options.yes) return true as Answer<Q>;
      const named = 'name' in question && options.confirm !== undefined && options.confirm === question.name;
      if (named) return true as Answer<Q>;
      if (question.kind === 'confirm-name' && options.confirm !== undefined) {
        throw new JamfMcpError(
          'CONFIRMATION_REQUIRED',
          `--confirm does not name what would change: ${clean(question.name)}`,
          `if it is meant, pass --confirm ${clean(question.name)}`,
        );
      }
      if (!options.input) throw unanswered(question);
      return face.prompt(question);
    },
  };
}

const clean = (text: string) => terminalSafe(redact(withSelection(text)));

/** `12 ms`, `3.4 s`, `2 min 5 s`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${String(Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${String(Math.floor(ms / 60_000))} min ${String(Math.round((ms % 60_000) / 1000))} s`;
}

/** The error for a question that nobody is there to answer: it names the flag that answers it. */
export function unanswered(question: Question): JamfMcpError {
  const text = clean(question.text);
  if (question.kind === 'confirm') {
    return new JamfMcpError(
      'CONFIRMATION_REQUIRED',
      `needs a confirmation: ${text}`,
      'no terminal to ask on: pass --yes',
    );
  }
  if (question.kind === 'confirm-name') {
    return new JamfMcpError(
      'CONFIRMATION_REQUIRED',
      `needs a confirmation: ${text}`,
      `no terminal to ask on: pass --confirm ${clean(question.name)}`,
    );
  }
  return new JamfMcpError(
    'INPUT_MISSING',
    `missing input: ${text.replace(/:$/, '')}`,
    `no terminal to ask on: pass ${question.flag}`,
  );
}

/**
 * Ask on the controlling terminal, so that stdin and stdout stay free for data.
 * @throws JamfMcpError as {@link unanswered} where there is no terminal; INTERRUPTED on Ctrl-C
 */
export const promptOnTerminal: Prompter = async <Q extends Question>(question: Q): Promise<Answer<Q>> => {
  for (let fault: string | null = null; ;) {
    const answer: Answer<Q> = await promptOnce(question, fault);
    if (question.kind !== 'secret' || !(answer instanceof Secret)) return answer;
    // Asked anew, empty: what nobody sees, nobody can correct.
    const verdict: true | string = question.check?.(answer.reveal()) ?? true;
    if (verdict === true) return answer;
    fault = verdict;
  }
};

/** One question, once; `fault`: what was wrong with the answer before. */
async function promptOnce<Q extends Question>(question: Q, fault: string | null): Promise<Answer<Q>> {
  const terminal = await openTerminal();
  if (!terminal) throw unanswered(question);
  let goOn: () => void = () => undefined;
  try {
    if (fault !== null) terminal.output.write(`> ${clean(fault)}\n`);
    const { default: inquirer } = await import('inquirer');
    const ended = new AbortController();
    terminal.input.on('data', (typed: Buffer) => {
      if (typed.includes(END_OF_INPUT)) ended.abort();
    });
    const ask = inquirer.createPromptModule({ input: terminal.input, output: terminal.output, signal: ended.signal });
    const message = clean(question.text);
    goOn = () => {
      terminal.goOn();
      terminal.output.write(`${message} `);
    };
    process.on('SIGCONT', goOn);
    switch (question.kind) {
      case 'confirm': {
        const { answer } = await ask<{ answer: boolean }>([
          { type: 'confirm', name: 'answer', message, default: false },
        ]);
        return answer as Answer<Q>;
      }
      case 'confirm-name': {
        const { answer } = await ask<{ answer: string }>([
          { type: 'input', name: 'answer', message: `${message}; type ${clean(question.name)} to go on:` },
        ]);
        return (answer.trim() === question.name) as Answer<Q>;
      }
      case 'text': {
        const { answer } = await ask<{ answer: string }>([
          {
            type: 'input',
            name: 'answer',
            message,
            default: question.default,
            validate: (text: string) => question.check?.(text) ?? true,
          },
        ]);
        return answer as Answer<Q>;
      }
      case 'secret': {
        const { answer } = await ask<{ answer: string }>([
          { type: 'password', name: 'answer', message, mask: '*', toggleMask: false },
        ]);
        return new Secret(answer) as Answer<Q>;
      }
    }
  } finally {
    process.off('SIGCONT', goOn);
    terminal.close();
  }
}

/** Ctrl-D: a terminal in raw mode hands it on as a byte, and the prompt would wait for ever. */
const END_OF_INPUT = 0x04;

/** The controlling terminal's two ends, or null where the process has none. */
async function openTerminal(): Promise<{
  input: NodeJS.ReadStream;
  output: NodeJS.WriteStream;
  /** After Ctrl-Z and fg: the shell has changed the terminal meanwhile, and readline stopped listening. */
  goOn(): void;
  close(): void;
} | null> {
  const { openSync } = await import('node:fs');
  const { ReadStream, WriteStream } = await import('node:tty');
  const [reading, writing] =
    process.platform === 'win32' ? ['\\\\.\\CONIN$', '\\\\.\\CONOUT$'] : ['/dev/tty', '/dev/tty'];
  let descriptors: [number, number];
  try {
    descriptors = [openSync(reading, 'r+'), openSync(writing, 'r+')];
  } catch {
    return null; // ENXIO, ENOENT, EACCES: no controlling terminal, which is an answer and no fault
  }
  const input = new ReadStream(descriptors[0]);
  const output = new WriteStream(descriptors[1]);
  return {
    input,
    output,
    goOn() {
      // Twice, since a mode that is set already is not set again.
      input.setRawMode(false);
      input.setRawMode(true);
      // After readline's own handler, which pauses it.
      setImmediate(() => input.resume());
    },
    close() {
      input.setRawMode(false);
      input.destroy();
      output.destroy();
    },
  };
}
