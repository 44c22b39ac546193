/** `jamf-mcp-baseline.yaml`: read with file, line and column of what is wrong; written so that comments stay. */
import { isSeq, parseDocument, type Document } from 'yaml';
import { z } from 'zod';
import { parseYaml } from '../config/load.ts';
import type { Baseline, BaselineEntry } from './baseline.ts';

const text = z.string().min(1);

/** A day means its first moment as a beginning, and its last as an end; UTC. */
const moment = (edge: 'first' | 'last') =>
  text
    .refine((value) => /^\d{4}-\d\d-\d\d(T[\d:.]+Z)?$/.test(value) && !Number.isNaN(Date.parse(value)), {
      error: 'has to be a day or a time, such as 2026-12-31 or 2026-12-31T12:00:00Z',
    })
    .transform((value) => {
      const day = value.length === 10 && edge === 'last' ? `${value}T23:59:59Z` : value;
      return new Date(day).toISOString();
    });

const entrySchema = z.strictObject({
  principal: text,
  secret: text,
  actions: z.array(text).min(1),
  networks: z.array(text).default([]),
  userAgents: z.array(text).default([]),
  regions: z.array(text).default([]),
  hours: z.array(z.int().min(0).max(23)).default([]),
  daily: z
    .strictObject({ days: z.int().min(1), median: z.number().nonnegative(), most: z.int().nonnegative() })
    .nullable()
    .default(null),
  since: moment('first'),
  until: moment('last'),
  origin: z.enum(['learned', 'allowed']),
  reason: text,
});

const fileSchema = z.strictObject({
  learned: z.array(z.strictObject({ since: moment('first'), until: moment('last') })).default([]),
  entries: z.array(entrySchema).default([]),
});

/**
 * Read a baseline.
 * @param content - of the file
 * @param file - its path, for errors
 * @throws JamfMcpError CONFIG_INVALID with `file:line:column`
 */
export function parseBaseline(content: string, file: string): Baseline {
  const schema = fileSchema as z.ZodType<z.output<typeof fileSchema>>;
  return parseYaml(content, file, schema, '`jamf-mcp audit baseline show --json` shows how an entry has to be');
}

const HEADER = ` What is usual: who reads which secret, how and from where. Review it like code: an entry explains accesses.
 Written by \`jamf-mcp audit baseline learn\` and \`allow\`; change or remove entries by hand as you like.`;

/**
 * The text of a file with other entries: what did not change stays as it stands, comments included.
 * @param content - the file as it is; empty where there is none
 * @param baseline - what it is to say; entries have the places of {@link parseBaseline}, new ones come after them
 * @param before - what it said
 */
export function baselineText(content: string, baseline: Baseline, before: Baseline): string {
  const document: Document = parseDocument(content);
  if (document.contents === null) {
    document.contents = document.createNode({});
    document.commentBefore = HEADER;
  }
  document.set('learned', document.createNode(baseline.learned));
  if (!isSeq(document.get('entries', true))) document.set('entries', document.createNode([]));
  for (const [index, entry] of baseline.entries.entries()) {
    if (sameJson(entry, before.entries[index])) continue;
    document.setIn(['entries', index], document.createNode(written(entry)));
  }
  return document.toString({ lineWidth: 0 });
}

/** An entry without what it leaves open. */
const written = (entry: BaselineEntry) =>
  Object.fromEntries(
    Object.entries(entry).filter(([, value]) => value !== null && !(Array.isArray(value) && value.length === 0)),
  );

const sameJson = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
