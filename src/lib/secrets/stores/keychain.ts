/**
 * The keychain of the operating system, by `@napi-rs/keyring`, which is optional: loaded when a key is kept there and
 * at no other time. Facts: hardening.md §1 @napi-rs/keyring.
 */
import { randomUUID } from 'node:crypto';
import { isInterruption, JamfMcpError, messageOf } from '../../errors.ts';
import type { Context } from '../../host.ts';

/** Entries by name; all of them are this program's. */
export interface Keychain {
  /** Null where there is no such entry. */
  get(account: string): Promise<string | null>;
  set(account: string, value: string): Promise<void>;
  remove(account: string): Promise<void>;
}

const SERVICE = 'jamf-mcp';

/** A locked keychain asks the person to unlock it, in a window of its own. */
const LONGEST_WAIT_MS = 60_000;

/**
 * Open the keychain of this machine.
 * @throws JamfMcpError CREDENTIALS_MISSING where the optional package is not installed; every method of the keychain:
 *   the same where the system refuses, TIMED_OUT after a minute, INTERRUPTED
 */
export async function systemKeychain(context: Context): Promise<Keychain> {
  const { AsyncEntry } = await import('@napi-rs/keyring').catch((cause: unknown) => {
    throw unusable('the package @napi-rs/keyring is not installed or not made for this machine', cause);
  });
  // Without a pin, Linux falls back in silence to the kernel's key ring, which forgets everything at a restart.
  const entry = (account: string) => new AsyncEntry(SERVICE, account, { linux: { store: 'secret-service' } });
  const ask = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await limited(work(), context);
    } catch (error) {
      if (error instanceof JamfMcpError || isInterruption(error)) throw error;
      throw unusable(messageOf(error), error);
    }
  };
  return {
    // The package's types say undefined nowhere; an entry that is missing gives null.
    get: (account) => ask(async () => (await entry(account).getPassword()) ?? null),
    set: (account, value) => ask(() => entry(account).setPassword(value)),
    async remove(account) {
      await ask(() => entry(account).deletePassword());
    },
  };
}

/**
 * Find out whether a keychain keeps what it is given, by an entry that is gone afterwards.
 * @throws what the keychain throws; CREDENTIALS_MISSING where it gives back something else
 */
export async function probeKeychain(keychain: Keychain): Promise<void> {
  const account = `probe ${randomUUID()}`;
  await keychain.set(account, account);
  const kept = await keychain.get(account);
  await keychain.remove(account);
  if (kept !== account) throw unusable('it does not give back what it was given', null);
}

function limited<T>(work: Promise<T>, context: Context): Promise<T> {
  const late = AbortSignal.timeout(LONGEST_WAIT_MS);
  const timedOut = new Promise<never>((_, reject) => {
    late.addEventListener('abort', () => {
      reject(
        new JamfMcpError(
          'TIMED_OUT',
          `waited ${String(LONGEST_WAIT_MS / 1000)} s for the keychain of this machine`,
          'unlock the keychain, then repeat the command',
        ),
      );
    });
    context.signal.addEventListener('abort', () => {
      reject(new JamfMcpError('INTERRUPTED', 'interrupted while waiting for the keychain'));
    });
  });
  return Promise.race([work, timedOut]);
}

function unusable(why: string, cause: unknown): JamfMcpError {
  return new JamfMcpError(
    'CREDENTIALS_MISSING',
    `the keychain of this machine cannot be used: ${why.replace(/\s+/g, ' ')}`,
    'unlock or install it, or choose `localKey: passphrase` or `localKey: file` in jamf-mcp.yaml',
    { cause },
  );
}
