/** `secrets verify`: whether a secret has what it should, and whether its credentials work. */
import { JamfMcpError } from '../errors.ts';
import type { Context } from '../host.ts';
import { redact } from '../redact.ts';
import { LIVE_CHECKS, type LiveCheck, type LiveSettings } from './live-checks.ts';
import { checkFields, fieldCalled, schemaOf, type SecretSchema } from './schema.ts';
import type { SecretStore, SecretVersion } from './store.ts';

/** One check and what came of it. */
export interface VerifyCheck {
  /** `schema`, or one of the live checks: `jamf`, `oidc`, `auth0-client`, `database`, `aws`, `s3`. */
  check: string;
  /** The fields that it looked at, as the secret has them. */
  fields: string[];
  state: 'pass' | 'fail' | 'skipped';
  why: string;
}

/** What `secrets verify` gives. */
export interface VerifyResult {
  secret: { name: string; arn: string; store: string; environment: string };
  versionId: string;
  schema: string;
  checks: VerifyCheck[];
  summary: { pass: number; fail: number; skipped: number };
}

/** What `verifySecret` works on. */
export interface VerifyRequest {
  store: SecretStore;
  secret: string;
  environment: string;
  /** Staging label of the version. */
  stage: string;
  /** Try the credentials where they are used; otherwise only the schema is checked. */
  live: boolean;
  settings: LiveSettings;
}

/**
 * Check a version against its schema, then try what can be tried: each check of which the secret has a field.
 * @throws JamfMcpError what the store throws; a check that fails is a result
 */
export async function verifySecret(request: VerifyRequest, context: Context): Promise<VerifyResult> {
  const { store, environment } = request;
  const version = await store.read(request.secret, { stage: request.stage });
  const { schema } = version;
  const live = LIVE_CHECKS.map((check) => ({ check, found: fieldsOf(check, version) })).filter(({ check, found }) =>
    check.needs.some((name) => found.names.has(name)),
  );
  const checks = [
    ...checkSchema(schema, version),
    ...(await Promise.all(live.map(({ check, found }) => tryLive(check, found, request, context)))),
  ];
  const count = (state: VerifyCheck['state']) => checks.filter((check) => check.state === state).length;
  return {
    secret: { name: version.name, arn: version.arn, store: store.kind, environment },
    versionId: version.versionId,
    schema: schema.name,
    checks,
    summary: { pass: count('pass'), fail: count('fail'), skipped: count('skipped') },
  };
}

function checkSchema(schema: SecretSchema, { fields }: SecretVersion): VerifyCheck[] {
  const raw = Object.fromEntries([...fields].map(([name, value]) => [name, value.reveal()]));
  const { values, problems } = checkFields(schema, raw);
  const wrong = problems.map(({ field, why }): VerifyCheck => ({
    check: 'schema',
    fields: [field],
    state: 'fail',
    why,
  }));
  if (wrong.length > 0) return wrong;
  const right = schema.fields.map(({ name }) => name).filter((name) => Object.hasOwn(values, name));
  return [
    {
      check: 'schema',
      fields: right,
      state: 'pass',
      why: `every field of the schema ${schema.name} is there and right`,
    },
  ];
}

interface FoundFields {
  /** The check's name of a field to the secret's name of it. */
  names: Map<string, string>;
  values: Record<string, string>;
}

/** The secret's fields by the check's names; what another schema defaults to is filled in. */
function fieldsOf({ schema: name, needs }: LiveCheck, { fields }: SecretVersion): FoundFields {
  // A bucket is asked about with the key beside it, where there is one.
  const schemas = [schemaOf(name), ...(name === 's3' ? [schemaOf('aws')] : [])];
  const names = new Map<string, string>();
  const values: Record<string, string> = {};
  for (const schema of schemas) {
    for (const [given, value] of fields) {
      const field = fieldCalled(schema, given, 'never');
      if (!field || value.reveal() === '') continue;
      values[field.name] = value.reveal();
      names.set(field.name, given);
    }
  }
  for (const field of schemaOf(name).fields) {
    if (field.default !== undefined && !needs.includes(field.name)) values[field.name] ??= field.default;
  }
  return { names, values };
}

async function tryLive(
  check: LiveCheck,
  { names, values }: FoundFields,
  { live, settings }: VerifyRequest,
  context: Context,
): Promise<VerifyCheck> {
  const fields = check.needs.map((name) => names.get(name)).filter((name) => name !== undefined);
  const result = (state: VerifyCheck['state'], why: string): VerifyCheck => ({ check: check.name, fields, state, why });
  const missing = check.needs.filter((name) => !names.has(name));
  if (!live) return result('skipped', 'not tried (--no-live)');
  const wrong = checkFields(schemaOf(check.schema), values).problems.filter(
    ({ field, kind }) => kind === 'invalid' && check.needs.includes(field),
  );
  if (wrong.length > 0)
    return result('skipped', `cannot be tried: ${wrong.map(({ field, why }) => `${field} ${why}`).join('; ')}`);
  if (missing.length > 0) return result('skipped', `cannot be tried without ${missing.join(', ')}`);
  context.host.notify({ kind: 'progress', text: `trying ${check.name}` });
  try {
    const verdict = await check.run(values, settings, context);
    if ('pass' in verdict) return result('pass', verdict.pass);
    return 'fail' in verdict ? result('fail', verdict.fail) : result('skipped', verdict.skip);
  } catch (error) {
    if (!(error instanceof JamfMcpError) || error.code === 'INTERRUPTED') throw error;
    return result('fail', redact(error.message));
  }
}
