/** The paths of the REST APIs of Lambda and IAM Access Analyzer, as far as the sandbox has them. */

/** One operation: its method, its path with names in braces, and the status of its answer. */
interface Route {
  /** As in `eventSource`; Lambda where absent. */
  service?: string;
  method: string;
  path: string;
  status: number;
}

const FUNCTION = '/2015-03-31/functions/{FunctionName}';
const TAGS = '/2017-03-31/tags/{Resource}';

const ANALYZER = 'access-analyzer';

const ROUTES: Readonly<Record<string, Route>> = {
  CreateFunction: { method: 'POST', path: '/2015-03-31/functions', status: 201 },
  GetFunction: { method: 'GET', path: FUNCTION, status: 200 },
  GetFunctionConfiguration: { method: 'GET', path: `${FUNCTION}/configuration`, status: 200 },
  UpdateFunctionCode: { method: 'PUT', path: `${FUNCTION}/code`, status: 200 },
  UpdateFunctionConfiguration: { method: 'PUT', path: `${FUNCTION}/configuration`, status: 200 },
  DeleteFunction: { method: 'DELETE', path: FUNCTION, status: 204 },
  AddPermission: { method: 'POST', path: `${FUNCTION}/policy`, status: 201 },
  GetPolicy: { method: 'GET', path: `${FUNCTION}/policy`, status: 200 },
  RemovePermission: { method: 'DELETE', path: `${FUNCTION}/policy/{StatementId}`, status: 204 },
  Invoke: { method: 'POST', path: `${FUNCTION}/invocations`, status: 200 },
  ListTags: { method: 'GET', path: TAGS, status: 200 },
  TagResource: { method: 'POST', path: TAGS, status: 204 },
  ValidatePolicy: { service: ANALYZER, method: 'POST', path: '/policy/validation', status: 200 },
  CheckNoPublicAccess: { service: ANALYZER, method: 'POST', path: '/policy/check-no-public-access', status: 200 },
  CheckNoNewAccess: { service: ANALYZER, method: 'POST', path: '/policy/check-no-new-access', status: 200 },
};

/**
 * The operation that a method and a path stand for.
 * @returns its service, its name and what stands in the path; null where there is none
 */
export function restRequest(
  method: string,
  path: string,
): { service: string; operation: string; input: Record<string, string> } | null {
  const parts = path.replace(/\/$/, '').split('/');
  for (const [operation, route] of Object.entries(ROUTES)) {
    const pattern = route.path.split('/');
    if (route.method !== method || pattern.length !== parts.length) continue;
    const named = pattern.map((part, index) => [/^\{(\w+)\}$/.exec(part)?.[1], part, parts[index] ?? ''] as const);
    if (!named.every(([name, part, given]) => name !== undefined || part === given)) continue;
    const input = named.flatMap(([name, , given]) => (name === undefined ? [] : [[name, decodeURIComponent(given)]]));
    return {
      service: route.service ?? 'lambda',
      operation,
      input: Object.fromEntries(input) as Record<string, string>,
    };
  }
  return null;
}

/** The HTTP status of an operation that went well. */
export const restStatus = (operation: string): number => ROUTES[operation]?.status ?? 200;
