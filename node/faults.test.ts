import { expect, test } from "vitest";
import { CHAIN_RULES } from "./chain/rules.ts";
import { parseFaults } from "./faults.ts";
import { NO_FAULTS } from "./shell-faults.ts";

test("faults are read from their list, and a misspelt one is not silently none", () => {
  expect(parseFaults("")).toEqual(NO_FAULTS);
  expect(parseFaults("differ").chainRules.resultsRoot([])).not.toEqual(CHAIN_RULES.resultsRoot([]));
  expect(parseFaults("slow=400,crash=5,silent")).toEqual({
    ...NO_FAULTS,
    names: ["slow=400", "crash=5", "silent"],
    slowMs: 400,
    crashAfterMs: 5_000,
    silent: true,
  });
  for (const wrong of ["fast=1", "slow", "slow=-1", "slow=1.5", "crash=x", "silent=1"]) {
    expect(() => parseFaults(wrong), wrong).toThrow("HMN_FAULTS");
  }
});
