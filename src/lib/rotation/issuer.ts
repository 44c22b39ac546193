/** The port behind which every maker of credentials stands. Adding one is one file in `issuers/`. */
import type { Context } from '../host.ts';
import type { Fields } from '../secrets/store.ts';

/** Who makes the credential that a rotation replaces. One object serves one rotation. */
export interface Issuer {
  /** `jamf`, as in {@link FieldSpec.issuer}. */
  readonly name: string;
  /** Its name in a sentence: `Jamf`. */
  readonly title: string;
  /** The fields whose values it replaces. */
  readonly replaces: readonly string[];
  /** What to do when a value was made and lost, or its making left in doubt: one line, the next step. */
  readonly recovery: string;
  /**
   * Prove everything that could make {@link Issuer.mint} fail, changing nothing, and note what the present credential may do.
   * @param current - the fields that are AWSCURRENT
   * @returns what was found, one line
   * @throws JamfMcpError CREDENTIALS_REFUSED, ACCESS_DENIED, NOT_FOUND, INPUT_INVALID, UNREACHABLE …
   */
  prove(current: Fields): Promise<string>;
  /**
   * Make a new credential; {@link Issuer.prove} came before. Where it was made twice, the last one counts.
   * @returns new values of the fields in `replaces`, and of those that came with them, to be laid over the current ones
   * @throws JamfMcpError UNREACHABLE, TIMED_OUT, REMOTE_FAILED and THROTTLED leave open whether it took effect; the others do not
   */
  mint(current: Fields): Promise<Fields>;
  /**
   * Log in with a credential and, after {@link Issuer.prove}, compare what it may do with what the one before could.
   * @returns what was found, one line
   * @throws JamfMcpError CREDENTIALS_REFUSED where it is not accepted (yet); CONFLICT where it may do less than before
   */
  test(fields: Fields): Promise<string>;
}

/** Makes the issuer of one rotation; its calls listen to the context's signal. */
export type IssuerFactory = (context: Context) => Issuer;
