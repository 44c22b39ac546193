/** A schedule is a list of parts; installing, telling and removing it is going through that list. */
import { awsErrorName } from '../../aws.ts';
import { JamfMcpError } from '../../errors.ts';

/** One part of what is installed in an account. */
export interface Part {
  /** `role` */
  name: string;
  /** What it is, for people: `role jamf-mcp-rotation-…, which may do exactly what the function does`. */
  text: string;
  /**
   * Compare it with what it should be.
   * @returns what differs, one text each; an empty list where all is as it should be; null where it is not there
   */
  look: () => Promise<string[] | null>;
  /** Make it what it should be, repeatably. @returns what was done, one line */
  install: () => Promise<string>;
  /** Take it away, repeatably. @returns whether it was there */
  remove: () => Promise<boolean>;
}

/** Names under which AWS's services say that a thing is not there. */
const MISSING = /^(NoSuchEntity|ResourceNotFound|QueueDoesNotExist|AWS\.SimpleQueueService\.NonExistentQueue)/;

/** Whether an error says that a thing is not there. */
export const isMissing = (error: unknown): boolean =>
  MISSING.test(awsErrorName(error)) || (error instanceof JamfMcpError && error.code === 'SECRET_NOT_FOUND');

/** What a call gives, or null where the thing is not there. */
export async function orMissing<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** Do something to a thing. @returns false where it is not there */
export async function unlessMissing(work: Promise<unknown>): Promise<boolean> {
  return (await orMissing(work.then(() => true))) ?? false;
}

/** Compare texts by what they mean as JSON, whatever the order of members. */
export const sameJson = (a: unknown, b: unknown): boolean => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));

function sorted(value: unknown): unknown {
  // A list of one and the thing itself are the same in policies.
  if (Array.isArray(value)) return value.length === 1 ? sorted(value[0]) : value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([name, inner]) => [name, sorted(inner)]),
  );
}
