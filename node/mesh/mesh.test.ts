import { describe, expect, it } from "vitest";
import { present } from "../base/assert.ts";
import { toHex } from "../base/bytes.ts";
import { seededRandom } from "../base/random.ts";
import { compareVersions, keyText, type MemoryEntry } from "../codec/memory-entry.ts";
import { encodeMeshMessage } from "../codec/mesh-message.ts";
import { createMesh, MESH_LIMITS, pageOfAuthor, pageOfShard, recordsOf, restoreRecord, viewOfMesh } from "./mesh.ts";
import { authorOf, CHAIN, contentOf, START_MS, signed, testNetwork } from "./test-mesh.ts";

type Network = ReturnType<typeof testNetwork>;

/** The nodes that hold an entry, and one that does not. */
function placed(
  network: Network,
  entry: MemoryEntry,
): { readonly replicas: readonly number[]; readonly other: number } {
  const replicas = present(network.meshes[0]?.placement[entry.shard], "a shard has replicas");
  return { replicas, other: network.meshes.findIndex((_, id) => !replicas.includes(id)) };
}
const readAt = (network: Network, node: number, { author, id }: MemoryEntry) => {
  network.feed(node, { type: "look-up", request: 7, author, id });
  network.run(250);
  const found = network.effects.findLast((effect) => effect.type === "found" && effect.node === node);
  return found?.type === "found" && found.result.ok ? found.result.value?.digest : found;
};
const refusalsOf = (network: Network, node: number): string[] =>
  network.effects.flatMap((effect) => (effect.type === "refused" && effect.node === node ? effect.reason : []));
/** Entries that all come from one node with a right signature, whatever that node holds. */
const pushTo = (network: Network, node: number, ...entries: MemoryEntry[]) =>
  network.feed(node, {
    type: "peer-frame",
    peer: node === 0 ? 1 : 0,
    frame: encodeMeshMessage({ type: "push", entries: entries.map(({ bytes }) => bytes) }),
  });
/** An entry of this author that node 0 holds and takes pushes of. */
const heldBy = (network: Network, node: number, author: number, setting = {}): MemoryEntry => {
  for (let index = 0; ; index++) {
    const entry = signed(author, `held-${index}`, setting);
    if (placed(network, entry).replicas.includes(node)) return entry;
  }
};

