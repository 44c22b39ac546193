/**
 * Which issuer makes a field, and how each is made. One rotation has one issuer. A new issuer is one file beside this
 * one, and one row in {@link MAKERS}.
 */
import { JamfMcpError } from '../../errors.ts';
import { DEFAULT_RECIPE, type Recipe } from '../../secrets/generate.ts';
import { fieldCalled, type FieldSpec, type SecretSchema } from '../../secrets/schema.ts';
import type { Fields } from '../../secrets/store.ts';
import type { IssuerChoice, IssuerFactory, Issuers, Strategy } from '../issuer.ts';
import { AUTH0_MODES, type Auth0Mode } from '../../config/settings.ts';
import type { PairNames } from './jamf-partner.ts';
import { NO_ROTATORS, type Rotators } from './rotators.ts';

/** What issuers are made with. */
export interface IssuerOptions {
  /** Of the secret: says of each field who issues it. */
  schema: SecretSchema;
  /** See `rotatorsFrom`; none unless given. */
  rotators?: Rotators;
  /** `rotation.alternate` of jamf-mcp.yaml: the display names of two Jamf API clients that take turns. */
  alternate?: PairNames | null;
  /** How Auth0 comes by a new secret where the choice does not say it; `patch` unless given. */
  auth0Mode?: Auth0Mode;
  /** How values are made here, for fields of which the schema does not say it. */
  recipe?: Recipe | null;
  /** The values that a person brings; null: they are asked for. */
  answers?: (() => Promise<Fields>) | null;
  /** Nothing will be made. */
  dryRun?: boolean;
  /** Of one request, in ms; 15 s unless given. */
  timeoutMs?: number;
}

type Maker = (choice: IssuerChoice, options: IssuerOptions) => Promise<IssuerFactory>;

const MAKERS: Readonly<Record<string, Maker>> = {
  async jamf({ strategy }, { rotators = NO_ROTATORS, alternate = null, dryRun = false, timeoutMs }) {
    const { jamfIssuer } = await import('./jamf.ts');
    return (context) => jamfIssuer(rotators.jamf, context, { strategy, names: alternate, dryRun, timeoutMs });
  },
  async auth0(choice, { rotators = NO_ROTATORS, auth0Mode, timeoutMs }) {
    const { auth0Issuer } = await import('./auth0.ts');
    const mode = AUTH0_MODES.find((known) => known === choice.mode) ?? auth0Mode;
    return (context) => auth0Issuer(rotators.auth0, context, { mode, timeoutMs });
  },
  async generate({ fields }, { schema, recipe }) {
    const { generateIssuer } = await import('./generate.ts');
    const recipes = new Map(
      fields.map((name) => [name, recipe ?? specOf(schema, name).generate ?? DEFAULT_RECIPE] as const),
    );
    return () => generateIssuer(recipes);
  },
  async ask({ fields }, options) {
    const { askIssuer, promptFor } = await import('./ask.ts');
    const specs = fields.map((name) => specOf(options.schema, name));
    const tester = await testerOf(specs, options);
    const { answers, dryRun = false } = options;
    return (context) =>
      askIssuer({ specs, answers: answers ?? promptFor(specs, context), tester: tester?.(context) ?? null, dryRun });
  },
};

/** Issuers that can try a value that a person brings. */
const TESTERS: readonly string[] = ['jamf', 'auth0'];

async function testerOf(specs: readonly FieldSpec[], options: IssuerOptions): Promise<IssuerFactory | null> {
  const name = specs[0]?.issuer ?? '';
  if (!TESTERS.includes(name)) return null;
  return (await MAKERS[name]?.({ issuer: name, fields: [], strategy: null }, options)) ?? null;
}

/**
 * The issuers, by name; each is loaded when it is first asked for.
 * @returns a function that throws JamfMcpError INPUT_INVALID for a name that none has
 */
export function issuersWith(options: IssuerOptions): Issuers {
  return async (choice) => {
    const maker = Object.hasOwn(MAKERS, choice.issuer) ? MAKERS[choice.issuer] : undefined;
    if (maker) return maker(choice, options);
    const known = Object.keys(MAKERS).join(', ');
    throw new JamfMcpError('INPUT_INVALID', `there is no issuer ${choice.issuer}`, `issuers: ${known}`);
  };
}

