import { describe, expect, it } from "vitest";
import { present } from "./base/assert.ts";
import { type Chain, chainId, epochOf, parametersOf } from "./chain/chain.ts";
import { epochHash } from "./chain/governance.ts";
import type { TrustAnchor } from "./chain/types.ts";
import { verify } from "./codec/signature.ts";
import { anchorOf, encodeHead, headFault, newestOf, parseHead, type SnapshotHead } from "./node-snapshot-head.ts";
import { applied, batchOf, type CalmSetting, NODES, running } from "./test-network.ts";

const setting = {
  parameters: { epochLengthMs: 10_000, checkpointIntervalMs: 1_000 },
  snapshotPolicy: { everyBlocks: 5, everyBytes: 1e9 },
};
const unharmed = { fork: 0, resultsMismatch: 0, equivocation: 0 };

/** Four nodes in their third epoch, whose logs begin behind genesis. */
function grown(more: CalmSetting = {}) {
  const network = running({ ...setting, ...more });
  network.until(() => NODES.every((id) => network.view(id).epoch === 3 && network.view(id).height > 25), 120_000);
  return network;
}

/** The same; the fourth one has lost its volume. */
function emptied(more: CalmSetting = {}) {
  const network = grown(more);
  network.stop(3);
  network.peers.delete(3);
  return network;
}

/** The first part of a node's newest snapshot. */
function headOf(network: ReturnType<typeof grown>, id = 0): SnapshotHead {
  const parsed = parseHead(present(network.peers.get(id)?.snapshots.at(-1)?.parts[0], "a snapshot has a head"));
  return present(parsed.ok ? parsed.value : undefined, "a head is well formed");
}

describe("a snapshot", () => {
  it("is made behind enough blocks; then the log may go, and a restart begins from it", () => {
    const network = grown();
    const peer = present(network.peers.get(1), "node 1 runs");
    expect(peer.snapshots).toHaveLength(2);
    expect(Math.min(...peer.blocks.keys())).toBeGreaterThan(1);
    const newest = present(peer.snapshots.at(-1), "there are two").height;
    expect([...peer.blocks.keys()].filter((height) => height > newest).length).toBeLessThan(10);
    const { height, resultsHash } = network.view(1);
    network.stop(1);
    network.start(1);
    expect(network.view(1)).toMatchObject({ height, resultsHash, state: "Voting" });
    network.until(() => NODES.every((id) => network.view(id).epoch === 4));
    for (const id of NODES) expect(network.view(id).safety).toEqual(unharmed);
  });

  it("of a peer is where a node begins that finds no block to go on with, and a later block has to confirm it", () => {
    const network = emptied();
    network.start(3, { votesIntact: false });
    network.until(() => network.view(3).height > 20);
    expect(network.view(3)).toMatchObject({ state: "CatchingUp", reason: expect.stringContaining("confirmed") });
    network.feed(3, { type: "client-batch", request: 1, batch: new Uint8Array(1) });
    expect(network.answers.get(1)).toMatchObject({ type: "refused", reason: "catching_up" });
    network.until(() => network.view(3).state === "Voting");
    expect(network.view(3).resultsHash).toBe(network.view(0).resultsHash);
    // It restarts from what it fetched, and takes part.
    network.stop(3);
    network.start(3);
    network.until(() => NODES.every((id) => network.view(id).epoch === 5), 120_000);
    for (const id of NODES) expect(network.view(id).safety).toEqual(unharmed);
  });

  it("passes over blocks that may have executed what a client waits for: it asks again, and hears of the first execution", () => {
    let delayMs = 0;
    const network = emptied({ delayMs: () => delayMs });
    const batch = batchOf(network, 1n);
    network.feed(0, { type: "client-batch", request: 1, batch });
    network.until(() => network.answers.has(1));
    const first = network.answers.get(1);
    expect(first).toMatchObject({ type: "committed", outcome: applied });
    const height = network.view(0).height;
    network.until(() => present(network.peers.get(0)?.snapshots[0], "there are two").height > height);
    delayMs = 1;
    network.start(3, { votesIntact: false });
    expect(network.view(3).height).toBe(0);
    network.feed(3, { type: "client-batch", request: 2, batch });
    expect(network.answers.has(2)).toBe(false);
    network.until(() => network.view(3).height > height);
    expect(network.answers.get(2)).toEqual({ type: "refused", reason: "catching_up", retryable: true });
    network.until(() => network.view(3).state === "Voting");
    network.feed(3, { type: "client-batch", request: 3, batch });
    expect(network.answers.get(3)).toEqual(first);
  });

  it("that is not what it says is left for the next peer's", () => {
    const network = emptied();
    for (const [id, part] of [
      [0, 0],
      [1, 1],
    ] as const) {
      const bytes = present(network.peers.get(id)?.snapshots.at(-1)?.parts[part], "a snapshot has two parts and more");
      bytes[bytes.length - 40] = (bytes[bytes.length - 40] ?? 0) ^ 1;
    }
    network.start(3, { votesIntact: false });
    network.until(() => network.view(3).height > 20 && network.view(3).state === "Voting", 120_000);
    expect(network.view(3).safety).toEqual(unharmed);
  });
});

