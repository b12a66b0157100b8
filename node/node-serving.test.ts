import { expect, it } from "vitest";
import { encodePeerMessage, type PeerMessage, parsePeerMessage } from "./codec/peer-message.ts";
import type { NodeEffect } from "./ports.ts";
import { PROBES_PER_SECOND, SERVED_BURST_BYTES } from "./sync/serving.ts";
import { NODES, running } from "./test-network.ts";

/** Four nodes with a log, and what node 0 does for node 3 from now on. */
function flooded() {
  let sentBytes = 0;
  let probeAnswers = 0;
  const dropped: string[] = [];
  let watching = false;
  const watch = (id: number, effect: NodeEffect): void => {
    if (id !== 0 || !watching) return;
    if (effect.type === "report" && effect.event.type === "frame-dropped") dropped.push(effect.event.reason);
    if (effect.type !== "send" || effect.peer !== 3) return;
    const message = parsePeerMessage(effect.frame);
    if (message.ok && message.value.type === "probe-answer") probeAnswers += 1;
    else sentBytes += effect.frame.length;
  };
  const network = running({ watch, snapshotPolicy: { everyBlocks: 20, everyBytes: 1e9 } });
  network.until(() => NODES.every((id) => network.view(id).height > 90), 200_000);
  watching = true;
  const ask = (message: PeerMessage, times: number): void => {
    const frame = encodePeerMessage(message);
    for (let question = 0; question < times; question++) network.feed(0, { type: "peer-frame", peer: 3, frame });
  };
  return { network, ask, dropped, sentBytes: () => sentBytes, probeAnswers: () => probeAnswers };
}

it("a peer that asks for the log without end is served its share, named when it is refused, and served again later", () => {
  const { network, ask, dropped, sentBytes } = flooded();
  const from = network.view(0).height - 60;
  ask({ type: "range-request", from }, 1_500);
  const first = sentBytes();
  expect(first).toBeGreaterThan(SERVED_BURST_BYTES / 2);
  expect(first).toBeLessThan(1.1 * SERVED_BURST_BYTES);
  expect(dropped.length).toBeGreaterThan(500);
  expect(new Set(dropped)).toEqual(new Set(["range-request: this peer has had its share for now"]));
  ask({ type: "snapshot-request", height: 0, part: 0 }, 10);
  expect(dropped.at(-1)).toBe("snapshot-request: this peer has had its share for now");
  const { height } = network.view(0);
  network.until(() => network.view(0).height >= height + 2);
  const before = sentBytes();
  ask({ type: "range-request", from }, 10);
  expect(sentBytes()).toBeGreaterThan(before);
});

it("probes without end are answered as often as anybody needs them, and cost the log nothing", () => {
  const { ask, dropped, probeAnswers, sentBytes } = flooded();
  ask({ type: "probe", round: 1 }, 1_000);
  expect(probeAnswers()).toBe(PROBES_PER_SECOND);
  expect(new Set(dropped)).toEqual(new Set(["probe: more of them than anybody needs"]));
  ask({ type: "range-request", from: 1 }, 1);
  expect(sentBytes()).toBeGreaterThan(0);
});
