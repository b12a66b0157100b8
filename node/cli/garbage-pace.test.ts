import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const PACE = fileURLToPath(new URL("./garbage-pace.ts", import.meta.url));

/**
 * How often V8 marks the heap of a process, of at most so many megabytes, for buffers that come and go beside tables that
 * stay. `told`: whether the pace is that of a roomy node.
 */
function marks({ heapMb, tablesMb, told }: { heapMb: number; tablesMb: number; told: boolean }): number {
  const program = `
    import { PerformanceObserver, constants } from "node:perf_hooks";
    import { setImmediate as turn } from "node:timers/promises";
    import { setFlagsFromString, getHeapStatistics } from "node:v8";
    import { bufferFlag, ROOMY_FLAGS } from ${JSON.stringify(PACE)};
    const tables = Array.from({ length: ${tablesMb} }, () => new Uint8Array(1 << 20).fill(1));
    if (${told}) for (const flag of [...ROOMY_FLAGS, bufferFlag(getHeapStatistics())]) setFlagsFromString(flag);
    let marks = 0;
    const observer = new PerformanceObserver((list) => {
      for (const { detail } of list.getEntries()) if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) marks += 1;
    });
    observer.observe({ entryTypes: ["gc"] });
    const frames = Array(400);
    for (let index = 0; index < 8_000; index++) {
      frames[index % frames.length] = new Uint8Array(1 << 17).fill(1, 0, 1);
      if (index % 20 === 0) await turn();
    }
    await turn();
    process.stdout.write(String(tables.length && marks));
  `;
  const flags = ["--disable-warning=ExperimentalWarning", `--max-old-space-size=${heapMb}`, "--input-type=module"];
  return Number(execFileSync(process.execPath, [...flags, "--eval", program], { encoding: "utf8" }));
}

it("marks the heap less often for buffers that come and go", () => {
  const roomy = { heapMb: 1_024, tablesMb: 100 };
  expect(2 * marks({ ...roomy, told: true })).toBeLessThan(marks({ ...roomy, told: false }));
});

it("does not mark without an end beside tables that are large for its heap", () => {
  const narrow = { heapMb: 64, tablesMb: 200 };
  expect(marks({ ...narrow, told: true })).toBeLessThan(2 * marks({ ...narrow, told: false }));
});

it("gives the young generation's room back at rest", () => {
  const program = `
    import { setTimeout as delay } from "node:timers/promises";
    import { getHeapSpaceStatistics } from "node:v8";
    import { paceGarbage } from ${JSON.stringify(PACE)};
    const young = () => getHeapSpaceStatistics().find((space) => space.space_name === "new_space").space_size;
    const kept = [];
    while (young() < 12 << 20) for (let index = 0; index < 100_000; index++) kept.push({ index });
    paceGarbage();
    while (young() > 4 << 20) await delay(50);
    process.stdout.write(kept.length > 0 ? "given back" : "");
  `;
  const flags = ["--disable-warning=ExperimentalWarning", "--input-type=module"];
  expect(execFileSync(process.execPath, [...flags, "--eval", program], { encoding: "utf8" })).toBe("given back");
});
