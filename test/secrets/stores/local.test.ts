import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SecretDocument } from '../../../src/lib/secrets/document.ts';
import { schemaOf } from '../../../src/lib/secrets/schema.ts';
import { readKey, seal, unseal } from '../../../src/lib/secrets/stores/local-key.ts';
import { localStore } from '../../../src/lib/secrets/stores/local.ts';
import { testContext } from '../../support/context.ts';
import { storeContract } from '../contract.ts';

/** Change a stored document with the store's own key, as nothing but the store itself could. */
async function tamper(
  folder: string,
  name: string,
  change: (document: SecretDocument) => SecretDocument,
): Promise<void> {
  const key = await readKey(join(folder, 'key.txt'));
  if (!key) throw new Error('the store has no key');
  for (const file of await readdir(folder)) {
    if (!file.endsWith('.age')) continue;
    const path = join(folder, file);
    const document = JSON.parse(await unseal(await readFile(path), key, path)) as SecretDocument;
    if (document.name === name) await writeFile(path, await seal(JSON.stringify(change(document)), key));
  }
}

describe('store contract: local', () => {
  storeContract(async () => {
    const parent = await mkdtemp(join(tmpdir(), 'jamf-mcp-store-'));
    const folder = join(parent, 'store');
    return {
      store: localStore({ folder, schema: schemaOf('jamf'), user: 'tester' }, testContext()),
      scheduleDeletion: (name) =>
        tamper(folder, name, (document) => ({ ...document, deletionAt: '2026-12-22T00:00:00.000Z' })),
      close: () => rm(parent, { recursive: true }),
    };
  });
});
