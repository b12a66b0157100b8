import { expect, test } from "vitest";
import { openProgress } from "./progress.ts";
import { found, Hopeless, instead, waitFor } from "./wait.ts";

const progress = openProgress({ write: () => {}, terminal: false, columns: 80, nowMs: () => 0 });

test("waits until the thing is there, through looks that fail", async () => {
  const looks = [
    () => instead("0 of 2"),
    () => {
      throw new Error("connection refused");
    },
    () => found(7),
  ];
  const value = await waitFor("two pods", async () => (looks.shift() ?? (() => found(0)))(), {
    progress,
    timeoutMs: 10_000,
    everyMs: 1,
  });
  expect(value).toBe(7);
});

test("a failure names what was waited for and what was seen last", async () => {
  const wait = waitFor("two pods", async () => instead("1 of 2"), { progress, timeoutMs: 5, everyMs: 1 });
  await expect(wait).rejects.toThrow(/for two pods; last seen: 1 of 2/);
});

test("stops at once when waiting cannot help", async () => {
  const wait = waitFor(
    "success",
    async () => {
      throw new Hopeless("it was rolled back");
    },
    { progress, timeoutMs: 600_000 },
  );
  await expect(wait).rejects.toThrow("it was rolled back");
});
