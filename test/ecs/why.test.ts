import assert from 'node:assert/strict';
import { whyStopped } from '../../src/lib/ecs/why.ts';

const ARN = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:jamf-mcp-server/production-EXMPLE';
const FRAME =
  'ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: ';

/** The texts of ECS, each with a word of the cause that has to be told. */
const TEXTS: readonly [string, RegExp][] = [
  [
    `${FRAME}service call has been retried 5 time(s): failed to fetch secret ${ARN} from secrets manager: RequestCanceled: request context canceled caused by: context deadline exceeded. Please check your task network configuration.`,
    /network/,
  ],
  [`${FRAME}There is a connection issue between the task and AWS Secrets Manager`, /network/],
  [
    `${FRAME}service call has been retried 1 time(s): failed to fetch secret ${ARN} from secrets manager: operation error Secrets Manager: GetSecretValue, https response error StatusCode: 400, RequestID: 0, api error AccessDeniedException: User: arn:aws:sts::000000000000:assumed-role/x/y is not authorized to perform: secretsmanager:GetSecretValue on resource: ${ARN}`,
    /execution role .* may not read/,
  ],
  [`${FRAME}AccessDeniedException: Access to KMS is not allowed status code: 400, request id: 0`, /KMS key/],
  [`${FRAME}AccessDeniedException: User: x is not authorized to perform: kms:Decrypt on resource: y`, /KMS key/],
  [`${FRAME}retrieved secret from Secrets Manager did not contain json key JAMF_URL`, /no field of the name/],
  [`${FRAME}invalid character '\\'' looking for beginning of value`, /not a JSON object/],
  [
    `${FRAME}ResourceNotFoundException: The task can't retrieve the secret with ARN '${ARN}' from AWS Secrets Manager. Check whether the secret exists in the specified Region`,
    /does not exist in that Region/,
  ],
  [
    `${FRAME}trying to retrieve secret with value arn:x resulted in error: an invalid ARN format for the AWS Secrets Manager secret was specified. Specify a valid ARN and try again.`,
    /not a secret ARN/,
  ],
  [
    `${FRAME}api error ValidationException: Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!`,
    /characters that Secrets Manager does not allow/,
  ],
  [
    `${FRAME}InvalidRequestException: You can't perform this operation on the secret because it was marked for deletion.`,
    /scheduled for deletion/,
  ],
  [`${FRAME}unable to create ASM client: no region`, /no Region, or no credentials/],
  [`${FRAME}could not find a secretsmanager secretID from value arn:x`, /no id of a secret/],
  ['ClientException: secret.valueFrom should not be null or empty', /empty valueFrom/],
  ['CannotPullContainerError: pull image manifest has been retried 5 time(s)', /image/],
  ['Task failed container health checks', /health check/],
  ['Essential container in task exited; app: exit code 1', /ended by itself/],
  ['Essential container in task exited; app: exit code 137', /memory/],
];

describe('why a task stopped', () => {
  for (const [text, cause] of TEXTS) {
    it(`…${text.slice(-70)}`, () => {
      const why = whyStopped(text);
      assert.match(why?.cause ?? '', cause);
      assert.ok(why && why.fix.length > 10);
    });
  }

  it('tells each different cause of those that ECS joins, once', () => {
    const key = (name: string) => `retrieved secret from Secrets Manager did not contain json key ${name}`;
    const denied = 'AccessDeniedException: Access to KMS is not allowed status code: 400, request id: 0';
    const why = whyStopped(`${FRAME}${key('A')}; ${denied}; ${key('B')}; ${denied}`);
    assert.deepEqual(why?.cause.split('; and '), [
      'the secret has no field of the name that the task definition asks for',
      'the execution role may not decrypt with the KMS key of the secret',
    ]);
    assert.equal(why.fix.split('; and ').length, 2);
  });

  it('does not blame the secret for what happens before it is read', () => {
    const frame =
      'ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: ';
    const texts: [string, RegExp][] = [
      [
        `${frame}unable to retrieve ecr registry auth: service call has been retried 1 time(s): AccessDeniedException: User: x is not authorized to perform: ecr:GetAuthorizationToken on resource: *`,
        /may not pull from the image registry/,
      ],
      [
        `${frame}unable to retrieve ecr registry auth: service call has been retried 3 time(s): RequestError: send request failed caused by: Post "https://api.ecr.us-east-1.amazonaws.com/": dial tcp 10.0.0.1:443: i/o timeout`,
        /cannot reach the image registry/,
      ],
      [
        `${frame}unable to retrieve secrets from ssm: service call has been retried 1 time(s): AccessDeniedException: User: x is not authorized to perform: ssm:GetParameters on resource: y`,
        /parameter of Systems Manager/,
      ],
    ];
    for (const [text, cause] of texts) assert.match(whyStopped(text)?.cause ?? '', cause);
  });

  it('claims nothing of a text that it does not know', () => {
    assert.equal(whyStopped('Host EC2 (instance i-0) terminated.'), null);
  });
});
