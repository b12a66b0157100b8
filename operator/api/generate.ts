import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { stringify } from "yaml";
import { permissions } from "../runtime/permissions.ts";
import { approvalPolicy } from "./approval-policy.ts";
import { customResourceDefinition } from "./crd.ts";
import { deletionPolicy } from "./deletion-policy.ts";
import { kinds } from "./kinds.ts";

const head = "# Written by `npm run generate` from operator/api. Do not edit.\n";
const yaml = (value: unknown): string =>
  head + stringify(value, { lineWidth: 120, aliasDuplicateObjects: false, version: "1.1" });

/** Every generated file: path from the root of the repository → text. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const kind of kinds) files.set(`crds/${kind.plural}.yaml`, yaml(customResourceDefinition(kind)));
  files.set("charts/hmn-operator/files/rules.yaml", yaml(permissions.namespaced));
  files.set("charts/hmn-operator/files/cluster-rules.yaml", yaml(permissions.clusterWide));
  files.set("charts/hmn-operator/files/lease-rules.yaml", yaml(permissions.ownNamespace));
  files.set("charts/hmn-operator/files/approval-policy.yaml", yaml(approvalPolicy.spec));
  files.set("charts/hmn-operator/files/deletion-policy.yaml", yaml(deletionPolicy.spec));
  return files;
}

export const repositoryRoot = join(import.meta.dirname, "..", "..");

if (import.meta.main) {
  for (const [path, text] of generatedFiles()) {
    mkdirSync(dirname(join(repositoryRoot, path)), { recursive: true });
    writeFileSync(join(repositoryRoot, path), text);
    process.stdout.write(`${path}\n`);
  }
}
