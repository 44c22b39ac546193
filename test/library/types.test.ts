/** The published types, as an application's compiler reads them: out of the package, with nothing else installed. */
import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { ROOT } from '../support/cli.ts';

const APPLICATION = `
import { isSecretsError, openSecrets, type Secrets, type SecretsChange, type SecretsErrorCode } from 'jamf-mcp/secrets';

export async function main(): Promise<string> {
  const secrets: Secrets = openSecrets({
    name: 'nba-mcp/{environment}/database',
    environmentVariable: 'NBA_MCP_ENV',
    environment: undefined,
    local: { file: '.env.local', when: 'USE_LOCAL_CREDENTIALS' },
    store: 'aws',
    ttlMs: 60_000,
    onRefresh: (change: SecretsChange) => change.versionId.length,
    log: ({ event, name, text }) => [event, name?.length, text.length],
  });
  const fields: Readonly<Record<string, string>> = await secrets.get();
  // @ts-expect-error the object is frozen
  fields.DB_HOST = 'other';
  // @ts-expect-error there is no such store
  openSecrets({ store: 'gcp' });
  // @ts-expect-error an option that does not exist
  openSecrets({ ttl: 1 });
  // @ts-expect-error the field has to be named
  await secrets.field('a/secret');
  const password: string = await secrets.field('nba-mcp/{environment}/database', 'DB_PASSWORD');
  secrets.clear();
  await secrets.close();
  await secrets[Symbol.asyncDispose]();
  try {
    await secrets.refresh();
  } catch (error) {
    if (isSecretsError(error) && error.code === 'SECRET_NOT_FOUND') return error.hint ?? error.message;
    // @ts-expect-error a code that does not exist
    if (isSecretsError(error) && error.code === 'NOPE') return '';
    const code: SecretsErrorCode | null = isSecretsError(error) ? error.code : null;
    return String(code);
  }
  return password;
}
`;

describe('the types of jamf-mcp/secrets', () => {
  let folder: string;
  let examples: string[] = [];
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-types-'));
    const installed = join(folder, 'node_modules/jamf-mcp');
    await mkdir(join(installed, 'dist'), { recursive: true });
    for (const file of ['package.json', 'dist/secrets.d.ts']) await cp(join(ROOT, file), join(installed, file));
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    await writeFile(join(folder, 'application.ts'), APPLICATION);
    const page = await readFile(join(ROOT, 'docs/library.md'), 'utf8');
    examples = [...page.matchAll(/^```ts\n([^]*?)^```/gm)].map(([, code = '']) => code);
    assert.equal(examples.length, 3);
    // What a program has beside the library, and these types do not bring.
    const console = 'declare const console: { error(...texts: unknown[]): void };\n';
    for (const [number, code] of examples.entries())
      await writeFile(join(folder, `example${String(number)}.ts`), console + code);
  });
  after(() => rm(folder, { recursive: true }));

  const roots = () =>
    ['application', ...examples.map((_code, number) => `example${String(number)}`)].map((name) =>
      join(folder, `${name}.ts`),
    );

  const kinds: [string, ts.ModuleKind, ts.ModuleResolutionKind, string][] = [
    ['Node', ts.ModuleKind.NodeNext, ts.ModuleResolutionKind.NodeNext, 'lib.es2022.d.ts'],
    ['a bundler', ts.ModuleKind.ESNext, ts.ModuleResolutionKind.Bundler, 'lib.es2020.d.ts'],
  ];
  for (const [name, module, moduleResolution, lib] of kinds) {
    it(`are complete by themselves and say what is allowed, resolved as by ${name}`, () => {
      const program = ts.createProgram(roots(), {
        module,
        moduleResolution,
        target: ts.ScriptTarget.ES2022,
        lib: [lib],
        types: [],
        strict: true,
        exactOptionalPropertyTypes: true,
        skipLibCheck: false,
        noEmit: true,
      });
      const problems = ts.getPreEmitDiagnostics(program).map(({ messageText, file, start = 0 }) => {
        const line = file ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
        return `${file?.fileName ?? ''}:${String(line)} ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
      });
      assert.deepEqual(problems, []);
      const files = program.getSourceFiles().map(({ fileName }) => fileName);
      const ours = files.filter((file) => !file.includes('/typescript/lib/') && !roots().includes(file));
      assert.deepEqual(
        ours.map((file) => file.replace(/^.*node_modules\//, '')),
        ['jamf-mcp/dist/secrets.d.ts'],
      );
    });
  }
});
