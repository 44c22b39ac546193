/** The form of ARNs: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html */
import { arnLength, arnParts, PARTITIONS, type ArnParts } from '../arn.ts';
import type { Catalogue } from '../catalogue.ts';
import type { Rule } from '../finding.ts';
import { globsIntersect, isGlob } from '../glob.ts';
import { nearest } from '../nearest.ts';
import type { Policy, Text } from '../policy.ts';
import { HOLE } from '../tree.ts';
import { loosened } from '../variables.ts';
import { quoted, warningOf, type CheckContext } from './check.ts';

const form = (id: string, code: string, title: string, fix: string): Rule => ({
  id,
  code,
  kind: 'error',
  severity: 'high',
  title,
  why: 'AWS refuses the whole policy.',
  fix,
});

const NOT_AN_ARN = form(
  'resource-form',
  'INVALID_ARN_PREFIX',
  'a resource that is neither an ARN nor "*"',
  'Write the ARN: arn:aws:service:region:account:resource.',
);
const MISSING_FIELD = form(
  'arn-fields',
  'MISSING_ARN_FIELD',
  'an ARN that lacks a part',
  'Write all six parts; S3 and IAM leave some empty: arn:aws:s3:::bucket.',
);
const PARTITION = form(
  'arn-partition',
  'INVALID_PARTITION',
  'a partition that does not exist',
  'Write aws, aws-cn or aws-us-gov.',
);
const REGION_NOT_ALLOWED = form(
  'arn-region-not-allowed',
  'ARN_REGION_NOT_ALLOWED',
  'a Region where the ARN has none',
  'Leave the Region empty.',
);
const IAM_PATH = form(
  'arn-iam-resource',
  'INVALID_ARN_RESOURCE',
  'an ARN of IAM that names no kind of resource',
  'Start its last part with role/, user/, policy/ or another kind of IAM.',
);
const UNKNOWN_SERVICE = warningOf(
  'arn-unknown-service',
  'INVALID_SERVICE',
  'an ARN of a service that is not known',
  'It is the ARN of nothing.',
  'Correct the third part of the ARN.',
);
const REGION = warningOf(
  'arn-region',
  'INVALID_ARN_REGION',
  'a Region that cannot exist',
  'The ARN is that of nothing.',
  'Write a Region such as us-east-1, or "*".',
);
const ACCOUNT = warningOf(
  'arn-account',
  'INVALID_ARN_ACCOUNT',
  'an account that cannot exist',
  'The ARN is that of nothing.',
  'Write the 12 digits of the account, or "*".',
);
const SERVICE_CASE = warningOf(
  'arn-service-case',
  'INVALID_ARN_SERVICE_CASE',
  'an ARN with its service in capitals',
  'It is the ARN of nothing: case counts.',
  'Write the third part of the ARN in lower case.',
);
const NO_REGION = warningOf(
  'arn-without-region',
  'MISSING_ARN_REGION',
  'an ARN that lacks its Region',
  'It is the ARN of nothing: an empty part is no wildcard.',
  'Write the Region, or "*".',
);
const NO_ACCOUNT = warningOf(
  'arn-without-account',
  'MISSING_ARN_ACCOUNT',
  'an ARN that lacks its account',
  'It is the ARN of nothing: an empty part is no wildcard.',
  'Write the 12 digits of the account, or "*".',
);
const ACCOUNT_NOT_ALLOWED = warningOf(
  'arn-account-not-allowed',
  'ARN_ACCOUNT_NOT_ALLOWED',
  'an account where the ARN has none',
  'It is the ARN of nothing.',
  'Leave the account empty.',
);
const SHORT = warningOf(
  'arn-shortened',
  'MISSING_ARN_FIELD',
  'a shortened ARN',
  'IAM reads the missing parts as "*", which is broader than it looks.',
  'Write all six parts.',
);

