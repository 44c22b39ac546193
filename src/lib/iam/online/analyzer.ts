/** Asks IAM Access Analyzer about a policy: https://docs.aws.amazon.com/access-analyzer/latest/APIReference/API_ValidatePolicy.html */
import type {
  AccessAnalyzerClient,
  AccessCheckPolicyType,
  AccessCheckResourceType,
  PolicyType as AnalyzerType,
  ValidatePolicyFinding,
} from '@aws-sdk/client-accessanalyzer';
import { call, clientConfig, type AwsSettings } from '../../aws.ts';
import type { Context } from '../../host.ts';
import type { Policy, PolicyType } from '../policy.ts';

/** What a custom check came to. */
export interface Check {
  passed: boolean;
  message: string;
  /** Indices of statements. */
  statements: number[];
}

/** The three questions. */
export interface Analyzer {
  /** Costs nothing. */
  validate(text: string, type: PolicyType): Promise<ValidatePolicyFinding[]>;
  /** Charged by AWS. */
  noPublicAccess(text: string, resourceType: AccessCheckResourceType): Promise<Check>;
  /** Charged by AWS. */
  noNewAccess(text: string, existing: string, type: PolicyType): Promise<Check>;
  close(): void;
}

const TYPES: Readonly<Record<PolicyType, AnalyzerType>> = {
  identity: 'IDENTITY_POLICY',
  resource: 'RESOURCE_POLICY',
  trust: 'RESOURCE_POLICY',
  kms: 'RESOURCE_POLICY',
  scp: 'SERVICE_CONTROL_POLICY',
};

/** Open Access Analyzer; close it when done. */
export async function openAnalyzer(aws: AwsSettings, context: Context): Promise<Analyzer> {
  const sdk = await import('@aws-sdk/client-accessanalyzer');
  const client: AccessAnalyzerClient = new sdk.AccessAnalyzerClient(clientConfig(aws));
  const checked = (output: {
    result?: string | undefined;
    message?: string | undefined;
    reasons?: { statementIndex?: number | undefined }[] | undefined;
  }): Check => ({
    passed: output.result === 'PASS',
    message: output.message ?? '',
    statements: (output.reasons ?? []).flatMap(({ statementIndex }) =>
      statementIndex === undefined ? [] : [statementIndex],
    ),
  });
  return {
    async validate(policyDocument, type) {
      const findings: ValidatePolicyFinding[] = [];
      let nextToken: string | undefined;
      do {
        const page = await call(context, 'ValidatePolicy', 'IAM Access Analyzer', (options) =>
          client.send(
            new sdk.ValidatePolicyCommand({
              policyDocument,
              policyType: TYPES[type],
              nextToken,
              ...(type === 'trust' ? { validatePolicyResourceType: 'AWS::IAM::AssumeRolePolicyDocument' } : {}),
            }),
            options,
          ),
        );
        findings.push(...(page.findings ?? []));
        ({ nextToken } = page);
      } while (nextToken !== undefined);
      return findings;
    },
    noPublicAccess: async (policyDocument, resourceType) =>
      checked(
        await call(context, 'CheckNoPublicAccess', 'IAM Access Analyzer', (options) =>
          client.send(new sdk.CheckNoPublicAccessCommand({ policyDocument, resourceType }), options),
        ),
      ),
    noNewAccess: async (newPolicyDocument, existingPolicyDocument, type) =>
      checked(
        await call(context, 'CheckNoNewAccess', 'IAM Access Analyzer', (options) =>
          client.send(
            new sdk.CheckNoNewAccessCommand({
              newPolicyDocument,
              existingPolicyDocument,
              policyType: TYPES[type] as AccessCheckPolicyType,
            }),
            options,
          ),
        ),
      ),
    close() {
      client.destroy();
    },
  };
}

/** What a policy is attached to, as CheckNoPublicAccess names it; null where it has no such check, or nobody knows. */
export function checkedType({ type, origin, statements }: Policy): AccessCheckResourceType | null {
  if (type === 'kms') return 'AWS::KMS::Key';
  if (type === 'trust') return 'AWS::IAM::AssumeRolePolicyDocument';
  if (type !== 'resource') return null;
  const told = BY_RESOURCE[origin.attachedTo];
  if (told) return told;
  const actions = statements.flatMap((statement) => statement.actions?.values ?? []);
  const services = new Set(actions.map(({ text }) => text.split(':')[0]?.toLowerCase() ?? ''));
  const [only = ''] = services;
  return services.size === 1 ? (BY_SERVICE[only] ?? null) : null;
}

const BY_RESOURCE: Readonly<Record<string, AccessCheckResourceType>> = {
  'AWS::SecretsManager::ResourcePolicy': 'AWS::SecretsManager::Secret',
  'AWS::S3::BucketPolicy': 'AWS::S3::Bucket',
  'AWS::SQS::QueuePolicy': 'AWS::SQS::Queue',
  'AWS::SNS::TopicPolicy': 'AWS::SNS::Topic',
};

const BY_SERVICE: Readonly<Record<string, AccessCheckResourceType>> = {
  secretsmanager: 'AWS::SecretsManager::Secret',
  s3: 'AWS::S3::Bucket',
  sqs: 'AWS::SQS::Queue',
  sns: 'AWS::SNS::Topic',
  lambda: 'AWS::Lambda::Function',
  dynamodb: 'AWS::DynamoDB::Table',
};
