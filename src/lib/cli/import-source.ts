/** What `secrets import` reads: a file, stdin or another secret. */
import { JamfMcpError } from '../errors.ts';
import type { ImportFormat } from '../secrets/formats.ts';
import type { ImportRequest } from '../secrets/import.ts';

/**
 * Read the file, stdin or the other secret.
 * @param file - path, or `-`
 * @param secret - name of another secret of the store
 * @param format - of the text; by its name and its beginning where it is not given
 * @throws JamfMcpError USAGE unless one of file and secret is named; what reading throws
 */
export async function sourceOf(
  file: string | undefined,
  secret: string | undefined,
  format: ImportFormat | undefined,
  store: ImportRequest['store'],
): Promise<ImportRequest['source']> {
  if ((file === undefined) === (secret === undefined)) {
    throw new JamfMcpError('USAGE', 'name a file (- for stdin) or --from-secret, one of the two');
  }
  if (secret !== undefined) {
    const { entriesOf } = await import('../secrets/import.ts');
    return { name: `secret ${secret}`, entries: await entriesOf(store, secret), text: null, secret: true };
  }
  const { readText } = await import('./input.ts');
  const { formatOf, readEntries } = await import('../secrets/formats.ts');
  const [text, name] = await readText(file ?? '-');
  const kind = format ?? formatOf(name, text);
  return { name, entries: await readEntries(text, name, kind), text: kind === 'dotenv' ? text : null, secret: false };
}
