import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { packageFolders, packageOf, reach, readLock } from "./closure.ts";
import { ROOT } from "./compile.ts";

let folder = "";
const write = (path: string, text: string): void => {
  mkdirSync(join(folder, path, ".."), { recursive: true });
  writeFileSync(join(folder, path), text);
};
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hmn-closure-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("every form of import is followed, what is left out is not", () => {
  write("node/main.js", 'import { a } from "./a.js";\nimport "pino";\nconst f = await import("./faults.js");');
  write(
    "node/a.js",
    'export * from "../base/b.js";\nimport { x } from "@peculiar/x509/deep";\nimport fs from "node:fs";',
  );
  write("base/b.js", 'import { join } from "path";\nexport const b = 1;');
  write("node/faults.js", 'import "only-for-tests";');
  write("node/unused.js", 'import "unused";');
  expect(reach(folder, "node/main.js", ["node/faults.js"])).toEqual({
    files: ["base/b.js", "node/a.js", "node/main.js"],
    packages: ["@peculiar/x509", "pino"],
  });
});

test("an import of what was not compiled names both files", () => {
  write("main.js", 'import "./gone.js";');
  expect(() => reach(folder, "main.js")).toThrow("main.js imports gone.js, which was not compiled");
});

test("the nearest package wins, what is optional may be missing, types are left out", () => {
  const installed = ["node_modules/a", "node_modules/a/node_modules/b", "node_modules/b", "node_modules/c"];
  for (const path of installed) write(`${path}/package.json`, "{}");
  const none = { dependencies: {}, optionalDependencies: {}, peerDependencies: {} };
  const needs = (...names: string[]) => ({
    ...none,
    dependencies: Object.fromEntries(names.map((name) => [name, "1"])),
  });
  const lock = {
    packages: {
      "node_modules/a": { ...needs("b", "@types/node"), optionalDependencies: { "for-windows": "1" } },
      "node_modules/a/node_modules/b": needs("c"),
      "node_modules/b": none,
      "node_modules/c": needs("b"),
    },
  };
  expect(packageFolders(lock, ["a"], folder)).toEqual([
    "node_modules/a",
    "node_modules/a/node_modules/b",
    "node_modules/b",
    "node_modules/c",
  ]);
  expect(() => packageFolders(lock, ["missing"], folder)).toThrow("the program needs the package missing");
});

test("this project's native package brings its loader, and no tool of development comes along", () => {
  const folders = packageFolders(readLock(ROOT), ["sodium-native", "pino", "prom-client", "zod", "fastify"], ROOT);
  expect(folders).toContain("node_modules/require-addon");
  expect(folders.filter((path) => /vitest|typescript|cdk8s|biome/.test(path))).toEqual([]);
});

test("a specifier names its package", () => {
  expect(["zod", "zod/v4", "@a/b", "@a/b/c"].map(packageOf)).toEqual(["zod", "zod", "@a/b", "@a/b"]);
});