/** What a person asked to have rotated. */
export interface Wish {
  schema: SecretSchema;
  /** `--only`: fields, however they are spelt; none: what the schema's one issuer makes. */
  only: readonly string[];
  /** `--strategy`; null: what the issuer finds best. */
  strategy: Strategy | null;
  /** Where the values come from, where that was said: a person, or this program. */
  from: 'person' | 'here' | null;
  /** `rotation.auth0Mode` of jamf-mcp.yaml. */
  auth0Mode?: Auth0Mode | null;
}

/**
 * The issuer of the fields that are to be rotated.
 * @returns the choice that {@link issuersWith} takes
 * @throws JamfMcpError USAGE, naming the fields that can be rotated
 */
export function chooseIssuer({ schema, only, strategy, from, auth0Mode }: Wish): IssuerChoice {
  const specs = only.length > 0 ? only.map((name) => called(schema, name)) : usual(schema);
  for (const spec of specs) refuseUnfit(schema, spec, from);
  const byIssuer = Map.groupBy(specs, (spec) => (from === null ? makerOf(spec) : (spec.issuer ?? 'ask')));
  const [first, second] = byIssuer.values();
  if (!first) throw cannot(schema, 'no field is named, and the schema has none that could be made anew');
  if (second) {
    throw new JamfMcpError(
      'USAGE',
      `${first.map(nameOf).join(', ')} and ${second.map(nameOf).join(', ')} come from different issuers, and one rotation has one`,
      [...byIssuer.values()].map((group) => `\`jamf-mcp rotate${group.map(onlyFlag).join('')}\``).join(', then '),
    );
  }
  const issuer = from === 'person' ? 'ask' : from === 'here' ? 'generate' : makerOf(first[0]);
  if (strategy === 'alternate' && issuer !== 'jamf') {
    throw new JamfMcpError(
      'USAGE',
      `--strategy alternate is for the Jamf client: ${first.map(nameOf).join(', ')} has no second one to take turns with`,
      'leave --strategy out',
    );
  }
  const fields = issuer === 'jamf' ? ['JAMF_CLIENT_SECRET'] : first.map(nameOf);
  const mode = issuer === 'auth0' && auth0Mode ? { mode: auth0Mode } : {};
  return { issuer, fields: [...new Set(fields)], strategy, ...mode };
}

const nameOf = ({ name }: FieldSpec) => name;
const onlyFlag = ({ name }: FieldSpec) => ` --only ${name}`;

/** Who makes a field where nothing else was said: a person, where the schema names nobody that is known here. */
const makerOf = (spec: FieldSpec | undefined): string =>
  spec?.issuer && Object.hasOwn(MAKERS, spec.issuer) ? spec.issuer : 'ask';

/** The fields of the one issuer that the schema names first: `rotate` alone rotates what the server cannot do without. */
function usual(schema: SecretSchema): FieldSpec[] {
  const made = schema.fields.filter((spec) => spec.secret && makerOf(spec) !== 'ask');
  return made.filter((spec) => spec.issuer === made[0]?.issuer);
}

function called(schema: SecretSchema, name: string): FieldSpec {
  if (!/^[\w.-]{1,128}$/.test(name)) throw cannot(schema, 'the name of a field is 1 to 128 letters, digits and . _ -');
  return fieldCalled(schema, name) ?? specOf(schema, name);
}

/** A person may give any value; what is no secret is made by nobody, but for a client id, which may change with its secret. */
function refuseUnfit(schema: SecretSchema, spec: FieldSpec, from: Wish['from']): void {
  if (!spec.secret && from !== 'person' && (from === 'here' || spec.issuer !== 'jamf'))
    throw cannot(schema, `${spec.name} is no secret: it is the ${spec.describe}`);
  if (from === 'here' && spec.issuer !== null && spec.issuer !== 'generate')
    throw cannot(schema, `${spec.name} is issued by ${spec.issuer}: a value made up here would not be accepted there`);
}

function cannot(schema: SecretSchema, why: string): JamfMcpError {
  const names = schema.fields.filter(({ secret }) => secret).map((spec) => `${spec.name} (${makerOf(spec)})`);
  return new JamfMcpError('USAGE', why, `fields that can be rotated: ${names.join(', ')}, and those of your own`);
}

/** A field as the schema describes it; one that it does not know is a secret that a person decides. */
function specOf(schema: SecretSchema, name: string): FieldSpec {
  return (
    schema.fields.find((field) => field.name === name) ?? {
      name,
      secret: true,
      type: 'secret',
      issuer: null,
      describe: 'field of your own',
      example: 'EXAMPLE-value',
    }
  );
}
