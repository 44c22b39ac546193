import { JamfMcpError } from '../../errors.ts';
import type { Secret } from '../../redact.ts';
import type { Fields } from '../../secrets/store.ts';

/**
 * A field without which an issuer cannot be reached.
 * @param title - of the issuer: `Jamf`
 * @throws JamfMcpError SECRET_MALFORMED where the secret has no such field
 */
export function fieldOf(fields: Fields, name: string, title: string): Secret {
  const found = fields.get(name);
  if (found) return found;
  throw new JamfMcpError(
    'SECRET_MALFORMED',
    `the secret has no field ${name}, so ${title} cannot be reached with it`,
    'complete it with `jamf-mcp secrets init --update`',
  );
}
