/** The clients with which an account is read: opened where they are first needed, closed together. */
import type * as ecs from '@aws-sdk/client-ecs';
import type * as iam from '@aws-sdk/client-iam';
import type * as kms from '@aws-sdk/client-kms';
import type * as secrets from '@aws-sdk/client-secrets-manager';
import { awsErrorName, call, clientConfig, type AwsSettings } from '../../aws.ts';
import { JamfMcpError } from '../../errors.ts';
import type { Context } from '../../host.ts';

/** An SDK module and a client made with it. */
interface Opened<Sdk, Client> {
  sdk: Sdk;
  client: Client;
}

type Iam = Opened<typeof iam, iam.IAMClient>;
type Ecs = Opened<typeof ecs, ecs.ECSClient>;
type Kms = Opened<typeof kms, kms.KMSClient>;
type Secrets = Opened<typeof secrets, secrets.SecretsManagerClient>;

interface Answered {
  $metadata: { requestId?: string | undefined; attempts?: number | undefined };
}

/** Clients, and how they are asked. */
export interface Clients {
  iam(): Promise<Iam>;
  ecs(): Promise<Ecs>;
  /** @param region - of the key; null: the one of the settings */
  kms(region: string | null): Promise<Kms>;
  /** @param region - of the secret; null: the one of the settings */
  secrets(region: string | null): Promise<Secrets>;
  /** One call: see {@link call}. */
  ask<Output extends Answered>(
    operation: string,
    about: string,
    send: (options: { abortSignal: AbortSignal }) => Promise<Output>,
  ): Promise<Output>;
  close(): void;
}

/** Make the clients of one reading; close them when done. */
export function openClients(aws: AwsSettings, context: Context): Clients {
  const open = new Map<string, Promise<{ client: { destroy(): void } }>>();
  const once = <Made extends { client: { destroy(): void } }>(
    name: string,
    make: () => Promise<Made>,
  ): Promise<Made> => {
    const made = (open.get(name) as Promise<Made> | undefined) ?? make();
    open.set(name, made);
    return made;
  };
  const config = (region: string | null) => clientConfig(region === null ? aws : { ...aws, region });
  return {
    iam: () =>
      once('iam', async () => {
        const sdk = await import('@aws-sdk/client-iam');
        return { sdk, client: new sdk.IAMClient(config(null)) };
      }),
    ecs: () =>
      once('ecs', async () => {
        const sdk = await import('@aws-sdk/client-ecs');
        return { sdk, client: new sdk.ECSClient(config(null)) };
      }),
    kms: (region) =>
      once(`kms ${region ?? ''}`, async () => {
        const sdk = await import('@aws-sdk/client-kms');
        return { sdk, client: new sdk.KMSClient(config(region)) };
      }),
    secrets: (region) =>
      once(`secrets ${region ?? ''}`, async () => {
        const sdk = await import('@aws-sdk/client-secrets-manager');
        return { sdk, client: new sdk.SecretsManagerClient(config(region)) };
      }),
    ask: (operation, about, send) => call(context, operation, about, send),
    close() {
      for (const made of open.values()) {
        made.then(
          ({ client }) => {
            client.destroy();
          },
          () => {
            // It was never opened: whoever asked for it was told.
          },
        );
      }
    },
  };
}

/** Do something with clients, and close them. */
export async function withClients<Result>(
  aws: AwsSettings,
  context: Context,
  work: (clients: Clients) => Promise<Result>,
): Promise<Result> {
  const clients = openClients(aws, context);
  try {
    return await work(clients);
  } finally {
    clients.close();
  }
}

/** AWS's names for what is not there. */
const MISSING = /^(?:NoSuchEntity|NotFound|ResourceNotFound)(?:Exception)?$/;

/** The answer, or null where it failed in an expected way. */
async function unless<Output>(answer: Promise<Output>, expected: (error: unknown) => boolean): Promise<Output | null> {
  try {
    return await answer;
  } catch (error) {
    if (expected(error)) return null;
    throw error;
  }
}

/** The answer, or null where AWS says that there is no such thing. */
export const orMissing = <Output>(answer: Promise<Output>): Promise<Output | null> =>
  unless(answer, (error) => MISSING.test(awsErrorName(error)));

/** The role, or null where there is none. */
export const orMissingRole = <Role>(role: Promise<Role>): Promise<Role | null> =>
  unless(role, (error) => error instanceof JamfMcpError && error.code === 'NOT_FOUND');

/** What takes the reason why there is no answer. */
type Tell = (error: JamfMcpError) => void;

function unlessTold<Output>(
  answer: Promise<Output>,
  tell: Tell,
  expected: (error: JamfMcpError) => boolean,
): Promise<Output | null> {
  return unless(answer, (error) => {
    if (!(error instanceof JamfMcpError && expected(error))) return false;
    tell(error);
    return true;
  });
}

/** The answer, or null where it was refused; the refusal goes to `tell`. */
export const orDenied = <Output>(answer: Promise<Output>, tell: Tell): Promise<Output | null> =>
  unlessTold(answer, tell, ({ code }) => code === 'ACCESS_DENIED');

/** The answer, or null where there is none for whatever reason but Ctrl-C, for what a result can do without; the reason goes to `tell`. */
export const orWithout = <Output>(answer: Promise<Output>, tell: Tell): Promise<Output | null> =>
  unlessTold(answer, tell, ({ code }) => code !== 'INTERRUPTED');

/** Every item of a list that AWS pages. */
export async function everyPage<Item>(
  page: (token: string | undefined) => Promise<{ items: readonly Item[] | undefined; next: string | undefined }>,
): Promise<Item[]> {
  const all: Item[] = [];
  let token: string | undefined;
  do {
    const { items, next } = await page(token);
    all.push(...(items ?? []));
    token = next;
  } while (token !== undefined);
  return all;
}

/** A policy as AWS answers it, percent-encoded or not; on one line, it is indented, so that findings have lines. */
export function policyText(document: string | undefined): string {
  const text = document?.startsWith('%7B') ? decodeURIComponent(document) : (document ?? '');
  return text.includes('\n') ? text : indented(text);
}

/** A document whatever white space it has in the account; what is no JSON stays as it is, and is told as such by whoever reads it. */
export function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