/** Rules of this file. */
export const ARN_RULES: readonly Rule[] = [
  NOT_AN_ARN,
  MISSING_FIELD,
  PARTITION,
  REGION_NOT_ALLOWED,
  IAM_PATH,
  UNKNOWN_SERVICE,
  REGION,
  ACCOUNT,
  SERVICE_CASE,
  NO_REGION,
  NO_ACCOUNT,
  ACCOUNT_NOT_ALLOWED,
  SHORT,
];

/** Kinds of IAM's resources, as IAM itself lists them when it refuses one. */
const IAM_KINDS = [
  'user/',
  'federated-user/',
  'role/',
  'group/',
  'instance-profile/',
  'mfa/',
  'server-certificate/',
  'policy/',
  'sms-mfa/',
  'saml-provider/',
  'oidc-provider/',
  'report/',
  'access-report/',
];
/** What names of Regions look like. */
export const REGION_FORM = /^(?:[a-z]{2,4}(?:-[a-z]+){1,3}-\d{1,2}|aws-global|global)$/;

/**
 * The form of one resource. Holes may be anything.
 * @returns whether it can be compared with what the actions take
 */
export function checkArn(resource: Text, { type }: Policy, context: CheckContext): boolean {
  const text = resource.text.replaceAll(HOLE, '*');
  if (/^\*+$/.test(text)) return true;
  // A wildcard at the start may stand for the prefix; in a template a hole may be the whole ARN.
  const parts = arnParts(text);
  if (parts === null) {
    if (resource.holes.length > 0 || (type !== 'identity' && !text.includes(':')) || text.startsWith('*')) return true;
    context.report(NOT_AN_ARN, resource, `${quoted(resource) || 'an empty string'} is neither an ARN nor "*"`);
    return false;
  }
  const [partition, service, region, account, rest] = parts;
  const length = arnLength(text);
  if (length < 6 && resource.holes.length === 0) {
    if (length === 5 || service === '' || length < 3) {
      context.report(MISSING_FIELD, resource, `${quoted(resource)} has ${String(length)} of six parts`);
      return false;
    }
    context.report(SHORT, resource, `${quoted(resource)} has ${String(length)} of six parts`);
    return true;
  }
  if (service === '') {
    context.report(MISSING_FIELD, resource, `${quoted(resource)} names no service`);
    return false;
  }
  if (!isGlob(partition) && !variable(partition) && !PARTITIONS.includes(partition)) {
    const meant = nearest(partition, PARTITIONS);
    context.report(
      PARTITION,
      resource,
      `there is no partition ${quoted(partition)}${meant === null ? '' : `: ${meant} may be meant`}`,
    );
    return false;
  }
  if (
    (service === 'iam' && region !== '' && region !== '*') ||
    (service === 's3' && region !== '' && region !== '*' && account === '')
  ) {
    context.report(REGION_NOT_ALLOWED, resource, `an ARN of ${service} such as ${quoted(resource)} has no Region`);
    return false;
  }
  if (
    service === 'iam' &&
    !variable(rest) &&
    !IAM_KINDS.some((kind) => globsIntersect(rest, `${kind}*`)) &&
    rest !== 'root'
  ) {
    context.report(IAM_PATH, resource, `${quoted(rest)} is no resource of IAM`);
    return false;
  }
  if (/[A-Z]/.test(service) && !variable(service) && knownService(service.toLowerCase(), context.catalogue)) {
    context.report(SERVICE_CASE, resource, `${quoted(service)} is ${service.toLowerCase()} in ARNs`);
    return false;
  }
  if (!isGlob(service) && !variable(service) && !knownService(service, context.catalogue)) {
    context.report(
      UNKNOWN_SERVICE,
      resource,
      `no service ${quoted(service)} is known (data of ${context.catalogue.date})`,
    );
    return true;
  }
  if (region !== '' && !isGlob(region) && !variable(region) && !REGION_FORM.test(region)) {
    context.report(REGION, resource, `${quoted(region)} is no Region`);
  }
  if (
    account !== '' &&
    !isGlob(account) &&
    !variable(account) &&
    !/^(?:\d{12}|aws|aws-managed|cloudfront|third-party|amazon|ec2)$/.test(account)
  ) {
    context.report(ACCOUNT, resource, `${quoted(account)} is no account`);
  }
  const misplaced = misplacedPart(parts, context.catalogue);
  if (misplaced === null) return true;
  context.report(misplaced, resource, `${quoted(resource)}: ${misplaced.title}`);
  return false;
}

