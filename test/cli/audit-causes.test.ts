import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import type { AuditResult } from '../../src/lib/audit/audit.ts';
import type { BaselineLearn, BaselineShow } from '../../src/lib/audit/baseline-manage.ts';
import type { EventExplanation } from '../../src/lib/audit/explain-event.ts';
import { startSandbox, type Sandbox } from '../../src/lib/sandbox/index.ts';
import { READER, type Credentials } from '../../src/lib/sandbox/principals.ts';
import { runCli, startCli } from '../support/cli.ts';

const NAME = 'jamf-mcp-server/production';

describe('jamf-mcp audit: what caused it', function () {
  this.timeout(60_000);
  let sandbox: Sandbox;
  let folder: string;
  const environment = (more: Record<string, string> = {}) => ({
    ...sandbox.environment,
    XDG_DATA_HOME: folder,
    JAMF_MCP_CONFIG: join(folder, 'jamf-mcp.yaml'),
    ...more,
  });
  const run = (args: readonly string[], more: Record<string, string> = {}, input?: string) =>
    runCli(args, { env: environment(more), ...(input === undefined ? {} : { input }) });
  const as = ({ accessKeyId, secretAccessKey, sessionToken = '' }: Credentials) => ({
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  });
  const audited = async (more: Record<string, string> = {}, ...args: string[]): Promise<AuditResult> => {
    const { stdout, stderr } = await run(['audit', '--since', '1h', '--json', ...args], more);
    assert.ok(stdout.startsWith('{'), stderr);
    return JSON.parse(stdout) as AuditResult;
  };

  before(async () => {
    sandbox = await startSandbox({ speed: 50 });
    folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-audit-causes-'));
    await writeFile(join(folder, 'jamf-mcp.yaml'), 'environments:\n  production: {}\n');
    const fields = Object.entries(sandbox.fields).map(([name, value]) => `${name}=${value}\n`);
    const made = await run(['secrets', 'init', '--from-file', '-', '--yes', '--no-input'], {}, fields.join(''));
    assert.equal(made.code, 0, made.stderr);
    const rotated = await run(['rotate', '--force-deploy', '--yes', '--confirm', NAME, '--json']);
    assert.equal(rotated.code, 0, rotated.stderr);
  });
  after(async () => {
    await sandbox.close();
    await rm(folder, { recursive: true });
  });

  it('explains every access that rotate --force-deploy caused: 0 unexplained', async () => {
    const result = await audited();
    assert.equal(result.unexplained, 0);
    const reads = result.accesses.filter(({ action }) => action === 'GetSecretValue');
    assert.ok(reads.length >= 3, 'the rotation and two tasks');
    assert.deepEqual([...new Set(reads.map(({ explanation }) => explanation?.kind))].toSorted(), [
      'rotation',
      'task-start',
    ]);
    const start = reads.find(({ explanation }) => explanation?.kind === 'task-start');
    assert.match(start?.explanation?.why ?? '', /deployment ecs-svc\/\d+ of the rotation [0-9a-f-]{36}\) was starting/);
  });

  it('explains them to somebody else too, by the record and not by who asks', async () => {
    const result = await audited(as(READER));
    const open = result.accesses.filter(({ explanation }) => explanation === null);
    assert.deepEqual(
      open.map(({ action }) => action),
      ['CreateSecret'],
      'made before the rotation',
    );
    // Without the record, or with one that was changed, the rotation explains nothing.
    const [path = ''] = await records();
    const whole = await readFile(path, 'utf8');
    await writeFile(path, whole.replace('"reason"', '"Reason"'));
    const doubted = await audited(as(READER));
    assert.ok(doubted.unexplained > 1);
    assert.match(JSON.stringify(doubted.skipped), /this record of a rotation has been changed: it explains nothing/);
    await writeFile(path, whole);
    assert.equal((await audited(as(READER))).unexplained, 1);
  });

  async function records(): Promise<string[]> {
    const { readdir } = await import('node:fs/promises');
    const place = join(folder, 'jamf-mcp', 'rotations');
    return (await readdir(place)).map((name) => join(place, name));
  }

  it('explains a reveal by its reason', async () => {
    const reveal = ['secrets', 'reveal', 'JAMF_URL', '--reason', 'INC-7: login fails', '--confirm', NAME];
    assert.equal((await run(reveal)).code, 0);
    const mine = (await audited()).accesses.at(-1);
    assert.equal(mine?.explanation?.kind, 'break-glass');
    assert.match(mine.explanation.why, /INC-7: login fails$/);
  });

  it('shows only what one principal did', async () => {
    const tasks = await audited({}, '--principal', 'role/ecsTaskExecutionRole');
    assert.ok(tasks.total > 0);
    assert.deepEqual(tasks.asked, ['role/ecsTaskExecutionRole']);
    assert.ok(tasks.accesses.every(({ principal }) => principal.arn?.includes('ecsTaskExecutionRole')));
    assert.equal((await audited({}, '--principal', 'nobody')).total, 0);
  });

  it('tells of one access what was tried', async () => {
    const start = (await audited()).accesses.find(({ explanation }) => explanation?.kind === 'task-start');
    assert.ok(start);
    const { stdout, code, stderr } = await run(['audit', 'explain', start.eventId, '--json']);
    assert.equal(code, 0, stderr);
    const told = JSON.parse(stdout) as EventExplanation;
    const schema = await readFile(new URL('../../docs/results/audit-explain.schema.json', import.meta.url), 'utf8');
    const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(JSON.parse(schema) as object);
    assert.ok(validate(told), JSON.stringify(validate.errors));
    assert.deepEqual(
      told.accesses.map(({ access }) => access.eventId),
      [start.eventId],
    );
    const attempts = told.accesses[0]?.attempts ?? [];
    assert.deepEqual(
      attempts.filter(({ explains }) => explains).map(({ kind }) => kind),
      ['task-start'],
    );
    assert.ok(attempts.length >= 12 && attempts.every(({ why }) => why !== ''));
    assert.ok(told.around.every(({ principal }) => principal.role === start.principal.role));
    const text = await run(['audit', 'explain', start.eventId]);
    assert.match(text.stdout, /^explained: task-start\n/);
    assert.match(text.stdout, /\nwhat could have caused it\nno +aws-service +a caller made it/);
    const none = await run(['audit', 'explain', '00000000-0000-4000-8000-000000000000']);
    assert.equal(none.code, 5);
    assert.match(none.stderr, /has no event 00000000/);
  });

  it('learns what is usual from a time that is named, after it was asked, and explains by it', async () => {
    const path = join(folder, 'jamf-mcp-baseline.yaml');
    assert.equal((await run(['audit', 'baseline', 'learn', '--yes'])).code, 2, 'no window');
    assert.equal((await run(['audit', 'baseline', 'learn', '--since', '1h', '--no-input'])).code, 2, 'nobody to ask');
    const dry = await run(['audit', 'baseline', 'learn', '--since', '1h', '--dry-run', '--json']);
    assert.equal(dry.code, 0, dry.stderr);
    assert.equal((JSON.parse(dry.stdout) as BaselineLearn).changed, false);
    await assert.rejects(readFile(path), 'nothing is written until then');

    const learnt = await run([
      'audit',
      'baseline',
      'learn',
      '--since',
      '1h',
      '--yes',
      '--json',
      '--reason',
      'first week',
    ]);
    assert.equal(learnt.code, 0, learnt.stderr);
    const { added, changed, file } = JSON.parse(learnt.stdout) as BaselineLearn;
    assert.deepEqual([changed, file], [true, path]);
    assert.ok(added.some(({ principal }) => principal.endsWith('AWSReservedSSO_Operator_0123456789abcdef')));
    assert.match(await readFile(path, 'utf8'), /^# What is usual: /);

    // What the reader could not explain before is usual now.
    const result = await audited(as(READER));
    assert.equal(result.unexplained, 0);
    assert.ok(result.accesses.some(({ explanation }) => explanation?.kind === 'baseline'));
    const shown = await run(['audit', 'baseline', 'show']);
    assert.match(shown.stdout, /^\d+ entries\n/);
    assert.match(shown.stdout, /first\s+week/);
    const again = await run(['audit', 'baseline', 'learn', '--since', '1h', '--yes', '--json']);
    assert.equal((JSON.parse(again.stdout) as BaselineLearn).added.length, 0);

    await writeFile(path, 'entries:\n  - principal: x\n');
    const broken = await run(['audit']);
    assert.equal(broken.code, 2);
    assert.match(broken.stderr, /jamf-mcp-baseline\.yaml:2:5: entries\.0\.secret: /);
    await rm(path);
  });

  it('allows a caller until a day', async () => {
    const until = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
    const allow = ['audit', 'baseline', 'allow', 'arn:aws:iam::000000000000:user/legacy-ci', '--reason', 'OPS-3'];
    assert.equal((await run(allow)).code, 2, 'an end is needed');
    const { code, stdout, stderr } = await run([...allow, '--until', until, '--network', '203.0.113.0/24']);
    assert.equal(code, 0, stderr);
    assert.match(stdout, new RegExp(`^allowed: user/legacy-ci on ${NAME} until ${until}\n`));
    const shown = JSON.parse((await run(['audit', 'baseline', 'show', '--json'])).stdout) as BaselineShow;
    assert.deepEqual(
      shown.entries.map(({ principal, state, reason }) => [principal, state, reason]),
      [['arn:aws:iam::000000000000:user/legacy-ci', 'holds', 'OPS-3']],
    );
  });

  it('does the same with the local store', async () => {
    const local = { JAMF_MCP_STORE: 'local' };
    const fields = Object.entries(sandbox.fields).map(([name, value]) => `${name}=${value}\n`);
    const made = await run(['secrets', 'init', '--no-verify', '--from-file', '-', '--yes'], local, fields.join(''));
    assert.equal(made.code, 0, made.stderr);
    const reveal = ['secrets', 'reveal', 'JAMF_URL', '--reason', 'INC-8: local', '--confirm', NAME];
    assert.equal((await run(reveal, local)).code, 0);
    const { accesses, unexplained } = await audited(local, '--principal', 'user/*');
    assert.equal(unexplained, 0);
    const last = accesses.at(-1);
    assert.equal(last?.explanation?.kind, 'break-glass');
    assert.match(
      (await run(['audit', 'explain', last.eventId], local)).stdout,
      /^explained: break-glass\nevent +line:/,
    );
    const learnt = await run(['audit', 'baseline', 'learn', '--since', '1h', '--dry-run'], local);
    assert.match(learnt.stdout, /^nothing written: 1 new, 0 widened/);
    assert.equal((await audited(local, '--principal', 'user/nobody@*')).total, 0);
  });

  it('follows until Ctrl-C: a line for each new access, a summary, and exit 0', async () => {
    for (const form of [[], ['--json'], ['--format', 'ndjson']]) {
      const child = startCli(['audit', '--since', '1h', '--follow', ...form], {
        env: environment(),
      });
      let out = '';
      let err = '';
      child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
      await new Promise<void>((resolve, reject) => {
        child.stdout.on('data', (chunk: Buffer) => {
          out += chunk.toString();
          if (out.includes('task-start')) resolve();
        });
        child.on('close', () => {
          reject(new Error(`it ended before anything was told: ${err}`));
        });
      });
      child.removeAllListeners('close');
      const closed = once(child, 'close') as Promise<[number | null]>;
      child.kill('SIGINT');
      assert.deepEqual((await closed)[0], 0, err);
      const lines = out.trimEnd().split('\n');
      if (form.length > 0) {
        const kinds = lines.map((line) => (JSON.parse(line) as { kind: string }).kind);
        assert.deepEqual(new Set(kinds.slice(0, -1)), new Set(['access']));
        assert.equal(kinds.at(-1), 'end');
      } else {
        assert.match(lines[0] ?? '', /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w+ jamf-mcp-server\/production by /);
        assert.match(lines.at(-1) ?? '', /^0 of \d+ accesses unexplained, /);
      }
    }
    for (const refused of [['--fail-on', 'high'], ['--format', 'html'], ['--guards']])
      assert.equal((await run(['audit', '--follow', ...refused])).code, 2);
  });
});
