/** The port behind which every maker of credentials stands. Adding one is one file in `issuers/`. */
import type { Context } from '../host.ts';
import type { Fields } from '../secrets/store.ts';

/**
 * How a new credential comes beside the one before: `single` takes the old one's place, which is refused from then on;
 * `alternate` leaves the old one valid until the next rotation.
 */
export type Strategy = 'single' | 'alternate';

/** What {@link Issuer.prove} found. */
export interface Proof {
  /** One line. */
  text: string;
  strategy: Strategy;
  /** What a resumption needs beside the secret's own fields, kept in the claim: a token that still mints, say. Often empty. */
  keep: Fields;
}

/** What {@link Issuer.revert} may log in with, beside the credential that it is to make accepted. */
export interface Foothold {
  /** The fields that took that one's place; null where nothing is stored that could have. */
  newer: Fields | null;
  /** {@link Proof.keep} of the run before. */
  kept: Fields | null;
}

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
   * @param kept - {@link Proof.keep} of the earlier run that is resumed; null for a rotation that begins now
   * @throws JamfMcpError CREDENTIALS_REFUSED, ACCESS_DENIED, NOT_FOUND, INPUT_INVALID, UNREACHABLE …
   */
  prove(current: Fields, kept: Fields | null): Promise<Proof>;
  /**
   * The new values, where they are known before the issuer is told of them: they are stored before {@link Issuer.mint}.
   * Absent where the issuer itself makes them.
   * @returns new values of the fields in `replaces`, to be laid over the current ones
   */
  draft?(current: Fields): Promise<Fields>;
  /**
   * Make a new credential, or make the drafted one accepted; {@link Issuer.prove} came before. Repeatable: where it was
   * made twice, the last one counts.
   * @param fields - the current fields, with the drafted ones laid over them
   * @returns new values of the fields in `replaces`, and of those that came with them, to be laid over `fields`; empty
   *   where they were drafted
   * @throws JamfMcpError UNREACHABLE, TIMED_OUT, REMOTE_FAILED and THROTTLED leave open whether it took effect; the others do not
   */
  mint(fields: Fields): Promise<Fields>;
  /**
   * Log in with a credential and, after {@link Issuer.prove}, compare what it may do with what the one before could.
   * @returns what was found, one line
   * @throws JamfMcpError CREDENTIALS_REFUSED where it is not accepted (yet); CONFLICT where it may do less than before
   */
  test(fields: Fields): Promise<string>;
  /** Whether a credential is accepted right now. Absent where nobody can be asked (`generate`). */
  accepts?(fields: Fields): Promise<boolean>;
  /**
   * Make the credential of another version accepted again, repeatably. Absent where it cannot be (Jamf).
   * @param previous - the fields whose credential is to be accepted
   * @param hold - what may be accepted until then
   */
  revert?(previous: Fields, hold: Foothold): Promise<void>;
}

/** Makes the issuer of one rotation; its calls listen to the context's signal. */
export type IssuerFactory = (context: Context) => Issuer;

/** Which issuer a rotation has, and what it is to do. */
export interface IssuerChoice {
  /** {@link Issuer.name} */
  issuer: string;
  /** The fields that get new values; {@link Issuer.replaces} of what comes of it. */
  fields: readonly string[];
  /** Null: what the issuer finds best. A rotation that is resumed goes on with the one it began with. */
  strategy: Strategy | null;
  /** Where an issuer has more than one way to come by a new value, which: `rotate-secret`. Its own first one unless given. */
  mode?: string | null;
}

/**
 * Finds an issuer by name; an issuer is loaded when it is first asked for.
 * @throws JamfMcpError INPUT_INVALID where there is none of that name, or it cannot do what is chosen
 */
export type Issuers = (choice: IssuerChoice) => Promise<IssuerFactory>;
