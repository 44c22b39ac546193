/** Why a task stopped, in words a person can act on: the texts that ECS gives for a secret that cannot be injected. */

/** What a text of ECS means, and what to do about it. */
export interface Why {
  cause: string;
  fix: string;
}

interface Reason extends Why {
  /** Part of the text; the more particular rows stand first, because ECS wraps one text into another. */
  match: RegExp;
}

/** What stops a task before its secrets are of any concern; ECS puts it into the same frame as theirs. */
const BEFORE_SECRETS: readonly Reason[] = [
  {
    match: /\becr:[A-Z]\w+/,
    cause: 'the execution role may not pull from the image registry; the secret is not to blame',
    fix: 'give the execution role what AmazonECSTaskExecutionRolePolicy allows on ECR',
  },
  {
    match: /unable to retrieve ecr registry auth/i,
    cause: 'the task cannot reach the image registry over the network; the secret is not to blame',
    fix: 'give its subnets a NAT gateway or VPC endpoints for ecr.api, ecr.dkr and s3, and let its security group out on 443',
  },
  {
    match: /\bssm:GetParameter/,
    cause: 'the execution role may not read a parameter of Systems Manager that the task definition names',
    fix: 'allow ssm:GetParameters on that parameter to the execution role',
  },
];

/** The twelve texts of facts/rotation.md §2d. */
const SECRETS: readonly Reason[] = [
  {
    match: /did not contain json key/i,
    cause: 'the secret has no field of the name that the task definition asks for',
    fix: 'compare the third part of valueFrom (arn:KEY:stage:id) with `jamf-mcp secrets show`',
  },
  {
    match: /invalid character .* looking for beginning of|cannot unmarshal|unexpected end of JSON input/i,
    cause: 'the secret is not a JSON object, and the task definition asks for one of its fields',
    fix: 'store it as JSON, for example with `jamf-mcp secrets init --update`',
  },
  {
    match: /Access to KMS is not allowed|kms:Decrypt/i,
    cause: 'the execution role may not decrypt with the KMS key of the secret',
    fix: 'allow kms:Decrypt on that key to the execution role, in its policy and in the key policy',
  },
  {
    match: /AccessDenied|is not authorized to perform/i,
    cause: 'the execution role (not the task role) may not read the secret',
    fix: 'allow secretsmanager:GetSecretValue on the ARN of the secret to the execution role',
  },
  {
    match: /marked for deletion|scheduled for deletion/i,
    cause: 'the secret is scheduled for deletion',
    fix: 'take it back with `jamf-mcp secrets restore`, or point the task definition at another',
  },
  {
    match: /invalid ARN format/i,
    cause: 'valueFrom is not a secret ARN in the form that ECS knows',
    fix: 'write the full ARN, then nothing or exactly `:key:stage:id` (empty parts keep their colons)',
  },
  {
    match: /Invalid name\. Must be a valid name/i,
    cause: 'valueFrom names a secret with characters that Secrets Manager does not allow',
    fix: 'write the full ARN of the secret into valueFrom',
  },
  {
    match: /valueFrom should not be null or empty/i,
    cause: 'a secret of the task definition has an empty valueFrom',
    fix: 'register a task definition in which every entry of `secrets` has a valueFrom',
  },
  {
    match: /could not find a secretsmanager secretID/i,
    cause: 'valueFrom carries no id of a secret',
    fix: 'write the full ARN of the secret into valueFrom',
  },
  {
    match: /unable to create ASM client/i,
    cause: 'the ECS agent could not reach for Secrets Manager: no Region, or no credentials of the execution role',
    fix: 'check that the task definition has an executionRoleArn and that valueFrom is in an existing Region',
  },
  {
    match: /ResourceNotFoundException|can't find the specified secret|can't retrieve the secret with ARN/i,
    cause: 'the secret, or the staging label or version that valueFrom names, does not exist in that Region',
    fix: 'compare valueFrom with the ARN and the stages in `jamf-mcp secrets show`',
  },
  {
    match: /connection issue between the task and|context deadline exceeded|RequestCanceled|i\/o timeout|dial tcp/i,
    cause: 'the task cannot reach Secrets Manager over the network',
    fix: 'give its subnets a NAT gateway or a VPC endpoint for secretsmanager, and let its security group out on 443',
  },
];

/** The ends of a task that no failure to read a secret is to blame for. */
const ENDS: readonly Reason[] = [
  {
    match: /CannotPullContainerError|CannotPullImage/i,
    cause: 'the container image cannot be pulled; the secret is not to blame',
    fix: 'check the image name, its registry, and the execution role',
  },
  {
    match: /OutOfMemory|exit code 137/i,
    cause: 'a container was killed, most often for want of memory',
    fix: 'look at its log, and give the task more memory',
  },
  {
    match: /health checks?/i,
    cause: 'the task runs but does not pass its health check',
    fix: 'look at the log of the container: a secret that the program does not accept shows up there',
  },
  {
    match: /Essential container in task exited/i,
    cause: 'the program in the container ended by itself',
    fix: 'look at its log: a program that cannot log in with its new secret often ends so',
  },
];

/**
 * Recognise a stopped reason. ECS joins the failures of several secrets with `;`: each different one is told.
 * @param text - `stoppedReason`, with the containers' reasons where there are any; never shortened
 * @returns the cause and the fix, or null for a text that is none of the known ones
 */
export function whyStopped(text: string): Why | null {
  const secrets = new Set(text.split('; ').flatMap((part) => find([...BEFORE_SECRETS, ...SECRETS], part) ?? []));
  const found = secrets.size > 0 ? [...secrets] : [find(ENDS, text)].filter((reason) => reason !== undefined);
  if (found.length === 0) return null;
  return { cause: found.map(({ cause }) => cause).join('; and '), fix: found.map(({ fix }) => fix).join('; and ') };
}

const find = (reasons: readonly Reason[], text: string) => reasons.find(({ match }) => match.test(text));
