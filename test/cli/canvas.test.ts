/** Colours: for a terminal, or where they are told to be; and none that a pipe would have to remove. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

/** What a program prints that draws in colours on its stdout, a pipe. */
function drawn(env: Record<string, string>): string {
  const program = `
    const { canvasOf } = await import(${JSON.stringify(new URL('../../src/lib/cli/canvas.ts', import.meta.url).href)});
    const { ink, width } = await canvasOf(process.stdout);
    process.stdout.write(ink.red('a') + ink.bold.dim('b') + width);`;
  const options = { env: { PATH: process.env.PATH, ...env }, encoding: 'utf8' } as const;
  return spawnSync(process.execPath, ['--input-type=module', '-e', program], options).stdout;
}

describe('colours in a pipe', () => {
  it('are none', () => {
    assert.equal(drawn({}), 'ab120');
    assert.equal(drawn({ TERM: 'xterm-256color', COLORTERM: 'truecolor' }), 'ab120');
  });

  it('are there where FORCE_COLOR asks for them, unless NO_COLOR does not want them', () => {
    assert.match(drawn({ FORCE_COLOR: '1' }), /^\u001b\[31ma\u001b\[39m\u001b\[1m\u001b\[2mb.*120$/);
    assert.equal(drawn({ FORCE_COLOR: '1', NO_COLOR: '1' }), 'ab120');
    assert.equal(drawn({ FORCE_COLOR: '0' }), 'ab120');
  });

  it('are there in Azure Pipelines, which shows them', () => {
    assert.match(drawn({ TF_BUILD: 'True', AGENT_NAME: 'x' }), /^\u001b\[31ma/);
  });
});
