/** Looks for computers in the inventory of a Jamf Pro server. */
import { JamfMcpError } from '../errors.ts';
import type { JamfClient, JamfRequestOptions } from './client.ts';
import { allOf, anyOf, contains, equals } from './rsql.ts';

/** What to look for; every part given has to hold. `*` in a value stands for any text; case is ignored by Jamf. */
export interface ComputerQuery {
  /** The whole serial number. */
  serial?: string | undefined;
  /** Part of the computer's name. */
  name?: string | undefined;
  /** Part of the user name, full name or e-mail address of the user it is assigned to. */
  user?: string | undefined;
  /** Part of the model (`MacBook Air`) or of the model identifier (`Mac14,2`). */
  model?: string | undefined;
  /** A version of macOS or its beginning at a dot: `26` finds 26.6.2, `26.1` does not find 26.10. */
  osVersion?: string | undefined;
  /** Part of any of name, serial number, user, and model. */
  text?: string | undefined;
}

/** One computer. Null where Jamf does not know. Every text in it was written by the device or its user. */
export interface Computer {
  id: string;
  name: string | null;
  serialNumber: string | null;
  model: string | null;
  modelIdentifier: string | null;
  osVersion: string | null;
  osBuild: string | null;
  username: string | null;
  realName: string | null;
  email: string | null;
  managed: boolean | null;
  /** ISO 8601, as Jamf gives it. */
  lastContactAt: string | null;
}

/** What was found. */
export interface FoundComputers {
  /** How many computers match on the server, whatever the limit. */
  totalCount: number;
  /** The first of them by id, at most as many as asked for. */
  computers: Computer[];
}

/** Looks for computers: at most `limit` of them, with the number of all that match. */
export type FindComputers = (query: ComputerQuery, limit: number, signal?: AbortSignal) => Promise<FoundComputers>;

const NAME = 'general.name';
const SERIAL = 'hardware.serialNumber';
const VERSION = 'operatingSystem.version';
const USER = ['userAndLocation.username', 'userAndLocation.realname', 'userAndLocation.email'];
const MODEL = ['hardware.model', 'hardware.modelIdentifier'];

/** How each part of a query becomes a term. Fields: the `filter` parameter of computers-inventory, v1 and v3. */
const TERMS: { [Part in keyof Required<ComputerQuery>]: (value: string) => string } = {
  serial: (value) => equals(SERIAL, value),
  name: (value) => contains(NAME, value),
  user: (value) => anyOf(USER.map((field) => contains(field, value))),
  model: (value) => anyOf(MODEL.map((field) => contains(field, value))),
  osVersion: (value) => anyOf([equals(VERSION, value), equals(VERSION, `${value}.*`)]),
  text: (value) => anyOf([NAME, SERIAL, ...USER, ...MODEL].map((field) => contains(field, value))),
};

/** The RSQL filter of a query; an empty query gives an empty filter, which every computer passes. */
export function computerFilter(query: ComputerQuery): string {
  const parts = Object.keys(TERMS) as (keyof ComputerQuery)[];
  return allOf(
    parts.flatMap((part) => {
      const value = query[part];
      return value === undefined ? [] : [TERMS[part](value)];
    }),
  );
}

/**
 * Inventory endpoints, newest first: v1 is deprecated, v3 came with Jamf Pro 11.25 (facts/serve.md §5).
 * Without `section`, both give GENERAL alone: no serial number, no model, no user.
 */
const PATHS = ['/api/v3/computers-inventory', '/api/v1/computers-inventory'] as const;
const SECTIONS = ['GENERAL', 'HARDWARE', 'OPERATING_SYSTEM', 'USER_AND_LOCATION'];

/** Rows of one page: 500 take about 13 s and 2000 end in a 504 on Jamf Cloud (facts/serve.md §5). */
const PAGE_SIZE = 100;

/**
 * Make the search for one server; it remembers which version of the endpoint that server has.
 * @param client - the Jamf client
 * @returns the search, which throws JamfMcpError as the client does, and REMOTE_FAILED for an answer that is no inventory
 */
export function computerFinder(client: JamfClient): FindComputers {
  let known = 0;
  const request = async (options: JamfRequestOptions): Promise<unknown> => {
    for (;;) {
      const path = PATHS[known] ?? PATHS[1];
      try {
        return await client.request('GET', path, options);
      } catch (error) {
        const older = error instanceof JamfMcpError && error.code === 'NOT_FOUND' && path !== PATHS[1];
        if (!older) throw error;
        known += 1;
      }
    }
  };

  return async (query, limit, signal) => {
    const filter = computerFilter(query);
    const found = new Map<string, Computer>();
    for (let page = 0; ; page += 1) {
      const { totalCount, results } = inventory(
        await request({
          query: {
            section: SECTIONS,
            page,
            'page-size': Math.min(limit, PAGE_SIZE),
            sort: 'id:asc',
            ...(filter ? { filter } : {}),
          },
          ...(signal ? { signal } : {}),
        }),
      );
      const before = found.size;
      for (const computer of results.map(computerOf)) found.set(computer.id, computer);
      // A short page is no end: the server may have made the page smaller without saying so. A page without anything
      // new is one: it is empty, or the server pays no heed to `page`.
      const ended = found.size === before || found.size >= totalCount;
      if (ended || found.size >= limit) return { totalCount, computers: [...found.values()].slice(0, limit) };
    }
  };
}

function inventory(answer: unknown): { totalCount: number; results: unknown[] } {
  const totalCount = at(answer, 'totalCount');
  const results = at(answer, 'results');
  if (typeof totalCount === 'number' && Array.isArray(results)) return { totalCount, results };
  throw new JamfMcpError(
    'REMOTE_FAILED',
    'the Jamf server answered the inventory search with something that is no inventory',
    'check that JAMF_URL names a Jamf Pro server and not a proxy in front of it',
  );
}

function computerOf(record: unknown): Computer {
  const managed = at(record, 'general', 'remoteManagement', 'managed');
  return {
    id: textAt(record, 'id') ?? '',
    name: textAt(record, 'general', 'name'),
    serialNumber: textAt(record, 'hardware', 'serialNumber'),
    model: textAt(record, 'hardware', 'model'),
    modelIdentifier: textAt(record, 'hardware', 'modelIdentifier'),
    osVersion: textAt(record, 'operatingSystem', 'version'),
    osBuild: textAt(record, 'operatingSystem', 'build'),
    username: textAt(record, 'userAndLocation', 'username'),
    realName: textAt(record, 'userAndLocation', 'realname'),
    email: textAt(record, 'userAndLocation', 'email'),
    managed: typeof managed === 'boolean' ? managed : null,
    lastContactAt: textAt(record, 'general', 'lastContactTime'),
  };
}

/** What lies at a path inside a JSON value; undefined where the path leads nowhere. */
function at(value: unknown, ...path: string[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => (typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>)[key] : undefined),
    value,
  );
}

function textAt(value: unknown, ...path: string[]): string | null {
  const found = at(value, ...path);
  return typeof found === 'string' && found !== '' ? found : null;
}
