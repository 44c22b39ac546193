/** The AWS clients that a schedule is installed with, each loaded and made on first use. */
import { call, clientConfig, type AwsSettings } from '../../aws.ts';
import type { Context } from '../../host.ts';

/** What answers a call. */
interface Answered {
  $metadata: { requestId?: string | undefined; attempts?: number | undefined };
}

/** A client with its package, and a way to call it. */
interface Loaded<Sdk, Client> {
  sdk: Sdk;
  client: Client;
}

/** The clients. Every call throws JamfMcpError, as `call` gives it. */
export type Clients = ReturnType<typeof openClients>;

/** Open the clients; close them when done. */
export function openClients(aws: AwsSettings, context: Context) {
  const config = clientConfig(aws);
  const open: { destroy(): void }[] = [];
  const kept = <Sdk, Client extends { destroy(): void }>(load: () => Promise<Sdk>, make: (sdk: Sdk) => Client) => {
    let made: Promise<Loaded<Sdk, Client>> | undefined;
    return () =>
      (made ??= load().then((sdk) => {
        const client = make(sdk);
        open.push(client);
        return { sdk, client };
      }));
  };
  return {
    iam: kept(
      () => import('@aws-sdk/client-iam'),
      (sdk) => new sdk.IAMClient(config),
    ),
    lambda: kept(
      () => import('@aws-sdk/client-lambda'),
      (sdk) => new sdk.LambdaClient(config),
    ),
    sqs: kept(
      () => import('@aws-sdk/client-sqs'),
      (sdk) => new sdk.SQSClient(config),
    ),
    events: kept(
      () => import('@aws-sdk/client-eventbridge'),
      (sdk) => new sdk.EventBridgeClient(config),
    ),
    logs: kept(
      () => import('@aws-sdk/client-cloudwatch-logs'),
      (sdk) => new sdk.CloudWatchLogsClient(config),
    ),
    secrets: kept(
      () => import('@aws-sdk/client-secrets-manager'),
      (sdk) => new sdk.SecretsManagerClient(config),
    ),
    /** Make one call; `about` is for the error. */
    ask: <Output extends Answered>(
      operation: string,
      about: string,
      send: (options: { abortSignal: AbortSignal }) => Promise<Output>,
    ): Promise<Output> => call(context, operation, about, send),
    close: () => {
      for (const client of open) client.destroy();
    },
  };
}
