import tseslint from 'typescript-eslint';

/**
 * The import rule of ARCHITECTURE.md. A domain may import what every domain may, and the domains in its row.
 * What is not in a row is an error, in static and in dynamic imports alike.
 */
const DOMAINS = {
  cli: ['config', 'secrets'],
  config: ['secrets'],
  secrets: ['config', 'jamf'],
  rotation: ['config', 'secrets', 'ecs', 'jamf', 'auth0'],
  ecs: ['config'],
  // The audit needs rotation's records, and the names of its functions, to explain reads.
  audit: ['config', 'secrets', 'ecs', 'rotation'],
  // The join goes from a task definition to its roles; what a role has used is in the audit's records.
  // The role of the rotation function is written where the function is installed.
  iam: ['config', 'ecs', 'audit', 'secrets', 'rotation'],
  jamf: [],
  auth0: [],
  sofa: [],
  server: ['config', 'jamf', 'sofa', 'secrets', 'audit', 'iam', 'rotation'],
  posture: ['iam', 'ecs', 'secrets', 'audit'],
  sandbox: [],
  library: ['config', 'secrets'],
  format: [],
};

const names = Object.keys(DOMAINS);
const SDK = '@modelcontextprotocol/sdk';

/** Rules that forbid a set of import sources, however they are imported. */
function forbid(bans) {
  return {
    '@typescript-eslint/no-restricted-imports': [
      'error',
      { patterns: bans.map(({ regex, message, types }) => ({ regex, message, allowTypeImports: types ?? false })) },
    ],
    'no-restricted-syntax': [
      'error',
      ...bans
        .filter(({ dynamic }) => dynamic !== 'allowed')
        .map(({ regex, message }) => ({
          selector: `ImportExpression[source.value=/${regex.replaceAll('/', '\\/')}/]`,
          message,
        })),
    ],
  };
}

const bans = {
  commands: { regex: '(^|/)commands/', message: 'nothing imports a command' },
  sandbox: { regex: '(^|/)sandbox/', message: 'only tests and the sandbox command import the sandbox' },
  mcp: { regex: `^${SDK}`, message: 'only server/sdk.ts imports the MCP SDK' },
  aws: {
    regex: '^@aws-sdk/',
    message: 'AWS clients are imported inside the function that calls them: const { … } = await import(…)',
    types: true,
    dynamic: 'allowed',
  },
  core: { regex: '^@oclif/', message: 'the core knows no command line' },
};

/** The domains that a domain must not import. */
function banOthers(domain) {
  const others = names.filter((name) => name !== domain && name !== 'format' && !DOMAINS[domain].includes(name));
  return {
    regex: `^(\\.\\./)+(lib/)?(${others.join('|')})/`,
    message: `${domain} must not import this domain: see ARCHITECTURE.md`,
  };
}

export default tseslint.config(
  { ignores: ['dist', 'coverage', 'node_modules'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/consistent-type-definitions': ['error', 'interface'],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/consistent-indexed-object-style': 'off',
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  {
    // node:test runners aside, mocha's describe and it return nothing worth awaiting
    files: ['test/**/*.ts', 'scripts/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
  ...names.map((domain) => ({
    files: [`src/lib/${domain}/**/*.ts`],
    rules: {
      ...forbid([
        banOthers(domain),
        bans.commands,
        ...(domain === 'server' ? [] : [bans.mcp]),
        bans.aws,
        ...(domain === 'cli' ? [] : [bans.core]),
      ]),
      ...(['cli', 'library', 'sandbox'].includes(domain)
        ? {}
        : { 'no-restricted-globals': ['error', { name: 'process', message: 'the core never reads process' }] }),
    },
  })),
  {
    files: ['src/lib/server/**/*.ts'],
    ignores: ['src/lib/server/sdk.ts'],
    rules: forbid([banOthers('server'), bans.commands, bans.mcp, bans.aws, bans.core]),
  },
  {
    files: ['src/lib/*.ts'],
    rules: {
      ...forbid([
        { regex: `^\\./(${names.join('|')})/`, message: 'what every domain imports must import none' },
        bans.mcp,
        bans.aws,
        bans.core,
      ]),
      'no-restricted-globals': ['error', { name: 'process', message: 'the core never reads process' }],
    },
  },
  {
    files: ['src/commands/**/*.ts'],
    ignores: ['src/commands/sandbox.ts'],
    rules: forbid([bans.sandbox, bans.mcp, { ...bans.aws, dynamic: undefined, types: false }]),
  },
);
