/** What the parts of the sandbox's Jamf Pro share: its routes, its sessions, its errors, its paged lists. */
import { compileFilter, compileSort, RsqlError } from './jamf-rsql.ts';
import type { PlainRequest, PlainResponse } from './service.ts';

/** One cause in an ApiError (components/schemas/ApiErrorCause of the 11.7.1 schema). */
export interface ApiErrorCause {
  code: string;
  field: string | null;
  description: string;
  id: string | null;
}

/** An answer of the Jamf Pro API that is an error. */
export class JamfFault extends Error {
  readonly status: number;
  readonly errors: readonly ApiErrorCause[];

  constructor(status: number, code: string, description: string, field: string | null = null) {
    super(description);
    this.status = status;
    this.errors = [{ code, field, description, id: '0' }];
  }
}

/** Who holds the token of a request. */
export interface Session {
  clientId: string;
  /** Display name of the API integration. */
  name: string;
  privileges: readonly string[];
}

/** A request that has passed authentication and the privilege check. */
export interface RouteRequest extends PlainRequest {
  /** The `{id}` of the path, decoded; empty where the path has none. */
  id: string;
  session: Session;
}

/** One operation of the API. */
export interface Route {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below `/api`, as the schema spells it: `/v1/api-integrations/{id}`. */
  path: string;
  /** `x-required-privileges` of the schema; null for any valid token. */
  privilege: string | null;
  summary: string;
  handle(request: RouteRequest): PlainResponse;
}

/** Page size when none is asked for, and the one above which Jamf clamps without a word (facts/serve.md §5). */
const DEFAULT_PAGE_SIZE = 100;
const MOST_ROWS = 2_000;

/**
 * One page of a collection, filtered and sorted as the query says. Pages count from zero.
 * @param fields - `filter` and `sort`: the fields that the endpoint allows; `order`: its default sort
 * @throws JamfFault 400 for a query the endpoint does not understand
 */
export function pageOf<Row>(
  rows: readonly Row[],
  query: URLSearchParams,
  fields: { filter: readonly string[]; sort: readonly string[]; order: string },
): { totalCount: number; results: Row[] } {
  const page = wholeNumber(query, 'page', 0, 0);
  const size = Math.min(MOST_ROWS, wholeNumber(query, 'page-size', DEFAULT_PAGE_SIZE, 1));
  const passes = inQuery('filter', () => compileFilter(query.get('filter') ?? '', fields.filter));
  const compare = inQuery('sort', () => compileSort(query.getAll('sort').join(','), fields.sort, fields.order));
  const found = rows.filter(passes).sort(compare);
  return { totalCount: found.length, results: found.slice(page * size, (page + 1) * size) };
}

function wholeNumber(query: URLSearchParams, name: string, fallback: number, least: number): number {
  const text = query.get(name);
  if (text === null || text === '') return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < least) {
    throw new JamfFault(400, 'INVALID_FIELD', `${name} must be a whole number of at least ${String(least)}`, name);
  }
  return value;
}

function inQuery<Result>(parameter: string, parse: () => Result): Result {
  try {
    return parse();
  } catch (error) {
    if (error instanceof RsqlError) throw new JamfFault(400, 'INVALID_FIELD', error.message, parameter);
    throw error;
  }
}

/**
 * The JSON object of a request.
 * @throws JamfFault 400 where the body is none
 */
export function jsonBody({ body }: PlainRequest): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
      return parsed as Record<string, unknown>;
  } catch {
    // Answered below like any other body that is no object.
  }
  throw new JamfFault(400, 'INVALID_JSON_BODY', 'the request body must be a JSON object');
}

/** A required text member of a body. */
export function textMember(body: Record<string, unknown>, name: string): string {
  const value = body[name];
  if (typeof value === 'string' && value.trim() !== '') return value;
  throw new JamfFault(400, 'INVALID_FIELD', `${name} is required`, name);
}

/** A required list of texts. */
export function textListMember(body: Record<string, unknown>, name: string): string[] {
  const value = body[name];
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw new JamfFault(400, 'INVALID_FIELD', `${name} must be a list of strings`, name);
}
