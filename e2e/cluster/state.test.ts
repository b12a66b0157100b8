import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { cachePath } from "./cache.ts";
import { recallCluster, rememberCluster, rememberProvider } from "./state.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hmn-state-"));
  vi.stubEnv("XDG_CACHE_HOME", folder);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

test("a cluster that is being made anew is not taken for the complete one before it", () => {
  rememberCluster({ provider: "kind-built", madeFrom: "a" });
  rememberProvider("kind-built");
  expect(recallCluster()).toEqual({ provider: "kind-built", madeFrom: "a" });
  rememberCluster({ provider: "kind-built" });
  expect(recallCluster()).toEqual({ provider: "kind-built" });
});

test("what cannot be read is nothing known", () => {
  expect(recallCluster()).toBeUndefined();
  writeFileSync(cachePath("cluster.json"), '{"provider":');
  expect(recallCluster()).toBeUndefined();
});
