/** Runs the MCP server, over stdio or HTTP. */
import type { Readable, Writable } from 'node:stream';
import type { Settings } from '../config/settings.ts';
import { JamfMcpError } from '../errors.ts';
import type { Context, Host } from '../host.ts';
import { jamfClient } from '../jamf/client.ts';
import { computerFinder } from '../jamf/computers.ts';
import type { SecretStore } from '../secrets/store.ts';
import { credentialsFromEnvironment, credentialsFromStore, JAMF_FIELDS, type Environment } from './credentials.ts';
import { answerHttp, serverFactory, serveStreams, type ServerFactory } from './sdk.ts';
import { TOOLS } from './tools/index.ts';

/** What a server is made from. */
export interface ServeOptions {
  settings: Settings;
  /** Where JAMF_URL, JAMF_CLIENT_ID and JAMF_CLIENT_SECRET may stand. */
  environment: Environment;
  /** Version of this program. */
  version: string;
}

/**
 * Serve the client at the other end of two streams, until the input ends or the signal aborts.
 * Nothing is read from Jamf or the store before a tool is called.
 */
export async function serveStdio(
  options: ServeOptions,
  streams: { input: Readable; output: Writable },
  context: Context,
): Promise<void> {
  const make = factory(options, context, context);
  await serveStreams(make(), streams, context);
}

/**
 * Serve over Streamable HTTP on loopback until the signal aborts; calls under way are then finished first.
 * @param listening - called with the URL as soon as the server accepts requests
 * @throws JamfMcpError INPUT_INVALID for a host that is not loopback, or a port that is taken
 */
export async function serveHttp(
  options: ServeOptions,
  where: { host: string; port: number },
  context: Context,
  listening: (url: string) => void,
): Promise<void> {
  const { listen } = await import('./http.ts');
  // Calls outlive the signal that ends the server: they are aborted only when their time is over.
  const work = new AbortController();
  const make = factory(options, context, { ...context, signal: work.signal });
  const listener = await listen(
    { ...where, answer: (request, response) => answerHttp(make(), request, response) },
    context,
  );
  try {
    listening(listener.url);
    await aborted(context.signal);
    await listener.close();
  } finally {
    work.abort();
  }
}

function factory(options: ServeOptions, { host }: Context, work: Context): ServerFactory {
  const { settings, environment, version } = options;
  const inner: Context = { ...work, host: withoutQuestions(host) };
  const store = once(async (): Promise<SecretStore> => {
    const { openStore } = await import('../secrets/open.ts');
    return openStore(settings, inner);
  });
  const { credentials, found } = credentialsFromEnvironment(environment);
  if (credentials === null && found.length > 0) {
    const missing = JAMF_FIELDS.filter((name) => !found.includes(name));
    host.notify({
      kind: 'warning',
      text: `${found.join(', ')} set without ${missing.join(', ')}: all three are read from secret ${settings.secret}`,
    });
  }
  host.notify({
    kind: 'step',
    name: 'serve',
    state: 'done',
    text: `${TOOLS.map(({ name }) => name).join(', ')}; Jamf credentials from ${
      credentials ? 'the environment' : `secret ${settings.secret} in store ${settings.store}`
    }`,
  });
  const jamf = jamfClient(credentials ?? credentialsFromStore(store, settings.secret), inner);
  return serverFactory(TOOLS, { findComputers: computerFinder(jamf), store, secret: settings.secret }, version, inner);
}

/** Nobody sits at a server: a question is an error, which the caller of the tool gets to see. */
function withoutQuestions(host: Host): Host {
  return {
    notify: (event) => {
      host.notify(event);
    },
    ask: (question) =>
      Promise.reject(
        new JamfMcpError(
          'INPUT_MISSING',
          `the server would have to ask: ${question.text}`,
          'settle it with the jamf-mcp command first',
        ),
      ),
  };
}

/** Keep what a function gave; what it failed with is forgotten, and tried again. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = null;
      throw error;
    });
    return made;
  };
}

const aborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else
      signal.addEventListener(
        'abort',
        () => {
          resolve();
        },
        { once: true },
      );
  });
