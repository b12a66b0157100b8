import { mkdtempSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, test, vi } from "vitest";
import { EXIT_CODES } from "./api/contract.ts";
import { DamagedData } from "./node.ts";
import { voteKeyPath } from "./storage/vote-key.ts";
import { testCluster } from "./test-cluster.ts";
import { running } from "./test-network.ts";

test("a vote key that is damaged ends the process with a code of its own", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hmn-damaged-"));
  const cluster = await testCluster(folder, 4);
  const [node] = cluster.nodes;
  try {
    node?.start();
    await vi.waitFor(async () => expect((await node?.status())?.state).toBe("WaitingForGenesis"), {
      timeout: 60_000,
      interval: 100,
    });
    expect(await node?.end("SIGTERM")).toBe(0);
    truncateSync(voteKeyPath(node?.data ?? ""), 5);
    node?.start();
    expect(await node?.ended(), node?.log()).toBe(EXIT_CODES.votesDamaged);
  } finally {
    await cluster.close();
    rmSync(folder, { recursive: true });
  }
}, 120_000);

it("blocks that nobody can have written are told apart from a bug", () => {
  const network = running();
  network.until(() => network.view(0).height > 3);
  network.stop(0);
  let found: unknown;
  try {
    network.start(0, { blocks: [new Uint8Array(100)] });
  } catch (cause) {
    found = cause;
  }
  expect(found).toBeInstanceOf(DamagedData);
  expect(found).toMatchObject({ what: "data" });
});
