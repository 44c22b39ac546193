/** Secrets Manager: resource policies (kept and checked for form, not evaluated) and random passwords. */
import { flag, integer, requiredText, text } from './input.ts';
import type { SecretsWorld } from './secretsmanager.ts';
import { AwsFault, type AwsHandlers, type SandboxRandom } from './service.ts';

type Input = Record<string, unknown>;

/** GetResourcePolicy, PutResourcePolicy, DeleteResourcePolicy, ValidateResourcePolicy. */
export function policyHandlers({ any, live }: SecretsWorld): AwsHandlers {
  return {
    GetResourcePolicy(_input, call) {
      const secret = any(call);
      return { ARN: secret.arn, Name: secret.name, ResourcePolicy: secret.policy ?? undefined };
    },
    PutResourcePolicy(input, call) {
      const secret = live(call);
      const policy = requiredText(input, 'ResourcePolicy', { min: 1, max: 20_480 });
      const statements = statementsOf(policy);
      if (flag(input, 'BlockPublicPolicy') && statements.some(isPublic)) {
        throw new AwsFault(
          'PublicPolicyException',
          "You can't attach this resource policy because it allows broad access to the secret.",
        );
      }
      secret.policy = policy;
      return { ARN: secret.arn, Name: secret.name };
    },
    DeleteResourcePolicy(_input, call) {
      const secret = live(call);
      secret.policy = null;
      return { ARN: secret.arn, Name: secret.name };
    },
    ValidateResourcePolicy(input) {
      const open = statementsOf(requiredText(input, 'ResourcePolicy', { min: 1, max: 20_480 })).some(isPublic);
      const error = { CheckName: 'PublicAccess', ErrorMessage: 'The policy allows broad access to the secret.' };
      return { PolicyValidationPassed: !open, ValidationErrors: open ? [error] : [] };
    },
  };
}

function statementsOf(policy: string): Input[] {
  const malformed = () =>
    new AwsFault('MalformedPolicyDocumentException', 'This resource policy contains invalid Json syntax.');
  let parsed: unknown;
  try {
    parsed = JSON.parse(policy);
  } catch {
    throw malformed();
  }
  if (parsed === null || typeof parsed !== 'object' || !('Statement' in parsed)) throw malformed();
  const statements = Array.isArray(parsed.Statement) ? parsed.Statement : [parsed.Statement];
  if (!statements.every((statement) => statement !== null && typeof statement === 'object')) throw malformed();
  return statements as Input[];
}

/** Allowed to everybody, under no condition. */
function isPublic({ Effect, Principal, Condition }: Input): boolean {
  const everybody = (value: unknown): boolean => value === '*' || (Array.isArray(value) && value.includes('*'));
  const named = Principal !== null && typeof Principal === 'object' && 'AWS' in Principal ? Principal.AWS : Principal;
  return Effect === 'Allow' && Condition === undefined && everybody(named);
}

const PUNCTUATION = '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~';

/**
 * GetRandomPassword: 32 characters of four kinds unless the request says otherwise, one of each kind at least.
 * @throws AwsFault InvalidParameterException where the length cannot hold one of each kind, or no kind is left
 */
export function randomPassword(input: Input, random: SandboxRandom): string {
  const length = integer(input, 'PasswordLength', { min: 1, max: 4096 }) ?? 32;
  const excluded = text(input, 'ExcludeCharacters', { max: 4096 }) ?? '';
  const kinds = [
    flag(input, 'ExcludeLowercase') ? '' : 'abcdefghijklmnopqrstuvwxyz',
    flag(input, 'ExcludeUppercase') ? '' : 'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
    flag(input, 'ExcludeNumbers') ? '' : '0123456789',
    flag(input, 'ExcludePunctuation') ? '' : PUNCTUATION,
    flag(input, 'IncludeSpace') ? ' ' : '',
  ]
    .map((kind) =>
      Array.from(kind)
        .filter((character) => !excluded.includes(character))
        .join(''),
    )
    .filter((kind) => kind !== '');
  if (kinds.length === 0)
    throw new AwsFault('InvalidParameterException', 'The password has no characters to choose from.');
  const needed = input.RequireEachIncludedType === false ? [] : kinds;
  if (length < needed.length) {
    throw new AwsFault('InvalidParameterException', 'Password length is too short based on the required types.');
  }
  const characters = [
    ...needed.map((kind) => random.text(1, kind)),
    ...Array.from(random.text(length - needed.length, kinds.join(''))),
  ];
  for (let last = characters.length - 1; last > 0; last -= 1) {
    const other = random.integer(last + 1);
    [characters[last], characters[other]] = [characters[other] ?? '', characters[last] ?? ''];
  }
  return characters.join('');
}
