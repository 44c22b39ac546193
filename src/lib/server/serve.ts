/** Runs the MCP server, over stdio or HTTP. */
import type { Readable, Writable } from 'node:stream';
import type { Settings } from '../config/settings.ts';
import { JamfMcpError } from '../errors.ts';
import type { Context, Host } from '../host.ts';
import { jamfClient, type CredentialSource } from '../jamf/client.ts';
import { computerFinder } from '../jamf/computers.ts';
import type { SecretStore } from '../secrets/store.ts';
import { credentialsFromEnvironment, credentialsFromStore, JAMF_FIELDS, type Environment } from './credentials.ts';
import { rotationWatch, type Watch } from './rotation.ts';
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
 * Nothing is read from Jamf before a tool is called, and of the store, a moment after the start, whether a rotation is due.
 * @throws JamfMcpError INPUT_INVALID for a JAMF_URL in the environment that cannot be one
 */
export async function serveStdio(
  options: ServeOptions,
  streams: { input: Readable; output: Writable },
  context: Context,
): Promise<void> {
  const work = new AbortController();
  const { make, about, watch } = factory(options, context, {
    ...context,
    signal: AbortSignal.any([context.signal, work.signal]),
  });
  tellReady('stdio', about, context);
  const watching = watch();
  try {
    await serveStreams(make(), streams, context);
  } finally {
    work.abort();
    await watching;
  }
}

/**
 * Serve over Streamable HTTP on loopback until the signal aborts; calls under way are then finished first.
 * @param listening - called with the URL as soon as the server accepts requests
 * @throws JamfMcpError INPUT_INVALID for a host that is not loopback, a port that is taken, and as {@link serveStdio}
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
  const { make, about, watch } = factory(options, context, { ...context, signal: work.signal });
  const listener = await listen(
    { ...where, answer: (request, response) => answerHttp(make(), request, response) },
    context,
  );
  try {
    tellReady('HTTP', about, context);
    listening(listener.url);
    void watch();
    await aborted(context.signal);
    await listener.close();
  } finally {
    work.abort();
  }
}

/** Told when the server takes calls. Whether the credentials are good shows at the first call of a tool. */
function tellReady(transport: string, about: string, { host }: Context): void {
  const tools = TOOLS.map(({ name }) => name).join(', ');
  host.notify({ kind: 'step', name: 'serve', state: 'done', text: `${tools} over ${transport}; ${about}` });
}

/** What a server is run with. */
interface Parts {
  make: ServerFactory;
  /** Where it will have its credentials from. */
  about: string;
  /** Looks whether a rotation is due, where the secret is what the server lives on; never fails. */
  watch: () => Promise<void>;
}

function factory(options: ServeOptions, { host }: Context, work: Context): Parts {
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
  const watch = rotationWatch(store, settings.secret, inner);
  const jamf = jamfClient(
    credentials ?? watched(credentialsFromStore(store, settings.secret, inner.clock), watch),
    inner,
  );
  const deps = { findComputers: computerFinder(jamf), store, secret: settings.secret };
  return {
    make: serverFactory(TOOLS, deps, version, inner),
    about: credentials
      ? 'the first call will try the Jamf credentials of the environment, for which a rotated pair needs a restart'
      : `the first call will read the Jamf credentials from secret ${settings.secret} in store ${settings.store}`,
    // With credentials of the environment, the server may not even be allowed to read the secret.
    watch: credentials ? () => Promise.resolve() : () => watch.begin(),
  };
}

/** A source that looks at the rotation whenever it is read. */
function watched(source: CredentialSource, watch: Watch): CredentialSource {
  return {
    ...source,
    async current() {
      const pair = await source.current();
      void watch.again();
      return pair;
    },
  };
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