describe("four nodes", () => {
  it("read everywhere what was written anywhere, also where its shard is not held", () => {
    const network = testNetwork(4);
    for (let index = 0; index < 8; index++) {
      const entry = signed(1, `entry-${index}`, { content: `content ${index}` });
      const { replicas, other } = placed(network, entry);
      const writer = index % 2 === 0 ? other : (replicas[0] ?? 0);
      network.publish(writer, entry);
      network.run(250);
      for (const id of replicas)
        expect(contentOf(present(network.meshes[id], "node").store).join()).toContain(entry.digest);
      for (const id of [0, 1, 2, 3]) expect(readAt(network, id, entry), `at ${id}`).toBe(entry.digest);
      expect(contentOf(present(network.meshes[other], "node").store).join()).not.toContain(entry.digest);
    }
  });

  it("are equal again after a partition in which both sides wrote, deleted and wrote the same key", () => {
    const network = testNetwork(4);
    const both = signed(1, "both");
    const gone = signed(1, "gone");
    for (const entry of [both, gone]) network.publish(0, entry);
    network.run(3_000);
    network.cutWhere((a, b) => a < 2 && b >= 2);
    network.publish(0, signed(1, "both", { atMs: network.wallMs(), content: "left" }));
    network.publish(3, signed(1, "both", { atMs: network.wallMs(), counter: 1, content: "right" }));
    network.publish(2, signed(1, "gone", { atMs: network.wallMs(), content: null }));
    for (let index = 0; index < 20; index++) {
      network.publish(index % 4, signed(2 + (index % 3), `${index}`, { atMs: network.wallMs() }));
      network.run(250);
    }
    expect(network.isConverged()).toBe(false);
    network.cutWhere(() => false);
    network.until(() => network.isConverged(), 20_000);
    const winner = signed(1, "both", { atMs: START_MS + 3_000, counter: 1, content: "right" });
    expect(readAt(network, 0, both)).toBe(winner.digest);
    expect(network.meshes.flatMap(({ store }) => contentOf(store)).join()).not.toContain(gone.digest);
  });

  it("are equal at once where one has a version that is newer than what is compared, and say little", () => {
    const network = testNetwork(3);
    const old = signed(1, "again");
    network.publish(0, old);
    network.run(5_000);
    network.cutWhere((a) => a === 0);
    network.publish(0, signed(1, "again", { atMs: network.wallMs(), content: "newer" }));
    network.cutWhere(() => false);
    const { frames } = network.traffic;
    network.until(() => network.isConverged(), 1_500);
    network.run(1_000);
    // Two messages for each equal shard of each pair, both ways, every half second.
    expect(network.traffic.frames - frames).toBeLessThan(1_000);
  });

  it("survive a restart with what was written down, and restore nothing else", () => {
    const network = testNetwork(4, { limitsOf: () => ({ ...MESH_LIMITS, entries: 40 }) });
    for (let index = 0; index < 60; index++) {
      network.publish(0, signed(1 + (index % 3), `${index}`, { atMs: network.wallMs() }));
      network.run(250);
    }
    for (const [id, mesh] of network.meshes.entries()) {
      const again = createMesh({ self: id, chainId: CHAIN, limits: mesh.config.limits });
      for (const effect of network.effects) {
        if (effect.type === "persist" && effect.node === id) expect(restoreRecord(again, effect.record)).toBe(true);
      }
      const packed = createMesh({ self: id, chainId: CHAIN, limits: mesh.config.limits });
      for (const record of recordsOf(mesh)) restoreRecord(packed, record);
      for (const restored of [again, packed]) {
        expect(contentOf(restored.store)).toEqual(contentOf(mesh.store));
        expect(viewOfMesh(restored)).toMatchObject({ watermark: mesh.store.watermark, clock: mesh.clock });
      }
    }
  });

  it("let go of a shard only when a replica of it has everything", () => {
    const network = testNetwork(5, { validators: [0, 1, 2] });
    for (let index = 0; index < 30; index++)
      network.publish(index % 3, signed(1, `${index}`, { atMs: network.wallMs() }));
    network.run(3_000);
    expect(network.meshes[0]?.store.entries.size).toBe(30);
    const everything = contentOf(present(network.meshes[0], "node").store);
    // 0, 1 and 2 held everything; now they share it with two who have nothing.
    network.setMembers([0, 1, 2, 3, 4]);
    network.until(() => network.isConverged() && network.meshes.every(({ leaving }) => leaving.size === 0), 30_000);
    const held = network.meshes.flatMap(({ store }) => contentOf(store));
    expect([...new Set(held)].toSorted()).toEqual(everything);
    expect(held).toHaveLength(3 * 30);
  });
});

describe("notes beside a version", () => {
  const notesOf = (net: Network, entry: MemoryEntry) =>
    net.meshes.map(({ store }) => store.entries.get(entry.key)?.notes);

  it("say by whom it came into the mesh, through pushes and through those who do not hold it", () => {
    for (const publisher of [0, 1, 2, 3]) {
      const net = testNetwork(4);
      for (const id of ["a", "b", "c", "d", "e", "f"]) {
        const entry = signed(1, id);
        net.publish(publisher, entry);
        net.run(1_000);
        expect(notesOf(net, entry).filter((notes) => notes?.publisher === publisher)).toHaveLength(3);
      }
    }
  });

  it("are not known of what came from a replica, and are the publisher's alone for an entry that waits", () => {
    const net = testNetwork(3);
    net.cutWhere((_, b) => b === 2);
    const entry = signed(1, "a");
    net.publish(0, entry);
    net.run(1_000);
    net.cutWhere(() => false);
    net.until(() => net.isConverged());
    expect(notesOf(net, entry).map((notes) => notes?.publisher)).toEqual([0, 0, undefined]);
    const ahead = signed(1, "b", { atMs: net.wallMs() + 10_000 });
    net.publish(1, ahead);
    net.run(30_000);
    expect(notesOf(net, ahead).map((notes) => notes?.publisher)).toEqual([1, 1, 1]);
  });

  it("name nobody who only passes an entry on when its time has come", () => {
    const net = testNetwork(4);
    const ahead = signed(1, "a", { atMs: START_MS + 10_000 });
    const { replicas, other } = placed(net, ahead);
    const late = replicas[2] ?? 0;
    net.cutWhere((a, b) => a === late || b === late);
    net.publish(other, ahead);
    net.run(1_000);
    net.cutWhere(() => false);
    net.until(() => net.isConverged() && notesOf(net, ahead)[late] !== undefined);
    const publishers = replicas.map((id) => notesOf(net, ahead)[id]?.publisher);
    expect(publishers).toEqual([other, other, undefined]);
  });

  it("survive a restart, and end with their version", () => {
    const net = testNetwork(3);
    const entry = signed(1, "a");
    net.publish(0, entry);
    const anchor = { height: 9, index: 0, batch: new Uint8Array(472).fill(1) };
    const { author, id, digest } = entry;
    net.feed(0, { type: "anchored", author, id, digest, ...anchor });
    net.feed(0, { type: "anchored", author, id, digest: "ab".repeat(32), ...anchor, height: 10 });
    const records = net.effects.flatMap((effect) =>
      effect.type === "persist" && effect.node === 0 ? [effect.record] : [],
    );
    for (const kept of [records, [...recordsOf(present(net.meshes[0], "a node"))]]) {
      const again = createMesh({ self: 0, chainId: CHAIN, limits: MESH_LIMITS });
      for (const record of kept) restoreRecord(again, record);
      expect(again.store.entries.get(entry.key)?.notes).toEqual({ publisher: 0, anchor });
    }
    const newer = signed(1, "a", { counter: 1 });
    net.publish(1, newer);
    net.run(1_000);
    expect(notesOf(net, newer)[0]).toEqual({ publisher: 1, anchor: undefined });
  });
});

