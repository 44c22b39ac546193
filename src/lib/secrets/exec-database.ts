/** One URL from the fields of a database. */
import { JamfMcpError } from '../errors.ts';
import { fieldCalled, schemaOf } from './schema.ts';
import type { Fields } from './store.ts';

/** RDS's names of engines, the scheme of their URLs, and the port that is theirs. */
const ENGINES: Readonly<Record<string, { scheme: string; port: number }>> = {
  postgres: { scheme: 'postgresql', port: 5432 },
  postgresql: { scheme: 'postgresql', port: 5432 },
  'aurora-postgresql': { scheme: 'postgresql', port: 5432 },
  mysql: { scheme: 'mysql', port: 3306 },
  'aurora-mysql': { scheme: 'mysql', port: 3306 },
  mariadb: { scheme: 'mysql', port: 3306 },
};

/**
 * `postgresql://user:password@host:5432/database`, every part encoded for its place (RFC 3986).
 * @param secret - name of the secret, for errors
 * @param fields - its fields, in any spelling that the schema `database` knows, and in that of the secrets that RDS
 *   writes (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html)
 * @returns the URL: it holds the password
 * @throws JamfMcpError NOT_FOUND where host, user, password or database is missing; INPUT_INVALID for a port that is
 *   none, a host that is none, or an engine without such URLs
 */
export function databaseUrl(secret: string, fields: Fields): string {
  const schema = schemaOf('database');
  const parts = new Map<string, string>();
  for (const [name, value] of fields) {
    const part = /^(DB_)?engine$/i.test(name) ? 'engine' : fieldCalled(schema, name)?.name;
    // The name itself before one that only stands for it.
    if (part !== undefined && (!parts.has(part) || part === name)) parts.set(part, value.reveal());
  }
  const part = (name: string) => parts.get(name) ?? '';
  const missing = ['DB_HOST', 'DB_NAME', 'DB_USER', 'DB_PASSWORD'].filter((name) => part(name) === '');
  if (missing.length > 0) {
    throw new JamfMcpError(
      'NOT_FOUND',
      `secret ${secret} has no ${missing.join(', ')} to compose a database URL from; nothing was started`,
      'name the secret of the database with --secret; the schema database says what its fields are called',
      { details: { missing } },
    );
  }
  const engine = ENGINES[part('engine').toLowerCase() || 'postgres'];
  const port = part('DB_PORT') || String(engine?.port);
  const host = part('DB_HOST');
  if (!engine) throw invalid(secret, 'an engine whose URLs are not known', Object.keys(ENGINES).join(', '));
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535)
    throw invalid(secret, 'a port that is none', '1 to 65535');
  if (!/^[\w.-]+$|^\[?[\da-fA-F:.]+\]?$/.test(host)) throw invalid(secret, 'a host that is none', 'a host name alone');
  const encode = (text: string) => encodeURIComponent(text.toWellFormed());
  const address = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  const query = part('DB_SSLMODE') === '' ? '' : `?sslmode=${encode(part('DB_SSLMODE'))}`;
  return `${engine.scheme}://${encode(part('DB_USER'))}:${encode(part('DB_PASSWORD'))}@${address}:${port}/${encode(part('DB_NAME'))}${query}`;
}

const invalid = (secret: string, what: string, allowed: string) =>
  new JamfMcpError('INPUT_INVALID', `secret ${secret} has ${what}`, `correct the field: ${allowed}`);
