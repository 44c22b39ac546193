/**
 * Help text that is written over several lines of source: each paragraph becomes one line, for the help to wrap at the
 * terminal's width.
 * @param text - paragraphs with an empty line between them
 */
export function prose(text: string): string {
  return text
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.trim().replace(/\s*\n\s*/g, ' '))
    .join('\n\n');
}
