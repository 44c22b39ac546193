/** Commands that hints name: whole enough to be pasted, whatever the run was told to work on. */
import assert from 'node:assert/strict';
import { readFile, glob } from 'node:fs/promises';
import { withSelection } from '../../src/lib/cli/selection.ts';

describe('the commands that a text names', () => {
  const cases: [about: string, text: string, typed: string, expected: string][] = [
    ['nothing chosen', 'see `jamf-mcp secrets show`', 'secrets set X', 'see `jamf-mcp secrets show`'],
    [
      'everything chosen',
      '`jamf-mcp secrets show`',
      'x -e staging --store local --secret a/b --profile p --region eu-west-1',
      '`jamf-mcp secrets show --env staging --store local --secret a/b --profile p --region eu-west-1`',
    ],
    ['the forms with =', '`jamf-mcp rotate`', '--env=dev --store=vault', '`jamf-mcp rotate --env dev --store vault`'],
    ['the short form in one word', '`jamf-mcp rotate`', '-edev', '`jamf-mcp rotate --env dev`'],
    [
      'what the text says itself',
      '`jamf-mcp rotate --env a`',
      '--env b --store local',
      '`jamf-mcp rotate --env a --store local`',
    ],
    ['a command behind --', '`jamf-mcp secrets exec -- CMD`', '-e dev', '`jamf-mcp secrets exec --env dev -- CMD`'],
    [
      'two commands',
      '`jamf-mcp rotate`, then `jamf-mcp deploy`',
      '-e d',
      '`jamf-mcp rotate --env d`, then `jamf-mcp deploy --env d`',
    ],
    ['help', 'see `jamf-mcp secrets set --help`', '-e dev', 'see `jamf-mcp secrets set --help`'],
    ['the sandbox', 'try `jamf-mcp sandbox`', '-e dev', 'try `jamf-mcp sandbox`'],
    ['another program', 'see `aws sts get-caller-identity`', '-e dev', 'see `aws sts get-caller-identity`'],
    [
      'every Region',
      '`jamf-mcp audit baseline learn --since 30d`, `jamf-mcp audit baseline allow`, `jamf-mcp rotate --env a`',
      '--region all --secret all',
      '`jamf-mcp audit baseline learn --since 30d --secret all --region all`, `jamf-mcp audit baseline allow --secret all`, `jamf-mcp rotate --env a --secret all`',
    ],
    ['several environments', '`jamf-mcp rotate`', '-e a -e b --store local', '`jamf-mcp rotate --store local`'],
  ];
  for (const [about, text, typed, expected] of cases) {
    it(`get what was chosen: ${about}`, () => {
      assert.equal(withSelection(text, { argv: typed.split(' '), env: {} }), expected);
    });
  }

  it('get what a variable chose, since they may be pasted elsewhere', () => {
    const env = { JAMF_MCP_ENV: 'dev', JAMF_MCP_STORE: 'local', JAMF_MCP_SECRET: 'x' };
    assert.equal(
      withSelection('`jamf-mcp rotate`', { argv: ['--env', 'qa'], env }),
      '`jamf-mcp rotate --env qa --store local --secret x`',
    );
  });

  it('are quoted for a shell', () => {
    assert.equal(
      withSelection('`jamf-mcp rotate`', { argv: ['--env', "it's"], env: {} }),
      "`jamf-mcp rotate --env 'it'\\''s'`",
    );
  });

  it('stand in backticks wherever the core names one: what is not found cannot be made whole', async () => {
    const bare: string[] = [];
    for await (const path of glob('src/lib/**/*.ts', { cwd: new URL('../../', import.meta.url) })) {
      const source = await readFile(new URL(`../../${path}`, import.meta.url), 'utf8');
      const code = source.replace(/\/\*.*?\*\/|^\s*\/\/.*$/gms, '');
      for (const [found] of code.matchAll(
        /.{0,30}(?<!`)jamf-mcp (?:secrets|rotate|deploy|audit|iam|serve|doctor)\b[^\n]{0,40}/g,
      ))
        bare.push(`${path}: ${found}`);
    }
    assert.deepEqual(bare, []);
  });
});
