import { expect, test } from "vitest";
import { type NetworkFile, networkFileSchema, type TrustAnchor } from "../../node/api/contract.ts";
import { createWorld, type World } from "./world.ts";
import { createRunner } from "./world-run.ts";

const spec = {
  version: "1.0.0",
  image: { reference: "hmn-node:1.0.0" },
  network: "payments",
  rollout: { phases: [{ percent: 100, soakSeconds: 4 }], settleSeconds: 1, intervalSeconds: 4, minimumSamples: 10 },
};
const anchor = (epoch: number, digit = "a"): TrustAnchor => ({
  epoch,
  height: epoch * 10,
  blockHash: digit.repeat(64),
  setHash: "b".repeat(64),
});
const fileIn = (world: World): NetworkFile => {
  const data = world.find("ConfigMap", "payments-config")?.data as Record<string, string>;
  return networkFileSchema.parse(JSON.parse(data["network.json"] ?? ""));
};

test("network.json vouches for a newer closing block once a node does not vote and the old one is out of its reach", () => {
  const world = createWorld({ spec, behaviour: () => ({ latencySeconds: 0.004, pullable: true }) });
  const run = createRunner(world, { seed: 0n, faults: false });
  run.until("deployed", () => world.rollouts().at(-1)?.status.state === "Succeeded");
  const { trustAnchors, stalled } = world.nodes;
  const tell = (...anchors: readonly TrustAnchor[]) => {
    for (const [id, one] of anchors.entries()) trustAnchors.set(id, one);
  };

  // All vote: nothing is written, however old the network.
  tell(anchor(500), anchor(500), anchor(500), anchor(500));
  run.pass(6);
  expect(run.look().actions).toEqual([]);
  expect(fileIn(world).trust).toBeUndefined();

  stalled.add(3);
  run.until("an anchor", () => fileIn(world).trust !== undefined);
  expect(fileIn(world).trust).toEqual(anchor(500));

  // Young enough: it stands.
  tell(anchor(600), anchor(600), anchor(600));
  run.pass(20);
  expect(fileIn(world).trust).toEqual(anchor(500));

  // Half of the weight or less is nobody's word.
  tell(anchor(900, "f"), anchor(900, "f"), anchor(700));
  run.pass(20);
  expect(fileIn(world).trust).toEqual(anchor(500));
  tell(anchor(700), anchor(700), anchor(700));
  run.until("a newer anchor", () => fileIn(world).trust?.epoch === 700);
  expect(fileIn(world).peers.length).toBe(4);
  expect(world.status().repairs ?? []).toEqual([]);

  // Whoever writes another one there does not lead a node astray.
  world.meddle("ConfigMap", "payments-config", "somebody", ({ data }) => {
    const file = { ...fileIn(world), trust: anchor(700, "f") };
    Object.assign(data as object, { "network.json": JSON.stringify(file) });
  });
  run.until("ours again", () => fileIn(world).trust?.blockHash === anchor(700).blockHash);
});
