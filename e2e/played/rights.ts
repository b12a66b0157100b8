import { readFileSync } from "node:fs";
import { permissions, type Rule } from "../../operator/runtime/permissions.ts";
import { OPERATOR_USER } from "./cutting-proxy.ts";

/** What the API server notes: who asked for what, without the contents. */
export const AUDIT_POLICY = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived", "ResponseStarted"],
  rules: [{ level: "Metadata", users: [OPERATOR_USER.name] }, { level: "None" }],
} as const;

type AuditEvent = {
  readonly verb: string;
  readonly objectRef?: { readonly resource?: string; readonly apiGroup?: string; readonly subresource?: string };
  readonly responseStatus?: { readonly code?: number };
};

export type Asked = {
  /** `verb group/resource`, sorted. */
  readonly rights: ReadonlySet<string>;
  /** What the API server refused for want of a right. */
  readonly refused: ReadonlySet<string>;
};

/** What operators have asked of the API server, by its own audit log. */
export function askedFor(auditLog: string): Asked {
  const rights = new Set<string>();
  const refused = new Set<string>();
  for (const line of readFileSync(auditLog, "utf8").split("\n")) {
    if (line === "") continue;
    const { verb, objectRef = {}, responseStatus }: AuditEvent = JSON.parse(line);
    const { resource = "", apiGroup = "", subresource } = objectRef;
    const what = `${apiGroup}/${resource}${subresource === undefined ? "" : `/${subresource}`}`;
    rights.add(`${verb} ${what}`);
    // Server-side apply of what is not there yet is asked for as a patch, and needs both rights.
    if (verb === "patch" && responseStatus?.code === 201) rights.add(`create ${what}`);
    if (responseStatus?.code === 403) refused.add(`${verb} ${what}`);
  }
  return { rights, refused };
}

/** Every right that the chart grants, one by one. */
export const grantedRights = (): readonly string[] => {
  const each = ({ apiGroups, resources, verbs }: Rule): readonly string[] =>
    apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`)));
  return Object.values(permissions).flat().flatMap(each).toSorted();
};
