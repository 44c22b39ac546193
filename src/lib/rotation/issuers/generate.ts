/**
 * Values that are made here: passwords, keys, secrets that tokens are signed with. Nobody has to be told of them beside
 * what reads the secret, so nobody can be asked whether one is accepted either.
 */
import { JamfMcpError } from '../../errors.ts';
import { Secret } from '../../redact.ts';
import { generateValue, madeBy, type Recipe } from '../../secrets/generate.ts';
import type { Fields } from '../../secrets/store.ts';
import type { Issuer } from '../issuer.ts';

/**
 * The issuer of fields whose values are made here.
 * @param recipes - how, by field
 */
export function generateIssuer(recipes: ReadonlyMap<string, Recipe>): Issuer {
  const names = [...recipes.keys()];
  let before: Fields | null = null;
  return {
    name: 'generate',
    title: 'this program',
    replaces: names,
    recovery: 'repeat the command: another value is made',

    prove(current) {
      const missing = names.filter((name) => !current.has(name));
      if (missing.length > 0) return Promise.reject(noSuchField(missing));
      before = current;
      const text = `${names.join(', ')} can be made here: ${[...recipes.values()].map(recipeText).join('; ')}`;
      return Promise.resolve({ text, strategy: 'single', keep: new Map() });
    },
    draft: () =>
      Promise.resolve(new Map([...recipes].map(([name, recipe]) => [name, new Secret(generateValue(recipe))]))),
    mint: () => Promise.resolve(new Map()),
    test(fields) {
      const wrong = [...recipes].find(([name, recipe]) => {
        const value = fields.get(name)?.reveal() ?? '';
        return !madeBy(recipe, value) || before?.get(name)?.reveal() === value;
      });
      if (!wrong) return Promise.resolve('made as asked; nobody can be asked whether it is accepted');
      const [name, recipe] = wrong;
      return Promise.reject(
        new JamfMcpError(
          'SECRET_MALFORMED',
          `${name} holds no value that was made here: ${recipeText(recipe)}, other than the one before`,
          'repeat the command: another value is made',
        ),
      );
    },
    revert: () => Promise.resolve(),
  };
}

const recipeText = ({ length, alphabet }: Recipe) => `${String(length)} characters of ${alphabet}`;

/** For a field that the secret does not have: what would rotate it would add it. */
export function noSuchField(names: readonly string[]): JamfMcpError {
  return new JamfMcpError(
    'INPUT_INVALID',
    `the secret has no ${names.join(', ')}, so there is nothing to rotate; nothing was changed`,
    `\`jamf-mcp secrets show\` lists its fields; \`jamf-mcp secrets set ${names.join(' ')}\` adds one`,
  );
}
