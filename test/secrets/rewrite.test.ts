/** A dotenv file made safe: what stays, what git is told, and what a crash leaves. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gitKnows } from '../../src/lib/secrets/git.ts';
import { credentialsInComments, rewriteFile, safeText } from '../../src/lib/secrets/rewrite.ts';
import { testContext } from '../support/context.ts';
import { rejectsWith } from './contract.ts';

const REWRITER = new URL('../support/rewriter.ts', import.meta.url).pathname;

const ORIGINAL = `# settings
DB_PASSWORD='EXAMPLE-password'
# DB_PASSWORD=EXAMPLE-older
# the password is EXAMPLE-password
LOG_LEVEL=INFO # loud
export PORT=8000


MESSAGE="two
lines"
`;
const MOVED = new Set(['DB_PASSWORD']);
const safe = (text: string, moved = MOVED) =>
  safeText(text, '.env', moved, MOVED, ['# kept elsewhere', 'JAMF_MCP_ENV=dev']);

describe('the safe text', () => {
  it('keeps the settings as they are written, and no credential, in comments neither', () => {
    assert.deepEqual(safe(ORIGINAL), {
      text: `# kept elsewhere
JAMF_MCP_ENV=dev

# settings
LOG_LEVEL=INFO # loud
export PORT=8000

MESSAGE="two
lines"
`,
      kept: ['LOG_LEVEL', 'PORT', 'MESSAGE'],
    });
  });

  it('does not set a name twice', () => {
    assert.doesNotMatch(safe('JAMF_MCP_ENV=old\nA=1\n').text, /old/);
    assert.equal(safe('DB_PASSWORD=EXAMPLE-x').text, '# kept elsewhere\nJAMF_MCP_ENV=dev\n');
  });

  it('refuses to keep a credential, with file and line', async () => {
    const cases: [string, RegExp][] = [
      ['A=1\nOTHER_TOKEN=EXAMPLE-1', /^\.env:2 would keep a credential in plain text: OTHER_TOKEN$/],
      ['DB_PASSWORD=EXAMPLE-pw\n\nNOTE="is EXAMPLE-pw"', /^\.env:3 would keep .*: NOTE$/],
      ['DB_PASSWORD=EXAMPLE-pw\nA=1 # EXAMPLE-pw', /^\.env:2 would keep .*: A$/],
      ['URL=redis://:EXAMPLE@cache', /^\.env:1 would keep .*: URL$/],
    ];
    for (const [text, message] of cases)
      assert.match((await rejectsWith('INPUT_INVALID', () => safe(text))).message, message);
  });

  it('finds credentials in comments', () => {
    assert.deepEqual(credentialsInComments(ORIGINAL, '.env'), [{ name: 'DB_PASSWORD', where: '.env:3' }]);
  });
});

describe('making the file safe', () => {
  let folder: string;
  let file: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-rewrite-'));
    file = join(folder, '.env');
    await writeFile(file, ORIGINAL);
    await chmod(file, 0o640);
  });
  afterEach(() => rm(folder, { recursive: true }));

  const rewrite = (original = ORIGINAL) => rewriteFile(file, original, safe(ORIGINAL), testContext());
  const text = (name: string) => readFile(join(folder, name), 'utf8');
  const mode = async (name: string) => (await stat(join(folder, name))).mode & 0o777;

  it('keeps the original for its owner alone, the file with its mode, and tells git what to ignore', async () => {
    const result = await rewrite();
    assert.deepEqual(result, {
      file,
      backup: `${file}.old`,
      kept: ['LOG_LEVEL', 'PORT', 'MESSAGE'],
      ignored: ['.env.local', '.env.*.local', 'secrets_backup.json', '.env.old'],
    });
    assert.deepEqual((await readdir(folder)).sort(), ['.env', '.env.old', '.gitignore']);
    assert.equal(await text('.env.old'), ORIGINAL);
    assert.equal(await text('.env'), safe(ORIGINAL).text);
    assert.deepEqual([await mode('.env'), await mode('.env.old')], [0o640, 0o600]);
  });

  it('adds only the lines that .gitignore lacks', async () => {
    await writeFile(join(folder, '.gitignore'), 'node_modules/\r\n/.env.old\n.env.local');
    assert.deepEqual((await rewrite()).ignored, ['.env.*.local', 'secrets_backup.json']);
    assert.equal(
      await text('.gitignore'),
      'node_modules/\r\n/.env.old\n.env.local\n.env.*.local\nsecrets_backup.json\n',
    );
  });

  it('leaves a file alone that has changed meanwhile', async () => {
    await rejectsWith('CONFLICT', rewrite('A=1\n'));
    assert.deepEqual(await readdir(folder), ['.env']);
    assert.equal(await text('.env'), ORIGINAL);
  });

  it('never overwrites another backup', async () => {
    await writeFile(`${file}.old`, 'EXAMPLE-other');
    await rejectsWith('INPUT_INVALID', rewrite());
    assert.deepEqual([await text('.env'), await text('.env.old')], [ORIGINAL, 'EXAMPLE-other']);
  });

  it('follows a link to the file, and keeps the link', async () => {
    await mkdir(join(folder, 'app'));
    await symlink('../.env', join(folder, 'app/.env'));
    await rewriteFile(join(folder, 'app/.env'), ORIGINAL, safe(ORIGINAL), testContext());
    assert.deepEqual(await readdir(join(folder, 'app')), ['.env']);
    assert.equal(await text('.env.old'), ORIGINAL);
    assert.equal(await text('app/.env'), safe(ORIGINAL).text);
  });

  it('leaves the original or both files, wherever it is killed, and goes on when it is run again', async () => {
    const run = async (dieAt: number) => {
      const child = spawn(process.execPath, [REWRITER, file, String(dieAt)], { stdio: ['ignore', 'pipe', 'inherit'] });
      let out = '';
      child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
      const [, signal] = (await once(child, 'close')) as [number | null, string | null];
      return { calls: Number(out), signal };
    };
    const reset = async () => {
      for (const name of await readdir(folder)) await rm(join(folder, name));
      await writeFile(file, ORIGINAL);
    };
    const { calls } = await run(0);
    assert.ok(calls > 30, `${String(calls)} calls`);
    const states = new Set<string>();
    for (let n = 1; n <= calls; n += 1) {
      await reset();
      assert.equal((await run(n)).signal, 'SIGKILL', `call ${String(n)}`);
      const backup = existsSync(`${file}.old`) ? await text('.env.old') : null;
      const now = await text('.env');
      assert.ok(backup === null || backup === ORIGINAL, 'the backup is whole');
      if (backup !== null) assert.equal(await mode('.env.old'), 0o600);
      assert.ok(now === ORIGINAL || (backup === ORIGINAL && now.startsWith('# safe')), `killed at call ${String(n)}`);
      for (const name of await readdir(folder)) {
        if (/\.env.*\.tmp$/.test(name)) assert.equal(await mode(name), 0o600, name);
      }
      states.add(`${now === ORIGINAL ? 'original' : 'safe'} ${backup === null ? 'alone' : 'and backup'}`);
      if (now !== ORIGINAL) continue;
      assert.equal((await run(0)).signal, null, `again after call ${String(n)}`);
      assert.match(await text('.env'), /^# safe\n/);
      assert.equal(await text('.env.old'), ORIGINAL);
      const left = (await readdir(folder)).filter((name) => name.startsWith('.env')).sort();
      assert.deepEqual(left, ['.env', '.env.old'], 'nothing of the killed run is left');
    }
    assert.deepEqual([...states], ['original alone', 'original and backup', 'safe and backup']);
  }).timeout(120_000);
});

describe('what git knows of a file', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-git-'));
  });
  afterEach(() => rm(folder, { recursive: true }));
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', folder, '-c', 'user.name=EXAMPLE', '-c', 'user.email=example@example.com', ...args]);

  it('is nothing outside of a repository, and all there is inside', async () => {
    const file = join(folder, '.env');
    await writeFile(file, 'A=1\n');
    assert.equal(await gitKnows(file), 'no');
    git('init', '-q');
    assert.equal(await gitKnows(file), 'no');
    git('add', '.env');
    assert.equal(await gitKnows(file), 'tracked');
    git('commit', '-qm', 'add');
    git('rm', '-q', '--cached', '.env');
    git('commit', '-qm', 'remove');
    assert.equal(await gitKnows(file), 'history');
  });

  it('is unknown where git cannot read the repository', async () => {
    await writeFile(join(folder, '.git'), 'gitdir: nowhere\n');
    assert.equal(await gitKnows(join(folder, '.env')), 'unknown');
  });
});
