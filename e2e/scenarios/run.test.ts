import { expect, test } from "vitest";
import { openProgress } from "../kit/progress.ts";
import { type Runs, runScenario, summary } from "./run.ts";
import { Skipped } from "./scenario.ts";

const progress = openProgress({ write: () => {}, terminal: false, columns: 80, nowMs: () => 0 });

test("a failure is noted and dumped, a skip is neither passed nor failed, and the rest goes on", async () => {
  const runs: Runs = [];
  const dumped: string[] = [];
  const run = (name: string, body: () => Promise<void>) =>
    runScenario(name, progress, runs, body, async () => void dumped.push(name));
  expect(await run("good", async () => {})).toBe(true);
  expect(await run("bad", () => Promise.reject(new Error("two were down")))).toBe(false);
  expect(await run("elsewhere", () => Promise.reject(new Skipped("no way in")))).toBe(true);
  expect(dumped).toEqual(["bad"]);
  expect(summary(runs.map((one) => ({ ...one, milliseconds: 0 })))).toBe(
    [
      "ok good (0 ms)",
      "FAILED bad (0 ms): two were down",
      "skipped elsewhere (0 ms): no way in",
      "e2e: 1 passed, 1 failed, 1 skipped",
    ].join("\n"),
  );
});
