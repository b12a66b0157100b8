import { expect, test } from "vitest";
import { EXAMPLE_NAMESPACE, EXAMPLES, readExample, toYaml, withArguments } from "./examples.ts";

test.each([EXAMPLES.cluster, EXAMPLES.load])("%s moves to another namespace as a whole", async (path) => {
  const manifests = await readExample(path, "elsewhere");
  expect(manifests.length).toBeGreaterThan(0);
  expect(toYaml(manifests)).not.toContain(EXAMPLE_NAMESPACE);
  for (const { kind, metadata } of manifests)
    expect(kind === "Namespace" ? metadata.name : metadata.namespace, kind).toBe("elsewhere");
});

test("the example's clients can be told to send smaller batches, and a wrong flag is noticed", async () => {
  const yaml = toYaml(await readExample(EXAMPLES.load, "elsewhere"));
  expect(withArguments(yaml, { "--batch": "3" })).toContain("--batch=3\n");
  expect(() => withArguments(yaml, { "--batches": "3" })).toThrow("--batches");
});
