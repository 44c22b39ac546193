/** The zip of the rotation function, which comes along with the package. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { JamfMcpError } from '../errors.ts';

/** Below the folder of the package. */
const PLACE = 'dist/lambda/rotation.zip';

/**
 * Read the zip. Where this module ends up in the bundle is the bundler's choice, so the folder above it is searched for.
 * @throws JamfMcpError BUG where the package was built without it
 */
export async function readRotationZip(): Promise<Uint8Array> {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    try {
      return await readFile(join(folder, PLACE));
    } catch (error) {
      const above = dirname(folder);
      if (above !== folder) {
        folder = above;
        continue;
      }
      const text = `the package lacks ${PLACE}, the code of the rotation function`;
      throw new JamfMcpError('BUG', text, 'install it again; in a clone: npm run build', { cause: error });
    }
  }
}