describe("what does not belong", () => {
  const cases: readonly [string, (network: Network) => MemoryEntry][] = [
    ["signature_invalid", (network) => ({ ...heldBy(network, 0, 1), ...forged(heldBy(network, 0, 1)) })],
    ["clock_ahead", (network) => heldBy(network, 0, 1, { atMs: START_MS + 61_000 })],
    ["stale", (network) => heldBy(network, 0, 1, { atMs: START_MS - 1_000 })],
    ["not_held", (network) => notHeld(network)],
    ["malformed", (network) => ({ ...heldBy(network, 0, 1), bytes: new Uint8Array(10) })],
    ["too_large", (network) => ({ ...heldBy(network, 0, 1), bytes: new Uint8Array(70_000) })],
  ];
  const forged = ({ bytes }: MemoryEntry) => ({ bytes: bytes.with(bytes.length - 1, (bytes.at(-1) ?? 0) ^ 1) });
  const notHeld = (network: Network): MemoryEntry => {
    for (let index = 0; ; index++) {
      const entry = signed(1, `other-${index}`);
      if (!placed(network, entry).replicas.includes(0)) return entry;
    }
  };
  it.each(cases)("%s: is refused with this one reason, and harms nobody", (reason, make) => {
    const network = testNetwork(4);
    const before = heldBy(network, 0, 1);
    if (reason === "stale") pushTo(network, 0, before);
    const clock = network.meshes[0]?.clock;
    const content = contentOf(present(network.meshes[0], "node").store);
    const good = heldBy(network, 0, 2);
    pushTo(network, 0, make(network), good);
    expect(refusalsOf(network, 0)).toEqual([reason]);
    // What came beside it is taken, and nothing else has changed.
    const after = contentOf(present(network.meshes[0], "node").store);
    expect(after.filter((line) => !line.includes(good.digest))).toEqual(content);
    expect(after).toHaveLength(content.length + 1);
    if (reason === "clock_ahead") expect(network.meshes[0]?.clock).toBe(good.clock);
    else expect(network.meshes[0]?.clock).toBe(clock === 0n ? good.clock : clock);
  });

  it("an entry from the near future waits for its time, and moves no clock before", () => {
    const network = testNetwork(4);
    const early = heldBy(network, 0, 1, { atMs: START_MS + 30_000 });
    expect(network.publish(0, early)).toMatchObject({ result: { ok: true, value: { state: "waits" } } });
    network.run(20_000);
    expect(network.meshes[0]?.clock).toBe(0n);
    expect(readAt(network, 0, early)).toBeUndefined();
    network.run(11_000);
    for (const id of placed(network, early).replicas) expect(readAt(network, id, early)).toBe(early.digest);
  });

  it("many entries from the future of one author take no room from others", () => {
    const network = testNetwork(4);
    const waiting = Array.from({ length: 60 }, (_, index) => signed(1, `${index}`, { atMs: START_MS + 30_000 }));
    pushTo(network, 0, ...waiting.filter((entry) => placed(network, entry).replicas.includes(0)).slice(0, 20));
    expect(refusalsOf(network, 0)).toEqual(Array.from({ length: 4 }, () => "too_many_waiting"));
    const other = heldBy(network, 0, 2, { atMs: START_MS + 30_000 });
    expect(network.publish(0, other)).toMatchObject({ result: { ok: true } });
  });

  it("a client whose quota is used up is told so; deleting and writing the same ids goes on", () => {
    const network = testNetwork(3, { limitsOf: () => ({ ...MESH_LIMITS, authorEntries: 3 }) });
    for (let index = 0; index < 3; index++) network.publish(0, signed(1, `${index}`));
    expect(network.publish(0, signed(1, "3"))).toMatchObject({ result: { ok: false, reason: "author_quota" } });
    expect(network.publish(0, signed(1, "1", { counter: 1, content: null }))).toMatchObject({ result: { ok: true } });
    expect(network.publish(0, signed(1, "2", { counter: 2, content: "y" }))).toMatchObject({ result: { ok: true } });
    expect(network.publish(0, signed(2, "3"))).toMatchObject({ result: { ok: true } });
  });

  it("a peer that sends without measure is cut short", () => {
    const network = testNetwork(4);
    const entry = heldBy(network, 0, 1);
    for (let frame = 0; frame < 200; frame++) pushTo(network, 0, ...Array.from({ length: 32 }, () => entry));
    const refused = refusalsOf(network, 0).filter((reason) => reason === "over_rate");
    expect(refused).toHaveLength(200 - 4_000 / 32);
    // Another peer is heard, and later this one too.
    network.feed(0, {
      type: "peer-frame",
      peer: 2,
      frame: encodeMeshMessage({ type: "push", entries: [entry.bytes] }),
    });
    network.run(1_000);
    pushTo(network, 0, entry);
    expect(refusalsOf(network, 0).filter((reason) => reason === "over_rate")).toHaveLength(refused.length);
  });

  it("what was evicted does not come back from replicas that have room for it", () => {
    const network = testNetwork(3, {
      limitsOf: (node) => ({ ...MESH_LIMITS, ...(node === 0 ? { entries: 20 } : {}) }),
    });
    for (let index = 0; index < 60; index++) {
      network.publish(1, signed(1, `${index}`, { atMs: network.wallMs() }));
      network.run(500);
    }
    network.run(20_000);
    expect(network.meshes[1]?.store.entries.size).toBe(60);
    const kept = present(network.meshes[0], "node").store;
    expect(kept.entries.size).toBeLessThanOrEqual(20);
    const evictions = network.effects.filter(({ type, node }) => type === "evicted" && node === 0).length;
    // Each exchange ends equal: the range is common to both.
    const before = network.effects.length;
    network.run(20_000);
    const later = network.effects.slice(before);
    expect(later.filter(({ type, node }) => type === "evicted" && node === 0)).toEqual([]);
    expect(evictions).toBeGreaterThan(0);
    const ended = later.filter((effect) => effect.type === "exchanged");
    expect(ended.length).toBeGreaterThan(10);
    expect(ended.every((effect) => effect.type === "exchanged" && effect.equal)).toBe(true);
  });
});

