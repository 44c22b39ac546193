/** `audit verify`: whether the records that an audit reads can be believed. */
import { JamfMcpError } from '../errors.ts';
import type { Context } from '../host.ts';
import type { StoreKind } from '../secrets/store.ts';
import type { LocalOptions } from '../secrets/stores/local-access.ts';
import type { LocalVerification } from '../secrets/stores/local-verify.ts';

/** What to verify. */
export interface VerifyRequest {
  store: StoreKind;
  local: LocalOptions;
  /** A head that an earlier run printed and that was kept elsewhere; null for none. */
  head: string | null;
  /** Accept what is found, after a confirmation, and begin a new log. */
  accept: boolean;
}

/** What came of it. */
export interface VerifyResult extends LocalVerification {
  store: 'local';
  /** The findings were accepted by a person, and a new log has begun. */
  accepted: boolean;
  /** Name of the file that the log before has now; null where nothing was accepted, or there was no log. */
  keptLog: string | null;
}

/**
 * Verify the records of a store. Reads only, but for `accept`.
 * @throws JamfMcpError USAGE for a store whose records are not here; NOT_FOUND where there is no local store; DECLINED;
 *   what the key of the store fails with
 */
export async function verifyRecords(request: VerifyRequest, context: Context): Promise<VerifyResult> {
  if (request.store !== 'local') {
    throw new JamfMcpError(
      'USAGE',
      `the records of the ${request.store} store are not kept here, so there is nothing to verify`,
      'verify the local store: pass --store local',
    );
  }
  const { acceptLocalStore, verifyLocalStore } = await import('../secrets/stores/local-verify.ts');
  const verified = await verifyLocalStore(request.local, { head: request.head }, context);
  const accepted = request.accept && verified.findings.length > 0;
  const keptLog = accepted ? await acceptLocalStore(request.local, verified, context) : null;
  return { store: 'local', ...verified, accepted, keptLog };
}
