import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { exampleFiles } from "./demo.ts";

const root = join(import.meta.dirname, "..");
for (const [path, text] of exampleFiles()) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
  process.stdout.write(`${path}\n`);
}
