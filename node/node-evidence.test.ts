import { expect, it } from "vitest";
import { present } from "./base/assert.ts";
import { chainId } from "./chain/chain.ts";
import { parseRecord } from "./codec/block-record.ts";
import { encodePeerMessage } from "./codec/peer-message.ts";
import { sign } from "./codec/signature.ts";
import { type Ballot, ballotMessage } from "./codec/vote.ts";
import { keyOf, NODES, running } from "./test-network.ts";

it("a second vote that comes epochs and blocks after its view was decided is slashed all the same, once", () => {
  const network = running({ parameters: { epochLengthMs: 10_000 } });
  network.until(() => network.view(0).epoch === 2 && network.view(0).height > 15, 60_000);
  const record = parseRecord(present(network.peers.get(0)?.blocks.get(5), "node 0 keeps its blocks"));
  const { block } = present(record.ok ? record.value : undefined, "it is a record");
  expect(block.epoch).toBe(1);
  const { epoch, view, height, executed } = block;
  const ballot: Ballot = { kind: "notarize", epoch, view, block: "ab".repeat(32), height, executed };
  const signature = sign(ballotMessage(chainId(network.chain(0)), ballot), keyOf(4).secretKey);
  const frame = encodePeerMessage({ type: "vote", vote: { ballot, signer: 3, signature } });
  for (const id of [0, 1, 2]) network.feed(id, { type: "peer-frame", peer: 3, frame });
  const offencesAt = (id: number) => network.chain(id).governance.validators.get(3)?.offences ?? [];
  network.until(() => NODES.every((id) => offencesAt(id).length > 0), 60_000);
  for (const id of [0, 1, 2]) network.feed(id, { type: "peer-frame", peer: 3, frame });
  const reached = network.view(0).height;
  network.until(() => NODES.every((id) => network.view(id).height > reached + 5));
  for (const id of NODES) expect(offencesAt(id)).toEqual([{ epoch, view, kind: "notarize-twice" }]);
});
