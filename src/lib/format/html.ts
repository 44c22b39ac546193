/** Writes HTML in which every text is text: what goes into a template is escaped, unless it is markup of our own. */
import { createHash } from 'node:crypto';
import { terminalSafe } from './escape.ts';

/** Markup: only {@link markup} makes it. */
export class Markup {
  readonly #text: string;

  constructor(parts: TemplateStringsArray, values: readonly Piece[]) {
    this.#text = parts.reduce((text, part, index) => `${text}${written(values[index - 1] ?? null)}${part}`);
  }

  toString(): string {
    return this.#text;
  }
}

/** What a template takes. Null and an empty list are nothing. */
export type Piece = Markup | string | number | null | readonly Piece[];

/** Template tag: texts are escaped, for content and for attributes in double quotes. */
export const markup = (parts: TemplateStringsArray, ...values: Piece[]): Markup => new Markup(parts, values);

function written(piece: Piece): string {
  if (piece === null) return '';
  if (piece instanceof Markup) return piece.toString();
  if (typeof piece === 'number') return String(piece);
  return typeof piece === 'string' ? escapeHtml(piece) : piece.map(written).join('');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** A text as HTML shows it: to the letter, its control characters and those that turn text around made visible. */
export function escapeHtml(text: string): string {
  return terminalSafe(text.toWellFormed()).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}

/** A document that stands by itself. */
export interface Page {
  title: string;
  /** CSS of our own; the only style that the page may have. */
  style: string;
  body: Markup;
}

/**
 * Write a whole document. It can load nothing, run nothing and send nothing: the policy allows its own style, by hash,
 * and nothing else.
 */
export function page({ title, style, body }: Page): string {
  const css = `\n${style.trim()}\n`;
  const hash = createHash('sha256').update(css).digest('base64');
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="referrer" content="no-referrer">',
    '<meta name="robots" content="noindex">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    `<title>${escapeHtml(title)}</title>`,
    `<style>${css}</style>`,
    '</head>',
    `<body>${body.toString()}</body>`,
    '</html>',
    '',
  ].join('\n');
}

/** A table: what each column is called, and its rows. */
export interface HtmlTable {
  caption: string;
  columns: readonly { name: string; kind?: 'number' | 'time' | 'code' | 'text' }[];
  /** The first cell names its row. */
  rows: readonly (readonly Piece[])[];
}

/** Roles are told, because on a narrow page the rows are laid out as blocks, which would no longer be a table. */
export function htmlTable({ caption, columns, rows }: HtmlTable): Markup {
  return markup`<table role="table"><caption>${caption}</caption>
<thead role="rowgroup"><tr role="row">${columns.map(
    ({ name, kind = 'text' }) => markup`<th role="columnheader" scope="col" class="${kind}">${name}</th>`,
  )}</tr></thead>
<tbody role="rowgroup">${rows.map(
    (row) => markup`<tr role="row">${columns.map(({ name, kind = 'text' }, index) =>
      index === 0
        ? markup`<th role="rowheader" scope="row" class="${kind}">${row[index] ?? ''}</th>`
        : markup`<td role="cell" class="${kind}" data-label="${name}">${row[index] ?? ''}</td>`,
    )}</tr>
`,
  )}</tbody></table>`;
}