it("does not begin from a state whose validators are others than its head proves", () => {
  const network = emptied();
  let imports = 0;
  // Whoever chose this set could tell the node from then on whatever it likes.
  const onImport = (chain: Chain): void => {
    imports += 1;
    if (imports > 1) return;
    const { epoch } = chain.governance;
    const members = epoch.members.map((member) => ({ ...member, weight: member.id === 0 ? 1_000_000 : 1 }));
    chain.governance = { ...chain.governance, epoch: { ...epoch, members } };
  };
  network.start(3, { votesIntact: false, onImport });
  network.until(() => imports === 1);
  expect(network.view(3)).toMatchObject({ height: 0, reason: expect.stringContaining("another validator set") });
  network.until(() => network.view(3).state === "Voting", 120_000);
  expect(imports).toBe(2);
});

it("leaves a state that a final block contradicts for the next snapshot, restarts included", () => {
  const network = emptied();
  let imports = 0;
  // The first peers' states are whole in themselves, and not the chain's.
  const onImport = (chain: Chain): void => {
    imports += 1;
    if (imports > 2) return;
    const head = present(chain.heads.get(chain.height), "the newest block has a head");
    chain.heads.set(chain.height, { ...head, resultsHash: "ab".repeat(32) });
  };
  network.start(3, { votesIntact: false, onImport });
  network.until(() => imports === 1);
  const reached = network.view(3).height;
  network.until(() => network.view(0).height > reached + 3);
  network.stop(3);
  network.start(3, { onImport });
  expect(imports).toBe(2);
  network.until(() => network.view(3).state === "Voting", 120_000);
  expect(imports).toBe(3);
  expect(network.view(3).resultsHash).toBe(network.view(0).resultsHash);
});

describe("the head of a snapshot", () => {
  const network = grown();
  const head = headOf(network);
  const chain = network.chain(0);
  const { members } = epochOf(chain);
  const setHash = epochHash({ number: 1, members, parameters: parametersOf(chain) });
  const genesis = { chainId: chainId(chain), epoch: 1, members, setHash, verify };
  const fault = (known: Partial<typeof genesis> & { anchor?: TrustAnchor }, of = head) =>
    headFault(of, { anchor: undefined, ...genesis, ...known });
  const { block } = newestOf(head);

  it("comes back as it was written", () => {
    expect(parseHead(encodeHead(head))).toEqual({ ok: true, value: head });
    expect(head.epochs.map(({ header }) => header.epoch)).toEqual([1, 2]);
    expect(parseHead(encodeHead(head).subarray(0, 99)).ok).toBe(false);
  });

  it("is believed by who knows the set of an epoch from which it follows", () => {
    expect(fault({})).toBeUndefined();
    const [, second] = head.epochs;
    const third = present(second, "two epochs have ended").header.next;
    expect(fault({ epoch: 3, setHash: third })).toBeUndefined();
    expect(fault({ epoch: 3 })).toMatch(/vouches/);
    expect(fault({}, { ...head, epochs: head.epochs.slice(1) })).toMatch(/vouches/);
    const others = genesis.members.map((member, index) => ({ ...member, publicKey: String(index).repeat(64) }));
    expect(fault({ members: others })).toMatch(/vouches/);
  });

  it("is believed by who was given its block, or the set of an epoch on its way", () => {
    const stranger = { members: [], epoch: 99 };
    const second = present(head.epochs[1], "two epochs have ended");
    const anchor = anchorOf(second);
    expect(fault(stranger)).toMatch(/vouches/);
    expect(fault({ ...stranger, anchor: { ...anchor, blockHash: block.hash, setHash: "" } })).toBeUndefined();
    expect(fault({ ...stranger, anchor })).toBeUndefined();
    expect(network.view(0).trustAnchor).toEqual(anchor);
    expect(fault({ ...stranger, anchor: { ...anchor, setHash: block.hash } })).toMatch(/vouches/);
  });

  it("that borrows the anchor's hash for a set of its own, or puts blocks of its own behind the anchor, is not", () => {
    const stranger = { members: [], epoch: 99 };
    const [first, second] = head.epochs;
    if (first === undefined || second === undefined) throw new Error("two epochs have ended");
    const anchor = anchorOf(second);
    const liars = second.members.map((member, index) => ({ ...member, publicKey: String(index).repeat(64) }));
    const borrowed = { ...head, epochs: [first, { ...second, members: liars }] };
    expect(fault({ ...stranger, anchor }, borrowed)).toMatch(/vouches/);
    const [older] = head.records;
    expect(fault({ ...stranger, anchor: { ...anchor, blockHash: older.block.hash, setHash: "" } })).toMatch(/vouches/);
    expect(fault({}, { ...head, epochs: [first] })).toMatch(/do not lead to/);
    expect(fault({}, { ...head, epochs: [first, second, second] })).toMatch(/do not lead to/);
  });

  it("with another set, or a certificate of too few, is not", () => {
    const [first, second] = head.epochs;
    if (first === undefined || second === undefined) throw new Error("two epochs have ended");
    const heavier = second.members.map((member) => ({ ...member, weight: member.weight + 1 }));
    expect(fault({}, { ...head, epochs: [first, { ...second, members: heavier }] })).toMatch(/vouches/);
    const { certificate } = newestOf(head);
    const few = { ...newestOf(head), certificate: { ...certificate, signatures: certificate.signatures.slice(1) } };
    expect(fault({}, { ...head, records: [few] })).toMatch(/vouches/);
  });
});
