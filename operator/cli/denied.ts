import { ApiError } from "../runtime/api-error.ts";

const FORBIDDEN = /cannot (\w+) resource "([^"]+)" in API group "([^"]*)"(?: in the namespace "([^"]+)")?/;
const NOT_APPROVER = /may not approve for this cluster: grant the verb approve on hmnclusters\/([a-z0-9-]+)/;

/** An error of the API server as a person needs it: what is missing, and the rule that would give it. */
export function explained(error: unknown): string {
  if (!(error instanceof ApiError)) return error instanceof Error ? error.message : String(error);
  const { status, message } = error;
  if (status === 0) return `${message}: is the context right, and does the API server answer?`;
  if (status === 401) return `${message}: your credentials are not accepted; sign in again`;
  if (status === 404 && /the server could not find the requested resource|page not found/i.test(message))
    return `${message}: the API server does not know HMN's kinds; install them: kubectl apply --server-side -f crds/`;
  const rule = missingRule(message);
  return rule === undefined ? message : `${message}\nAsk for this rule in a Role of that namespace:\n  - ${rule}`;
}

/** The RBAC rule that a refusal says is missing; undefined where it says something else. */
export function missingRule(message: string): string | undefined {
  const approver = NOT_APPROVER.exec(message)?.[1];
  if (approver !== undefined)
    return `{apiGroups: [hmn.dev], resources: [hmnclusters], resourceNames: [${approver}], verbs: [approve]}`;
  const [, verb, resource, group = ""] = FORBIDDEN.exec(message) ?? [];
  return verb === undefined
    ? undefined
    : `{apiGroups: [${group === "" ? '""' : group}], resources: [${resource}], verbs: [${verb}]}`;
}
