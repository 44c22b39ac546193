/** `audit verify`: whether the records that an audit reads can be believed. */
import { JamfMcpError } from '../errors.ts';
import type { Context } from '../host.ts';
import type { StoreKind } from '../secrets/store.ts';
import type { LocalOptions } from '../secrets/stores/local-access.ts';
import type { LocalVerification, StoreFinding } from '../secrets/stores/local-verify.ts';
import type { TrailRule } from './digest/rules.ts';
import type { TrailReport, TrailRequest } from './digest/verify-trail.ts';

/** What to verify. */
export interface VerifyRequest {
  store: StoreKind;
  /** The data folder: the break-glass log is there whatever the store is. */
  local: LocalOptions;
  /** A head that an earlier run printed and that was kept elsewhere; null for none. */
  head: string | null;
  /** Accept what is found, after a confirmation, and begin a new log. */
  accept: boolean;
}

/** What is wrong in one place, of the local store, of the break-glass log or of the files of a trail. */
export interface VerifyFinding extends Omit<StoreFinding, 'rule' | 'severity'> {
  rule: StoreFinding['rule'] | 'break-glass' | TrailRule;
  severity: StoreFinding['severity'] | 'medium';
}

/** What came of it. */
export interface VerifyResult extends Omit<LocalVerification, 'key' | 'log' | 'findings'> {
  store: StoreKind;
  /** Where the key of the local store is; null for any other store, whose own records are not kept here. */
  key: LocalVerification['key'] | null;
  /** The access log of the local store; null for any other store. */
  log: LocalVerification['log'] | null;
  /** The log of what was revealed and exported: lines that can be read, and how many findings are about it; null where files of a trail were verified. */
  breakGlass: { entries: number; findings: number } | null;
  /** The files of a CloudTrail trail; null where none were named. */
  trail: TrailReport | null;
  findings: VerifyFinding[];
  /** The findings about the local store were accepted by a person, and a new log has begun. */
  accepted: boolean;
  /** Name of the file that the log before has now; null where nothing was accepted, or there was no log. */
  keptLog: string | null;
  /** Names that files of secrets have now which nothing could be read from; empty where nothing was accepted. */
  putAside: string[];
}

/**
 * Verify the break-glass log, and of the local store its records. Reads only, but for `accept`.
 * @throws JamfMcpError USAGE for a head or an acceptance with another store; NOT_FOUND where there is no local store;
 *   DECLINED; what the key of the store fails with
 */
export async function verifyRecords(request: VerifyRequest, context: Context): Promise<VerifyResult> {
  const { store, local } = request;
  const broken = await verifyBreakGlass(local.folder);
  if (store !== 'local') {
    refuseLocal(request);
    const nothing = { key: null, log: null, files: 0, notes: [], accepted: false, keptLog: null, putAside: [] };
    return { store, folder: local.folder, ...nothing, ...broken, trail: null };
  }
  const { acceptLocalStore, verifyLocalStore } = await import('../secrets/stores/local-verify.ts');
  const verified = await verifyLocalStore(local, { head: request.head }, context);
  const accepted = request.accept && verified.findings.length > 0;
  const kept = accepted ? await acceptLocalStore(local, verified, context) : null;
  return {
    store,
    ...verified,
    ...broken,
    trail: null,
    findings: [...verified.findings, ...broken.findings],
    accepted,
    keptLog: kept?.log ?? null,
    putAside: kept?.files ?? [],
  };
}

/**
 * Verify the files of a trail, in a folder or a bucket. The records of this machine are left alone.
 * @throws JamfMcpError USAGE for what is for the local store only; as {@link verifyTrail}
 */
export async function verifyArchive(
  { store, local, head, accept }: VerifyRequest,
  request: TrailRequest,
  context: Context,
): Promise<VerifyResult> {
  if (head !== null || accept) {
    throw new JamfMcpError(
      'USAGE',
      `${accept ? '--accept' : '--head'} is for the local store, and not for the files of a trail`,
      'leave it out: what is found in files of a trail is not accepted, the files are put back from a copy',
    );
  }
  const { verifyTrail } = await import('./digest/verify-trail.ts');
  const nothing = { key: null, log: null, files: 0, notes: [], accepted: false, keptLog: null, putAside: [] };
  return { store, folder: local.folder, ...nothing, breakGlass: null, ...(await verifyTrail(request, context)) };
}

/**
 * How many findings nobody has accepted; those about the break-glass log cannot be.
 * @param result - of {@link verifyRecords}
 */
export const openFindings = ({ accepted, findings, breakGlass, trail }: VerifyResult): number =>
  accepted ? (breakGlass?.findings ?? 0) : findings.length + (trail?.omittedFindings ?? 0);

function refuseLocal({ store, head, accept }: VerifyRequest): void {
  if (head === null && !accept) return;
  throw new JamfMcpError(
    'USAGE',
    `the access log of the ${store} store is not kept here: ${accept ? '--accept' : '--head'} is for the local store`,
    'leave it out, or verify the local store: pass --store local',
  );
}

async function verifyBreakGlass(
  folder: string,
): Promise<{ breakGlass: NonNullable<VerifyResult['breakGlass']>; findings: VerifyFinding[] }> {
  const { BREAK_GLASS_LOG: file, readBreakGlass } = await import('../secrets/breakglass.ts');
  const { entries, problems } = await readBreakGlass(folder);
  const findings = problems.map(({ line, why }): VerifyFinding => ({
    id: `break-glass:${file}${line === null ? '' : `:${String(line)}`}`,
    rule: 'break-glass',
    severity: 'critical',
    title: `${line === null ? '' : `line ${String(line)} of `}${file} ${why}`,
    why: 'who saw which value, and for what reason, can no longer be told from this log',
    fix: 'compare with the log of the store itself, rotate what may have been seen, then move the file aside: a new one begins',
    file,
    line,
  }));
  return { breakGlass: { entries: entries.length, findings: findings.length }, findings };
}