describe("convergence", () => {
  it.each(Array.from({ length: 12 }, (_, index) => 1 + index))(
    "seed %i: under loss, repetition, delay and partitions everything written is on all its replicas in the end",
    (seed) => {
      const random = seededRandom(BigInt(seed));
      const weather = { lossOneIn: 4 + random.below(10), doubleOneIn: 5, delayMs: 400 };
      const network = testNetwork(5, { seed: BigInt(seed), weather });
      for (let step = 0; step < 80; step++) {
        if (random.oneIn(12)) {
          const side = random.below(31);
          network.cutWhere((a, b) => ((side >> a) & 1) !== ((side >> b) & 1));
        }
        const content = random.oneIn(5) ? null : `step ${step}`;
        const entry = signed(1 + random.below(3), `${random.below(12)}`, { atMs: network.wallMs(), content });
        network.publish(random.below(5), entry);
        network.run(250);
      }
      network.cutWhere(() => false);
      network.until(() => network.isConverged(), 120_000);
      const acknowledged = network.effects.flatMap((effect) =>
        effect.type === "published" && effect.result.ok ? effect.result.value.entry : [],
      );
      expect(acknowledged.length).toBeGreaterThan(50);
      for (const entry of acknowledged) {
        for (const id of placed(network, entry).replicas) {
          const held = network.meshes[id]?.store.entries.get(keyText(entry))?.entry;
          expect(held === undefined ? -1 : compareVersions(held, entry), keyText(entry)).toBeGreaterThanOrEqual(0);
        }
      }
    },
  );

  it("reaches all replicas within two rounds of gossip where nothing is lost, without a push", () => {
    const network = testNetwork(8, { gossipMs: 1_000 });
    const entries = Array.from({ length: 40 }, (_, index) => signed(1 + (index % 5), `${index}`));
    // Written before anybody was connected: no push goes out.
    network.cutWhere(() => true);
    for (const entry of entries) network.publish(present(placed(network, entry).replicas[0], "a replica"), entry);
    network.run(3_000);
    network.cutWhere(() => false);
    expect(network.until(() => network.isConverged(), 10_000)).toBeLessThanOrEqual(2_000);
  });

  it("tells of each exchange whether it ended equal, and of a peer that answers nothing that it did not", () => {
    const network = testNetwork(4);
    network.run(5_000);
    const ended = network.effects.filter((effect) => effect.type === "exchanged");
    expect(ended.length).toBeGreaterThan(20);
    expect(ended.every((effect) => effect.type === "exchanged" && effect.equal)).toBe(true);
    const silent = testNetwork(4, { weather: { lossOneIn: 1 } });
    silent.run(12_000);
    const failed = silent.effects.filter((effect) => effect.type === "exchanged");
    expect(failed.length).toBeGreaterThan(20);
    expect(failed.some((effect) => effect.type === "exchanged" && effect.equal)).toBe(false);
  });
});

