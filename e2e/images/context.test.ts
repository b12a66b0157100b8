import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { run } from "../cluster/run.ts";
import { makeContexts } from "./context.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hmn-context-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const filesOf = (folder: string): string[] => readdirSync(folder, { recursive: true }).map(String);

test("the node's image starts from its context alone, has no faults in it, and nothing but what it loads", async () => {
  const { node = "", faults = "" } = await makeContexts(["node"], folder);
  const files = filesOf(node);
  expect(files).toContain("app/node/main.js");
  expect(files).not.toContain("app/node/faults.js");
  expect(files.filter((file) => /\.test\.js$|\.d\.ts$|(^|\/)app\/(operator|e2e)/.test(file))).toEqual([]);
  expect(filesOf(faults)).toContain("app/node/faults.js");
  expect(existsSync(join(faults, "app/node/main.js"))).toBe(false);
  const prebuilds = readdirSync(join(node, "node_modules/sodium-native/prebuilds"));
  expect(prebuilds).toEqual([`linux-${process.arch}`]);
  // Every module is found and evaluated; the program itself then says how it wants to be called.
  const program = `await import(${JSON.stringify(join(node, "app/node/api/contract.js"))}); await import(${JSON.stringify(join(node, "app/node/codec/signature.js"))});`;
  const loaded = await run(process.execPath, ["--input-type=module", "--eval", program], { cwd: "/" });
  expect(loaded).toMatchObject({ code: 0, stderr: "" });
});
