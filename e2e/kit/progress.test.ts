import { afterEach, expect, test, vi } from "vitest";
import { openProgress } from "./progress.ts";

function recorded(terminal: boolean) {
  vi.useFakeTimers({ now: Date.parse("2026-01-02T03:04:05Z") });
  const lines: string[] = [];
  const progress = openProgress({
    write: (text) => void lines.push(text),
    terminal,
    columns: 80,
    nowMs: () => Date.now(),
  });
  return { lines, progress };
}

afterEach(() => {
  vi.useRealTimers();
});

test("a log shows facts at once and a wait every two seconds with its age", () => {
  const { lines, progress } = recorded(false);
  const cluster = progress.phase("cluster");
  cluster.say("using kind");
  cluster.detail("node 1 of 4");
  vi.advanceTimersByTime(4000);
  cluster.detail("node 2 of 4");
  vi.advanceTimersByTime(2000);
  cluster.say("ready");
  vi.advanceTimersByTime(10_000);
  expect(lines).toEqual([
    "03:04:05  cluster    using kind\n",
    "03:04:05  cluster      ... node 1 of 4\n",
    "03:04:07  cluster      ... node 1 of 4 (2 s)\n",
    "03:04:09  cluster      ... node 1 of 4 (4 s)\n",
    "03:04:11  cluster      ... node 2 of 4 (6 s)\n",
    "03:04:11  cluster    ready\n",
  ]);
});

test("a terminal shows each detail in place and leaves no rest behind", () => {
  const { lines, progress } = recorded(true);
  progress.phase("nodes").detail("0 of 4 ready");
  progress.phase("nodes").detail("1 of 4 ready");
  progress.close();
  expect(lines).toEqual([
    "\r\u001b[2K03:04:05  nodes        ... 0 of 4 ready",
    "\r\u001b[2K03:04:05  nodes        ... 1 of 4 ready",
    "\r\u001b[2K",
  ]);
});