describe("the traffic of a sync", () => {
  /** Bytes until two nodes of so many entries, all but some in common, are equal. */
  const bytesFor = (entries: number, differences: number): number => {
    const network = testNetwork(2, { gossipMs: 1_000 });
    network.cutWhere(() => true);
    for (let index = 0; index < entries; index++) {
      const entry = signed(1 + (index % 20), `${index}`, {
        atMs: START_MS - 60_000 + Math.floor((index * 50_000) / entries),
      });
      const differs = index % (entries / differences) === 0;
      for (const node of differs ? [(index / (entries / differences)) % 2] : [0, 1]) {
        restoreRecord(present(network.meshes[node], "node"), { type: "entry", bytes: entry.bytes });
      }
    }
    network.cutWhere(() => false);
    network.traffic.bytes = 0;
    network.until(() => network.isConverged(), 60_000);
    return network.traffic.bytes;
  };

  it("grows with the difference, not with the size", () => {
    const one = signed(1, "1").bytes.length;
    const [small, large] = [bytesFor(1_000, 10), bytesFor(10_000, 10)];
    const many = bytesFor(10_000, 100);
    // 10 000 entries are a megabyte and a half; ten differences cost no more than 200 entries.
    expect(large).toBeLessThan(200 * one);
    expect(large).toBeLessThan(4 * small);
    expect(many).toBeGreaterThan(3 * large);
    expect(many).toBeLessThan(10 * large);
  });
});

describe("pages", () => {
  it("list a shard by time and an author by id, each entry once", () => {
    const network = testNetwork(3);
    const mesh = present(network.meshes[0], "node");
    const entries = Array.from({ length: 50 }, (_, index) => signed(1, `${index}`, { atMs: START_MS - index * 1_000 }));
    for (const entry of entries) network.publish(0, entry);
    for (let shard = 0; shard < 10; shard++) {
      const seen: string[] = [];
      for (let after = ""; ; ) {
        const page = present(pageOfShard(mesh, { shard, after, limit: 2 }), "three nodes hold every shard");
        if (page.entries.length === 0) break;
        seen.push(...page.entries.map(({ digest }) => digest));
        after = page.next;
      }
      const expected = entries.filter((entry) => entry.shard === shard).toReversed();
      expect(seen).toEqual(expected.map(({ digest }) => digest));
    }
    const author = toHex(authorOf(1).publicKey);
    const ids: string[] = [];
    for (let after = ""; ; after = ids.at(-1) ?? "") {
      const page = pageOfAuthor(mesh, { author, after, limit: 7 });
      if (page.length === 0) break;
      ids.push(...page.map(({ id }) => id));
    }
    expect(ids).toEqual(entries.map(({ id }) => id).toSorted());
    expect(pageOfShard(present(testNetwork(4).meshes[0], "node"), { shard: 1, after: "", limit: 1 })).toBeUndefined();
  });
});
