/** `secrets export`: the fields of a secret for another program, as values or as references. */
import { appendFile, lstat, stat } from 'node:fs/promises';
import { errorCode, orTell } from '../file-errors.ts';
import { JamfMcpError } from '../errors.ts';
import type { Context } from '../host.ts';
import { userVersion } from './claim.ts';
import { holdsValues, writeReferences, writeValues, type ExportFormat, type Written } from './export-formats.ts';
import { release, type ReleaseRequest } from './reveal.ts';
import { isSecretField } from './schema.ts';
import type { SecretVersion } from './store.ts';
import { createFile, readIfThere, replaceFile } from './stores/files.ts';

/** What `exportSecret` works on. */
export interface ExportRequest extends Omit<ReleaseRequest, 'fields' | 'action'> {
  format: ExportFormat;
  /** Fields to export; empty for all. */
  only: readonly string[];
  /** File to write, for its owner only; null for standard output. */
  output: string | null;
  /** The file is a workflow's environment file: it is added to, not replaced. */
  append: boolean;
}

/** What `secrets export` gives. */
export interface ExportResult {
  secret: { name: string; arn: string; store: string; environment: string };
  versionId: string;
  format: ExportFormat;
  fields: string[];
  /** The file that was written; null where standard output has the text. */
  file: string | null;
  /** What goes to standard output; holds values only where `values` is true. */
  text: string;
  /** Whether `text` holds values. */
  values: boolean;
  /** The reason that was recorded, and the log that has it; null where no value left. */
  reason: string | null;
  log: string | null;
}

/**
 * Export. A format with values passes the gate of {@link release}; the file is asked about before anything is read.
 * @throws JamfMcpError as {@link release}; NOT_FOUND for a field that is not there; INPUT_INVALID for a field that the
 *   format cannot hold; DECLINED where the file is not to be overwritten
 */
export async function exportSecret(request: ExportRequest, context: Context): Promise<ExportResult> {
  const { store, format, output, only } = request;
  const inPlace = output === null ? null : await mayWrite(output, request.append, context);
  const values = holdsValues(format);
  const released = values
    ? await release({ ...request, fields: only, action: `export ${format}` }, context)
    : { version: userVersion(await store.read(request.secret, { stage: request.stage })), reason: null, log: null };
  const { version } = released;
  const secret = { name: version.name, arn: version.arn, store: store.kind };
  const names = chosen(version, only);
  const { text, commands }: Written = values
    ? await writeValues(format, plainFields(version, names))
    : { text: await writeReferences(format, secret, names), commands: '' };
  if (output !== null) await writeFile(output, text, inPlace, request.append, context);
  return {
    secret: { ...secret, environment: request.environment },
    versionId: version.versionId,
    format,
    fields: names,
    file: output,
    text: output === null ? commands + text : commands,
    values: values && (output === null || commands !== ''),
    reason: released.reason,
    log: released.log,
  };
}

function chosen({ name: secret, fields }: SecretVersion, only: readonly string[]): string[] {
  const unknown = only.filter((name) => !fields.has(name));
  if (unknown.length === 0) return [...fields.keys()].filter((name) => only.length === 0 || only.includes(name));
  throw new JamfMcpError(
    'NOT_FOUND',
    `secret ${secret} has no field ${unknown.join(', ')}`,
    `it has ${[...fields.keys()].join(', ') || 'none'}`,
  );
}

const plainFields = ({ fields, schema }: SecretVersion, names: readonly string[]) =>
  names.map((name) => ({ name, value: fields.get(name)?.reveal() ?? '', secret: isSecretField(schema, name) }));

/** What the file holds now, once it is clear that it may be written; null where there is none. */
async function mayWrite(path: string, append: boolean, context: Context): Promise<Buffer | null> {
  // A pipe or a device would keep us waiting for its end, or for ever.
  if (!(await orRefuse(path, () => isFileOrNothing(path)))) {
    throw new JamfMcpError(
      'INPUT_INVALID',
      `${path} is no regular file, or a link that leads nowhere`,
      'name a file with -o, or leave -o out and pipe',
    );
  }
  const present = await orRefuse(path, () => readIfThere(path));
  const free = present === null || append;
  if (free || (await context.host.ask({ kind: 'confirm', text: `${path} is there already: overwrite it?` })))
    return present;
  throw new JamfMcpError('DECLINED', `declined; ${path} was left as it is, and nothing was read`);
}

async function isFileOrNothing(path: string): Promise<boolean> {
  const found = await stat(path).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  });
  if (found) return found.isFile();
  // A link that leads nowhere is in the way of a file that is made here.
  return await lstat(path).then(
    () => false,
    (error: unknown) => {
      if (errorCode(error) === 'ENOENT') return true;
      throw error;
    },
  );
}

async function writeFile(
  path: string,
  text: string,
  present: Buffer | null,
  append: boolean,
  context: Context,
): Promise<void> {
  await orRefuse(path, async () => {
    if (present === null) {
      if (await createFile(path, Buffer.from(text))) return;
      throw new JamfMcpError(
        'CONFLICT',
        `${path} was written by somebody else meanwhile; it was left as it is`,
        'look at it, then repeat the command with another file',
      );
    }
    // The runner's own file: it stays the same file, with its owner and mode.
    if (append) await appendFile(path, `${/[^\n]$/.test(present.toString()) ? '\n' : ''}${text}`);
    else await replaceFile(path, Buffer.from(text), context, () => Promise.resolve());
  });
}

/** What the file system refuses is the path's fault, not ours. */
const orRefuse = <T>(path: string, work: () => Promise<T>): Promise<T> =>
  orTell({ what: `cannot write ${path}`, hint: 'name another file with -o', code: 'INPUT_INVALID' }, work);
