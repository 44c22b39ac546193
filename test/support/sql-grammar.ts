/** The grammars of Trino and Hive, which are Athena's two dialects. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import type { HiveSQL, TrinoSQL } from 'dt-sql-parser';

/** Tells what is wrong with a statement: nothing where it is in the grammar. */
export type Grammar = (sql: string) => string[];

/** Load the grammars. The package is written for bundlers, and Node alone cannot import it. */
export async function grammars(): Promise<{ trino: Grammar; hive: Grammar }> {
  const folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-grammar-'));
  try {
    const outfile = join(folder, 'grammar.mjs');
    await build({
      stdin: { contents: "export { HiveSQL, TrinoSQL } from 'dt-sql-parser';", resolveDir: import.meta.dirname },
      bundle: true,
      format: 'esm',
      platform: 'node',
      outfile,
      logLevel: 'error',
    });
    const parsers = (await import(pathToFileURL(outfile).href)) as {
      HiveSQL: new () => HiveSQL;
      TrinoSQL: new () => TrinoSQL;
    };
    const [trino, hive] = [new parsers.TrinoSQL(), new parsers.HiveSQL()];
    return {
      trino: (sql) => trino.validate(sql).map(({ message }) => message),
      hive: (sql) => hive.validate(sql).map(({ message }) => message),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