/**
 * A Region or an account that is missing or too much, told from the ARNs of the service's types of resource.
 * @returns null where some type has it as it is written, or none is known
 */
function misplacedPart([, service, region, account, rest]: ArnParts, catalogue: Catalogue): Rule | null {
  if (isGlob(region) && isGlob(account)) return null;
  const { regions, accounts } = placesOf(service, rest, catalogue);
  if (region === '' && regions === 'all') return NO_REGION;
  if (account === '' && accounts === 'all' && !OF_AWS.test(rest)) return NO_ACCOUNT;
  if (region !== '' && regions === 'none' && !isGlob(region) && !variable(region))
    return { ...REGION_NOT_ALLOWED, kind: 'warning', severity: 'medium', why: 'It is the ARN of nothing.' };
  if (account !== '' && accounts === 'none' && !isGlob(account) && !variable(account)) return ACCOUNT_NOT_ALLOWED;
  return null;
}

/** What AWS itself owns has no account: `document/AWS-RunShellScript`, `parameter/aws/service/…`. A pattern may mean it too. */
const OF_AWS = /^(?:[*?]|[A-Za-z-]+[/:](?:[*?]|aws|amazon))/i;

/** How many of some types of resource have a Region and an account in their ARNs. */
interface Places {
  regions: 'all' | 'some' | 'none';
  accounts: 'all' | 'some' | 'none';
}

/** Answers by service and last part: policies repeat the same few ARNs. */
const placesByCatalogue = new WeakMap<Catalogue, Map<string, Places>>();

/** What the types of a service have whose ARNs carry its own name and can end like that. */
function placesOf(service: string, rest: string, catalogue: Catalogue): Places {
  let answers = placesByCatalogue.get(catalogue);
  if (!answers) placesByCatalogue.set(catalogue, (answers = new Map<string, Places>()));
  const question = `${service}:${rest}`;
  const known = answers.get(question);
  if (known) return known;
  const pattern = loosened(rest);
  const types: string[][] = [];
  for (const { pattern: arn } of catalogue.service(service)?.resourceTypes ?? []) {
    const parts = arn.split(':');
    if (parts[2] === service && globsIntersect(pattern, parts.slice(5).join(':'))) types.push(parts);
  }
  const count = (part: number): Places['regions'] => {
    const having = types.filter((parts) => parts[part] !== '').length;
    return types.length === 0 || (having > 0 && having < types.length) ? 'some' : having === 0 ? 'none' : 'all';
  };
  const places = { regions: count(3), accounts: count(4) };
  if (answers.size < 10_000) answers.set(question, places);
  return places;
}

const variable = (text: string): boolean => text.includes('${');

const arnServices = new WeakMap<Catalogue, Set<string>>();

/** ARNs sometimes have another name for the service than actions: elasticloadbalancing and elbv2, ses and email. */
function knownService(name: string, catalogue: Catalogue): boolean {
  if (catalogue.service(name)) return true;
  let known = arnServices.get(catalogue);
  if (!known) {
    known = new Set(
      catalogue.services.flatMap(
        (prefix) => catalogue.service(prefix)?.resourceTypes.map(({ arn }) => arn.split(':')[2] ?? '') ?? [],
      ),
    );
    arnServices.set(catalogue, known);
  }
  return known.has(name);
}
