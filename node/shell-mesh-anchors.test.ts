import { beforeEach, expect, test } from "vitest";
import { present } from "./base/assert.ts";
import { toHex } from "./base/bytes.ts";
import { chainId } from "./chain/chain.ts";
import {
  closeEpoch,
  anchor as execute,
  five,
  replicasOf,
  type TestNetwork,
  voteKeyOf,
} from "./chain/test-governance.ts";
import { hybridTimeAt } from "./codec/hybrid-clock.ts";
import { type MemoryEntry, signEntry } from "./codec/memory-entry.ts";
import type { AttestMessage } from "./codec/mesh-message.ts";
import { keyPairFromSeed } from "./codec/signature.ts";
import { createMesh, MESH_LIMITS, type Mesh } from "./mesh/mesh.ts";
import { mergeEntry } from "./mesh/store.ts";
import {
  type Anchoring,
  considerAnchor,
  createAnchoring,
  hearAttestation,
  type Proposals,
  proposeAnchors,
} from "./shell-mesh-anchors.ts";

type Replica = { readonly id: number; readonly mesh: Mesh; readonly anchoring: Anchoring; score: number };

let network: TestNetwork;
let entry: MemoryEntry;
let replicas: readonly Replica[];
let nowMs = 0;

const version = (counter: number, content: string | null = "text"): MemoryEntry =>
  signEntry(
    {
      ...{ id: "entry", clock: hybridTimeAt(1_000) + BigInt(counter) },
      content: content === null ? undefined : Buffer.from(content),
    },
    { chainId: chainId(network.chain), author: keyPairFromSeed(new Uint8Array(32).fill(3)) },
  );
function hold({ mesh, anchoring }: Replica, held: MemoryEntry): void {
  mergeEntry(mesh.store, held);
  considerAnchor(anchoring, held);
}
const propose = ({ mesh, anchoring, score }: Replica): Proposals =>
  proposeAnchors(anchoring, { mesh, chain: network.chain, nowMs, scoreOf: () => score });
const hear = ({ mesh, anchoring }: Replica, from: number, message: AttestMessage) =>
  hearAttestation(anchoring, from, message, { mesh, chain: network.chain });
const attested = (by: Replica): AttestMessage => present(propose(by).attestations[0], "it attests").message;

beforeEach(() => {
  network = five();
  nowMs = 0;
  entry = version(0);
  replicas = replicasOf(network, entry).map((id) => ({
    ...{ id, score: 900_000, anchoring: createAnchoring(id, voteKeyOf(id)) },
    mesh: createMesh({ self: id, chainId: chainId(network.chain), limits: MESH_LIMITS }),
  }));
  for (const replica of replicas) hold(replica, entry);
});
const three = (): readonly [Replica, Replica, Replica] => {
  const [low, middle, high] = replicas;
  if (low === undefined || middle === undefined || high === undefined) throw new Error("three replicas");
  return [low, middle, high];
};

test("two that score it high attest it, the lower one has it ordered, and the chain takes it", () => {
  const [low, middle, high] = three();
  low.score = 899_999;
  expect(propose(low)).toEqual({ attestations: [], anchors: [] });
  const { attestations, anchors } = propose(middle);
  expect(anchors).toEqual([]);
  expect(attestations.map(({ to }) => to)).toEqual([[low.id, high.id]]);
  const message = present(attestations[0], "it attests").message;
  expect(hear(high, middle.id, message)).toMatchObject({ ok: true });
  // The higher one of the two leaves it to the lower at first.
  const answer = propose(high);
  expect(answer.anchors).toEqual([]);
  expect(hear(middle, high.id, present(answer.attestations[0], "it attests").message)).toMatchObject({ ok: true });
  const record = present(propose(middle).anchors[0], "the lower one orders it");
  expect(propose(middle)).toEqual({ attestations: [], anchors: [] });
  nowMs += 10_000;
  expect(propose(high).anchors).toHaveLength(1);
  expect(execute(network, record)).toBe("applied");
  nowMs += 10_000;
  for (const replica of replicas) expect(propose(replica)).toEqual({ attestations: [], anchors: [] });
});

test("what nobody answered is told again, and signed anew in another epoch", () => {
  const [low] = three();
  const first = attested(low);
  nowMs += 9_999;
  expect(propose(low).attestations).toEqual([]);
  nowMs += 1;
  expect(attested(low)).toEqual(first);
  closeEpoch(network);
  expect(attested(low)).toMatchObject({ epoch: 2, digest: entry.digest });
});

test("bad attestations are refused with a reason and change nothing", () => {
  const [low, middle, high] = three();
  const good = attested(middle);
  const stranger = present(
    [0, 1, 2, 3, 4].find((id) => replicas.every((replica) => replica.id !== id)),
    "one of five holds nothing",
  );
  expect(hear(low, high.id, good)).toMatchObject({ reason: "attestation_invalid" });
  expect(hear(low, stranger, good)).toMatchObject({ reason: "attestation_invalid" });
  const signature = good.signature.map((byte, at) => (at === 0 ? byte ^ 1 : byte));
  expect(hear(low, middle.id, { ...good, signature })).toMatchObject({ reason: "attestation_invalid" });
  expect(hear(low, middle.id, { ...good, epoch: 2 })).toMatchObject({ reason: "stale" });
  expect(hear(low, middle.id, { ...good, digest: "ab".repeat(32) })).toMatchObject({ reason: "stale" });
  expect(hear(low, middle.id, { ...good, id: "another" })).toMatchObject({ reason: "not_held" });
  expect(propose(low).anchors).toEqual([]);
  expect(hear(low, middle.id, good)).toMatchObject({ ok: true });
  nowMs += 10_000;
  expect(propose(low).anchors).toHaveLength(1);
});

test("only the version that is held counts, never a tombstone; a key that does not vote attests nothing", () => {
  const [low, middle] = three();
  const before = attested(middle);
  hold(low, version(1));
  expect(hear(low, middle.id, before)).toMatchObject({ reason: "stale" });
  expect(attested(low).digest).toBe(version(1).digest);
  hold(low, version(2, null));
  nowMs += 10_000;
  expect(propose(low).attestations).toEqual([]);
  const key = keyPairFromSeed(new Uint8Array(32).fill(9));
  const robbed = { ...middle, anchoring: createAnchoring(middle.id, key) };
  hold(robbed, entry);
  expect(toHex(key.publicKey)).not.toBe(toHex(voteKeyOf(middle.id).publicKey));
  expect(propose(robbed).attestations).toEqual([]);
});

test("a node attests no more in an epoch than the epoch takes", () => {
  const [low] = three();
  const author = keyPairFromSeed(new Uint8Array(32).fill(3));
  let held = 1;
  for (let at = 0; held < 80; at++) {
    const id = `more-${at}`;
    const more = signEntry(
      { id, clock: hybridTimeAt(1_000), content: Buffer.from("") },
      { chainId: chainId(network.chain), author },
    );
    if (!replicasOf(network, more).includes(low.id)) continue;
    hold(low, more);
    held += 1;
  }
  expect(propose(low).attestations).toHaveLength(64);
  expect(propose(low).attestations).toHaveLength(0);
  closeEpoch(network);
  nowMs += 10_000;
  expect(propose(low).attestations).toHaveLength(64);
});
