/** Results that come one by one: each is a line on stdout at once. */
import { UNSAFE } from '../format/escape.ts';
import { redact, redactDeep } from '../redact.ts';

/**
 * Write one result.
 * @param result - what is written with `--json`, as JSON on one line
 * @param text - what is written without
 */
export function writeLine(json: boolean, result: unknown, text: string): void {
  process.stdout.write(`${json ? jsonLine(result) : redact(text)}\n`);
}

/** JSON without a line end in it, which no terminal acts on. */
const jsonLine = (value: unknown) =>
  JSON.stringify(redactDeep(value)).replace(UNSAFE, (character) => `\\u${hex(character)}`);

const hex = (character: string) => (character.codePointAt(0) ?? 0).toString(16).padStart(4, '0');
