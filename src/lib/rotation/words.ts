/** What the steps say of an issuer: one that nobody can ask is no place to log in to, and has to be told of nothing. */
import type { Issuer } from './issuer.ts';

/** The texts of steps that go with an issuer, what they do and what they did. */
export interface Words {
  preflight: string;
  mint: string;
  minted: string;
  test: string;
  /** Of a value that is to be accepted again: `the value before`. */
  revert: (value: string) => string;
  reverted: (value: string) => string;
  /** What becomes of it, in a question: `Jamf gets a new value`. */
  change: string;
}

/** The words for an issuer. */
export function wordsOf(issuer: Issuer): Words {
  const { title } = issuer;
  const drafted = issuer.draft !== undefined;
  const fields = issuer.replaces.join(', ');
  if (!issuer.accepts) {
    return {
      preflight: `check that ${fields} can be given a new value`,
      mint: 'nobody beside what reads the secret has to be told of it',
      minted: 'nobody had to be told of it',
      test: 'check that it is as it should be; nobody can be asked whether it is accepted',
      revert: (value) => `nobody has to be told that ${value} is in use again`,
      reverted: (value) =>
        `nobody was asked whether ${value} is accepted: what knows the other one, such as a database, has to go back too`,
      change: `${fields} gets a new value`,
    };
  }
  return {
    preflight: `check that ${title} will make a new value`,
    mint: drafted ? `make ${title} accept the new value` : `make a new value in ${title}`,
    minted: drafted ? `${title} has the new value` : `${title} made a new value`,
    test: `log in to ${title} with it, and compare what it may do`,
    revert: (value) => `make ${title} accept ${value} again`,
    reverted: (value) => `${title} accepts ${value} again`,
    change: `${title} gets a new value`,
  };
}
