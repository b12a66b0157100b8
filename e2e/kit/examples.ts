import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseAllDocuments, stringify } from "yaml";
import { assert } from "../../node/base/assert.ts";

/** The namespace that the examples are written for. */
export const EXAMPLE_NAMESPACE = "hmn-demo";

export const EXAMPLES = {
  cluster: "docs/examples/four-validators.yaml",
  load: "docs/examples/load.yaml",
} as const;

export type Manifest = {
  kind: string;
  metadata: { name: string; namespace?: string };
  spec?: unknown;
  [field: string]: unknown;
};

/** The repository's root, which every path that is printed is relative to. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** An example's objects as a user would apply them, in another namespace. */
export async function readExample(path: string, namespace: string): Promise<Manifest[]> {
  const text = await readFile(new URL(path, `file://${ROOT}`), "utf8");
  return parseAllDocuments(text.replaceAll(EXAMPLE_NAMESPACE, namespace))
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
}

export const toYaml = (manifests: readonly Manifest[]): string =>
  manifests.map((manifest) => stringify(manifest)).join("---\n");

/** Replaces values of `--flag=value` arguments; a flag that is not there is a mistake of the caller. */
export function withArguments(yaml: string, args: Readonly<Record<string, string>>): string {
  return Object.entries(args).reduce((text, [flag, value]) => {
    const pattern = new RegExp(`${flag}=\\S+`);
    assert(pattern.test(text), `the example has an argument ${flag}`);
    return text.replace(pattern, `${flag}=${value}`);
  }, yaml);
}
