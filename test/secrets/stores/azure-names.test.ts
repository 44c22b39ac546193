import assert from 'node:assert/strict';
import fc from 'fast-check';
import { azureName, INDEX_SUFFIX, nameFromAzure } from '../../../src/lib/secrets/stores/azure-names.ts';

/** Names that the stores take, those with many hyphens and slashes most of all. */
const names = fc.oneof(
  fc.stringMatching(/^[\w/+=.@!-]{1,40}$/),
  fc.string({ unit: fc.constantFrom('a', '0', 'f', '-', '/', 'A', '_'), minLength: 1, maxLength: 12 }),
);

describe('names in Key Vault', () => {
  it('are the same names where they can be, and easy to read', () => {
    assert.equal(azureName('jamf-mcp-server/production'), 'jamf-mcp-server--production');
    assert.equal(azureName('Team_A/db'), '---54eam---5f---41---2fdb');
    assert.equal(azureName('a-/-b'), 'a---2d---2f---2db');
  });

  it('are letters, digits and hyphens, come back as they were, and no two are one', () => {
    fc.assert(
      fc.property(names, (name) => {
        const encoded = azureName(name);
        assert.match(encoded, /^[0-9a-z-]+$/);
        assert.equal(nameFromAzure(encoded), name);
      }),
      { numRuns: 5_000 },
    );
  });

  it('are told from names of others and of indexes', () => {
    const foreign = fc.string({ unit: fc.constantFrom('a', '2', 'f', '-', 'A'), minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(foreign, (encoded) => {
        const name = nameFromAzure(encoded);
        assert.ok(name === null || azureName(name) === encoded);
      }),
      { numRuns: 5_000 },
    );
    fc.assert(
      fc.property(names, (name) => {
        assert.equal(nameFromAzure(azureName(name) + INDEX_SUFFIX), null);
      }),
    );
    for (const other of ['My-Secret', '-a', 'a-', 'a---zz', '----']) assert.equal(nameFromAzure(other), null, other);
  });
});
