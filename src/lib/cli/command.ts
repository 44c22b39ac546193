/**
 * What oclif asks of a command, and no more. Its parser, its flags, its help and its manifest are used; its class is
 * not: that one loads oclif's configuration, globs, templates and spinners at every start, which takes longer than
 * reading a secret does.
 */
import type { Interfaces } from '@oclif/core';
import { parse } from '@oclif/core/parser';

/** What a command is told of the program. */
export interface Program {
  /** What people type. */
  bin: string;
  version: string;
}

/** A command class, to whoever runs it. */
export interface Runnable {
  run(argv: string[], program: Program): Promise<unknown>;
}

type Values = Record<string, unknown>;

/** A command: its static properties tell the help of it, `run()` does the work. */
export abstract class Command {
  /** The words, joined by colons; set by who loads it. */
  static id: string;
  static summary?: string;
  static description?: string;
  static examples?: string[];
  static usage?: string | string[];
  static args: Interfaces.ArgInput = {};
  static flags: Interfaces.FlagInput = {};
  static baseFlags: Interfaces.FlagInput = {};
  static strict = true;

  /** What was typed after the words of the command. */
  protected readonly argv: string[];
  protected readonly config: Program;

  constructor(argv: string[], config: Program) {
    this.argv = argv;
    this.config = config;
  }

  /**
   * Run a command to its end. oclif calls it by this name.
   * @param argv - what was typed after the words of the command
   * @throws whatever the command throws: main.ts reports it
   */
  static async run(this: new (argv: string[], config: Program) => Command, argv: string[], config: Program) {
    const command = new this(argv, config);
    try {
      const result = await command.run();
      if (result !== undefined && command.jsonEnabled()) command.logJson(result);
    } finally {
      command.settle();
    }
  }

  /** Do the work and return the typed result; `--json` prints it. */
  protected abstract run(): Promise<unknown>;

  /** Print a result as JSON. */
  protected abstract logJson(result: unknown): void;

  /** Leave the terminal fit for whoever writes next. */
  protected abstract settle(): void;

  /** The flags and arguments, typed, of a command class. */
  protected parse<F extends Values, B extends Values, A extends Values>(
    input: Interfaces.Input<F, B, A>,
    argv: string[] = this.argv,
  ): Promise<Interfaces.ParserOutput<F, B, A>> {
    // The parser takes one set of flags, those of the command over those that all have.
    const flags = { ...input.baseFlags, ...input.flags } as Interfaces.FlagInput<F>;
    return parse(argv, { args: input.args, flags, strict: input.strict });
  }

  /** Whether the result is wanted as JSON: what stands behind `--` belongs to a child. */
  protected jsonEnabled(): boolean {
    const json = this.argv.indexOf('--json');
    const rest = this.argv.indexOf('--');
    return json >= 0 && (rest < 0 || json < rest);
  }
}
