/**
 * Values that a person brings: made in Jamf, in Auth0, or where nothing here can look. They are asked for before
 * anything is changed, and tried where there is somebody to try them with.
 */
import { JamfMcpError } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { Secret } from '../../redact.ts';
import { sameValue } from '../../secrets/rules.ts';
import { checkField, type FieldSpec } from '../../secrets/schema.ts';
import type { Fields } from '../../secrets/store.ts';
import type { Issuer } from '../issuer.ts';
import { noSuchField } from './generate.ts';

/** Whoever issues a field, as far as a value of it can be tried there. */
export type Tester = Pick<Issuer, 'title' | 'test' | 'accepts'>;

/** What is asked for, and how. */
export interface AskOptions {
  /** The fields, as the schema describes them. */
  specs: readonly FieldSpec[];
  /** Gives the values: from a prompt, stdin or a file. Called once, before anything is changed. */
  answers: () => Promise<Fields>;
  /** Who can say whether the values are right; null: nobody. */
  tester: Tester | null;
  /** Nothing will be changed, so nobody has to be asked. */
  dryRun?: boolean;
}

/** The issuer of values that a person brings. */
export function askIssuer({ specs, answers, tester, dryRun = false }: AskOptions): Issuer {
  const names = specs.map(({ name }) => name);
  let given: Promise<Fields> | null = null;
  const untested = `${names.join(', ')} cannot be tried here: whether it is right shows when it is used`;

  /** Asked once; a second time only where the first gave nothing that could be used. */
  async function ask(current: Fields): Promise<Fields> {
    given ??= answers();
    try {
      return checked(specs, await given, current);
    } catch (error) {
      given = null;
      throw error;
    }
  }

  const issuer: Issuer = {
    name: 'ask',
    title: tester?.title ?? 'whoever gave it',
    replaces: names,
    recovery: 'repeat the command with the values at hand',

    async prove(current, kept) {
      const missing = names.filter((name) => !current.has(name));
      if (missing.length > 0) throw noSuchField(missing);
      const what = tester ? `tried with ${tester.title}` : 'not tried, because nobody can be asked';
      if (dryRun || kept) {
        return { text: `${names.join(', ')} will be asked for and ${what}`, strategy: 'single', keep: new Map() };
      }
      const fields = new Map([...current, ...(await ask(current))]);
      if (!tester) return { text: untested, strategy: 'single', keep: new Map() };
      const found = await tester.test(fields).catch((error: unknown) => {
        throw refusedAs(names, error);
      });
      // Made in the place of the value before, which is dead by then, or beside it.
      const stays = (await tester.accepts?.(current)) === true;
      return {
        text: `${tester.title} says of ${names.join(', ')}: ${found}`,
        strategy: stays ? 'alternate' : 'single',
        keep: new Map(),
      };
    },
    draft: ask,
    mint: () => Promise.resolve(new Map()),
    async test(fields) {
      if (tester) return tester.test(fields);
      checked(specs, fields, null);
      return untested;
    },
  };
  const { accepts } = tester ?? {};
  return accepts ? { ...issuer, accepts } : issuer;
}

/** What was refused is what was given: the secret is as it was. */
function refusedAs(names: readonly string[], error: unknown): unknown {
  if (!(error instanceof JamfMcpError) || error.code !== 'CREDENTIALS_REFUSED') return error;
  const text = `the value given for ${names.join(', ')} is not accepted: ${error.message}; nothing was changed`;
  return new JamfMcpError(error.code, text, error.hint, { cause: error });
}

/**
 * Ask a person for values, secret ones without an echo.
 * @returns a function that does so, for {@link AskOptions.answers}
 */
export function promptFor(specs: readonly FieldSpec[], { host }: Context): () => Promise<Fields> {
  return async () => {
    const fields = new Map<string, Secret>();
    for (const spec of specs) {
      const check = (answer: string) => {
        const problem = problemOf(spec, answer);
        return problem === null ? true : `${spec.name} ${problem}`;
      };
      const flag = spec.issuer === null ? '--from-file FILE or --generate' : '--from-file FILE';
      const question = { text: `new ${spec.name} (${spec.describe}):`, flag, check };
      fields.set(
        spec.name,
        spec.secret
          ? await host.ask({ kind: 'secret', ...question })
          : new Secret(await host.ask({ kind: 'text', ...question }), { public: true }),
      );
    }
    return fields;
  };
}

function problemOf(spec: FieldSpec, value: string): string | null {
  if (value === '') return 'would be empty';
  const outcome = checkField(spec, value);
  return 'why' in outcome ? outcome.why : null;
}

/**
 * The values in their normal form.
 * @param current - the fields in use; null: not compared
 * @throws JamfMcpError INPUT_MISSING, INPUT_INVALID, SECRET_MALFORMED for stored ones
 */
function checked(specs: readonly FieldSpec[], given: Fields, current: Fields | null): Fields {
  const missing = specs.filter(({ name }) => !given.has(name)).map(({ name }) => name);
  if (missing.length > 0) {
    const text = `no value is given for ${missing.join(', ')}`;
    throw new JamfMcpError('INPUT_MISSING', text, 'give it with --from-file FILE (- for stdin), or type it');
  }
  const values = new Map<string, Secret>();
  for (const spec of specs) {
    const value = given.get(spec.name)?.reveal() ?? '';
    const outcome = value === '' ? { why: 'would be empty' } : checkField(spec, value);
    if ('why' in outcome) {
      const text = `${spec.name} ${outcome.why}`;
      throw new JamfMcpError(
        current ? 'INPUT_INVALID' : 'SECRET_MALFORMED',
        text,
        `it has to look like ${spec.example}`,
      );
    }
    values.set(spec.name, new Secret(outcome.value, { public: !spec.secret }));
  }
  if (current && [...values].every(([name, value]) => sameValue(current.get(name), value))) {
    throw new JamfMcpError(
      'INPUT_INVALID',
      `the value given for ${[...values.keys()].join(', ')} is the one in use already; nothing was changed`,
      'make a new one first, where the old one came from',
    );
  }
  return values;
}
