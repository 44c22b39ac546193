/** How fields are written for whoever takes them over: each format with its own quoting, and a table of all. */
import { randomUUID } from 'node:crypto';
import { JamfMcpError } from '../errors.ts';
import { writeDotenv } from './dotenv.ts';

/** The formats there are. */
export const EXPORT_FORMATS = ['dotenv', 'json', 'yaml', 'shell', 'ecs', 'k8s', 'github'] as const;

/** One of {@link EXPORT_FORMATS}. */
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** Those that hold references to values, and no values. */
const REFERENCES = ['ecs', 'k8s'] as const;

/** A format without values. */
export type ReferenceFormat = (typeof REFERENCES)[number];

/** A format with values. */
export type ValueFormat = Exclude<ExportFormat, ReferenceFormat>;

/** Whether a text of that format holds values. */
export const holdsValues = (format: ExportFormat): format is ValueFormat =>
  !REFERENCES.some((reference) => reference === format);

/** A field with its value in plain text. */
export interface PlainField {
  name: string;
  value: string;
  secret: boolean;
}

/** A text for standard output, and one for the file, where the format has two. */
export interface Written {
  /** What the fields are written as. */
  text: string;
  /** Commands that have to go to standard output wherever the text goes; empty but for `github`. */
  commands: string;
}

/**
 * Write values.
 * @throws JamfMcpError INPUT_INVALID where the format cannot hold a name or a value
 */
export async function writeValues(format: ValueFormat, fields: readonly PlainField[]): Promise<Written> {
  return await WRITERS[format](fields);
}

const WRITERS: Record<ValueFormat, (fields: readonly PlainField[]) => Written | Promise<Written>> = {
  dotenv: (fields) => whole(writeDotenv(fields.map(({ name, value }) => [name, value]))),
  json: (fields) => whole(`${JSON.stringify(tableOf(fields), null, 2)}\n`),
  yaml: async (fields) => {
    const { stringify } = await import('./yaml.ts');
    return whole(stringify(tableOf(fields), { defaultStringType: 'QUOTE_DOUBLE', lineWidth: 0 }));
  },
  shell: (fields) => whole(fields.map((field) => `export ${variable(field)}=${singleQuoted(field)}\n`).join('')),
  github: (fields) => ({
    commands: fields
      .filter(({ secret, value }) => secret && value !== '')
      .map(({ value }) => `::add-mask::${commandData(value)}\n`)
      .join(''),
    text: fields.map((field) => heredoc(variable(field), field.value)).join(''),
  }),
};

const whole = (text: string): Written => ({ text, commands: '' });

const tableOf = (fields: readonly PlainField[]) => Object.fromEntries(fields.map(({ name, value }) => [name, value]));

function variable({ name, value }: PlainField): string {
  if (!/^[A-Za-z_]\w*$/.test(name)) throw cannotHold(name, 'whose name is no variable');
  if (value.includes('\0')) throw cannotHold(name, 'whose value has a zero byte in it');
  return name;
}

const singleQuoted = ({ value }: PlainField) => `'${value.replaceAll("'", "'\\''")}'`;

/** https://docs.github.com/actions/reference/workflow-commands-for-github-actions: what the runner decodes. */
const commandData = (value: string) => value.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');

/** The form of GITHUB_ENV for values of several lines, used for all: the delimiter cannot be guessed. */
function heredoc(name: string, value: string): string {
  const delimiter = `jamf_mcp_${randomUUID()}`;
  return `${name}<<${delimiter}\n${value}\n${delimiter}\n`;
}

const cannotHold = (name: string, why: string) =>
  new JamfMcpError(
    'INPUT_INVALID',
    `this format cannot hold the field ${name}, ${why}`,
    'choose json, or leave the field out with --only',
  );

/**
 * Write references to the values of a secret, without any value.
 * @param secret - its name, and its full ARN with the six characters at its end
 * @param names - the fields
 * @throws JamfMcpError INPUT_INVALID where the format cannot name a field, or the store is not one that ECS reads
 */
export async function writeReferences(
  format: ReferenceFormat,
  secret: { name: string; arn: string; store: string },
  names: readonly string[],
): Promise<string> {
  return await REFERENCE_WRITERS[format](secret, names);
}

const REFERENCE_WRITERS: Record<
  ReferenceFormat,
  (secret: { name: string; arn: string; store: string }, names: readonly string[]) => string | Promise<string>
> = {
  /** ARN, JSON key, and the empty version stage and version id: AWSCURRENT when the task starts (rows 22, 32, 33). */
  ecs: ({ arn, store }, names) => {
    if (store !== 'aws')
      throw new JamfMcpError('INPUT_INVALID', `ECS cannot read from the store ${store}`, 'choose --store aws');
    const bad = names.find((name) => name.includes(':'));
    if (bad !== undefined) throw cannotHold(bad, 'whose name has a colon in it');
    const secrets = names.map((name) => ({ name, valueFrom: `${arn}:${name}::` }));
    return `${JSON.stringify({ secrets }, null, 2)}\n`;
  },

  /** https://external-secrets.io/latest/api/externalsecret/ */
  k8s: async ({ name, store }, names) => {
    const bad = names.find((field) => !/^[\w.-]+$/.test(field));
    if (bad !== undefined) throw cannotHold(bad, 'whose name is no key of a Kubernetes secret');
    const { stringify } = await import('./yaml.ts');
    const reference = STORE_REFERENCES[store];
    if (reference === undefined) {
      throw new JamfMcpError(
        'INPUT_INVALID',
        `no cluster can read the ${store} store`,
        'copy the secret to another store first: `jamf-mcp secrets copy --to aws`',
      );
    }
    const resource = resourceName(name);
    return stringify(
      {
        apiVersion: 'external-secrets.io/v1',
        kind: 'ExternalSecret',
        metadata: { name: resource },
        spec: {
          refreshInterval: '1h',
          secretStoreRef: { kind: 'ClusterSecretStore', name: reference },
          target: { name: resource, creationPolicy: 'Owner' },
          data: names.map((field) => ({ secretKey: field, remoteRef: { key: name, property: field } })),
        },
      },
      { lineWidth: 0 },
    );
  },
};

/** What clusters call the provider of each store; a user changes it where theirs has another name. */
const STORE_REFERENCES: Readonly<Record<string, string>> = {
  aws: 'aws-secrets-manager',
  azure: 'azure-key-vault',
  vault: 'vault',
};

/** A DNS label: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ */
function resourceName(name: string): string {
  const label = name
    .toLowerCase()
    .replace(/[^a-z\d]+/g, '-')
    .slice(0, 63)
    .replace(/^-+|-+$/g, '');
  return label === '' ? 'secret' : label;
}
