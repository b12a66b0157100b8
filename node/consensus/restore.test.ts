import { describe, expect, it } from "vitest";
import { present } from "../base/assert.ts";
import { type Random, seededRandom } from "../base/random.ts";
import type { PeerMessage } from "../codec/peer-message.ts";
import { encodeJournal, parseJournal } from "./journal.ts";
import { standing } from "./repeat.ts";
import { restore } from "./restore.ts";
import { isVoter } from "./state.ts";
import { assertAgreement, assertHonestVotes } from "./test-checks.ts";
import { chainId } from "./test-keys.ts";
import { createNetwork, heal, isolate, runFor, runUntil, start, stop } from "./test-network.ts";
import { nodeOf, type TestNetwork } from "./test-node.ts";
import { setting } from "./test-setting.ts";

const FOUR = { 0: 10, 1: 10, 2: 10, 3: 10 };
const ids = [0, 1, 2, 3];
const everybody = (network: TestNetwork, epoch: number) => (): boolean =>
  ids.every((id) => nodeOf(network, id).state.epoch >= epoch);

describe("a journal", () => {
  it("brings a node back to where it stood, with its own votes", () => {
    const network = createNetwork({ members: () => FOUR });
    // Without finalize votes everything stays undecided.
    network.loses = ({ message }) => message.type === "vote" && message.vote.ballot.kind === "finalize";
    runUntil(network, () => nodeOf(network, 2).state.view === 6);
    const before = nodeOf(network, 2).state;
    stop(network, 2);
    start(network, 2);
    const after = nodeOf(network, 2).state;
    expect(after).toMatchObject({ view: before.view, memory: "whole", epoch: 1 });
    expect([...after.blocks.keys()].toSorted()).toEqual([...before.blocks.keys()].toSorted());
    for (const [number, view] of before.views) {
      expect(after.views.get(number)?.own).toEqual(view.own);
      expect(after.views.get(number)?.notarization).toEqual(view.notarization);
    }
    network.loses = () => false;
    runUntil(network, () => nodeOf(network, 2).log.length > 8);
    assertHonestVotes(network);
    assertAgreement(network);
  });

  it("may have more than the log after a crash: a finalize vote is not said before its batches are here again (rule 8)", () => {
    const network = createNetwork({ members: () => FOUR });
    const finalizes = (message: PeerMessage): boolean =>
      message.type === "vote" && message.vote.ballot.kind === "finalize";
    network.loses = ({ message }) => finalizes(message);
    const node = nodeOf(network, 2);
    runUntil(network, () => node.state.view === 6);
    stop(network, 2);
    node.durable = () => false;
    const sent = node.sent.length;
    start(network, 2);
    const { view } = node.state;
    runUntil(network, () => node.state.view > view + 4);
    expect([...node.sent.slice(sent), ...standing(node.state)].filter(finalizes)).toEqual([]);
    // It binds all the same: what it made final it does not give up.
    expect(node.state.views.get(1)?.own.finalize).toBeDefined();
    node.durable = () => true;
    network.loses = () => false;
    runUntil(network, () => node.log.length > 8);
    expect(node.sent.slice(sent).filter(finalizes)).not.toEqual([]);
    assertHonestVotes(network);
    assertAgreement(network);
  });

  it("holds through the end of an epoch: all restart when some are in the next one", () => {
    const network = createNetwork({ members: () => FOUR, epochMs: 100, compactEveryBlocks: 3 });
    for (const epoch of [2, 3, 4]) {
      runUntil(network, () => ids.some((id) => nodeOf(network, id).state.epoch === epoch));
      for (const id of ids) stop(network, id);
      network.letters.length = 0;
      for (const id of ids) start(network, id);
      expect(ids.every((id) => isVoter(nodeOf(network, id).state))).toBe(true);
      runUntil(network, everybody(network, epoch));
    }
    assertHonestVotes(network);
    assertAgreement(network);
  });

  it("is ahead of a log that lost its end: the own votes come back with their epoch", () => {
    const network = createNetwork({ members: () => FOUR, epochMs: 100, compactEveryBlocks: 3 });
    runUntil(network, () => nodeOf(network, 3).state.epoch === 2 && nodeOf(network, 3).state.view > 4);
    const node = nodeOf(network, 3);
    stop(network, 3);
    const journaled = node.journal.map(parseJournal).flatMap((record) => (record.ok ? [record.value] : []));
    const own = journaled.filter((record) => record.type === "vote" && record.vote.ballot.epoch === 2);
    expect(own.length).toBeGreaterThan(0);
    node.log.length = 4;
    node.results.length = 5;
    node.closedAt.length = 0;
    isolate(network, 3);
    start(network, 3);
    expect(node.state).toMatchObject({ epoch: 1, memory: "whole" });
    const sent = node.sent.length;
    runFor(network, 3000);
    // What it voted in the first epoch was compacted: it votes there no more.
    expect(node.sent.slice(sent).filter(({ type }) => type === "vote")).toEqual([]);
    heal(network);
    runUntil(network, () => node.state.epoch >= 2);
    const height = node.log.length;
    runUntil(network, () => node.log.length > height + 6);
    assertHonestVotes(network);
    assertAgreement(network);
  });

  it("is not believed when it is older than the log", () => {
    const network = createNetwork({ members: () => FOUR });
    runUntil(network, () => nodeOf(network, 0).log.length > 3);
    const signed = (id: number): boolean =>
      nodeOf(network, id)
        .log.at(-1)
        ?.certificate.signatures.some(({ signer }) => signer === id) ?? false;
    const id = present(ids.find(signed), "somebody signed the certificate that it holds");
    const old = [...nodeOf(network, id).journal];
    const height = nodeOf(network, id).log.length;
    runUntil(network, () => nodeOf(network, id).log.length > height + 10 && signed(id));
    stop(network, id);
    start(network, id, { records: old });
    expect(nodeOf(network, id).state.memory).toBe("lost");
    stop(network, id);
    start(network, id);
    expect(nodeOf(network, id).state.memory).toBe("whole");
  });

  it.each([
    { what: "another validator", opened: { chainId, validator: 1 } },
    { what: "another chain", opened: { chainId: "d".repeat(64), validator: 0 } },
  ])("of $what is refused", ({ opened }) => {
    const { state, turn } = setting();
    const record = encodeJournal({ type: "opened", since: { epoch: 0, view: 0 }, ...opened });
    expect(restore(state, turn, { records: [record], intact: true, fresh: false })).toMatchObject({
      reason: "journal-foreign",
    });
  });

  it.each<{ what: string; records: readonly Uint8Array[]; intact: boolean; fresh: boolean; memory: string }>([
    { what: "none, at the first start of all", records: [], intact: true, fresh: true, memory: "whole" },
    { what: "none, later", records: [], intact: true, fresh: false, memory: "lost" },
    { what: "a damaged one", records: [], intact: false, fresh: true, memory: "lost" },
    { what: "noise", records: [new Uint8Array([9, 9])], intact: true, fresh: true, memory: "lost" },
    {
      what: "one without its beginning",
      records: [encodeJournal({ type: "regained", epoch: 1, view: 3 })],
      intact: true,
      fresh: false,
      memory: "lost",
    },
  ])("$what: memory is $memory", ({ records, intact, fresh, memory }) => {
    const { state, turn } = setting();
    state.memory = "lost";
    expect(restore(state, turn, { records, intact, fresh }).ok).toBe(true);
    expect(state.memory).toBe(memory);
  });
});

const SEEDS = 12;

/** Crashes, lost and late letters, lost journals and slow executions by chance, through several epochs. */
function storm(network: TestNetwork, random: Random): void {
  network.loses = () => random.oneIn(12);
  network.delays = () => random.oneIn(5);
  let lost = false;
  for (let round = 0; round < 40; round++) {
    runFor(network, 1 + random.below(150));
    const id = random.pick(ids);
    const node = nodeOf(network, id);
    for (const { pool } of network.nodes.values()) if (random.oneIn(3)) pool.push(`line ${round}`);
    node.executes = random.oneIn(3) ? node.results.length - 1 + random.below(3) : Number.POSITIVE_INFINITY;
    if (random.oneIn(3)) {
      stop(network, id);
      runFor(network, random.below(300));
      const forgets: boolean = !lost && random.oneIn(4);
      lost ||= forgets;
      start(network, id, forgets ? { records: [] } : {});
    }
    if (random.oneIn(4)) isolate(network, id);
    if (random.oneIn(3)) heal(network);
  }
  network.loses = () => false;
  network.delays = () => false;
  for (const node of network.nodes.values()) node.executes = Number.POSITIVE_INFINITY;
  heal(network);
}

describe("through crashes, losses and epochs", () => {
  it.each(Array.from({ length: SEEDS }, (_, seed) => seed + 1))(
    "seed %i: all agree, nobody contradicts, it goes on",
    (seed) => {
      const members = (epoch: number): Readonly<Record<number, number>> =>
        epoch % 3 === 0 ? { 0: 5, 1: 7, 2: 9, 3: 8 } : FOUR;
      const network = createNetwork({ members, ids, epochMs: 400, compactEveryBlocks: 5 });
      storm(network, seededRandom(BigInt(seed)));
      const height = Math.max(...ids.map((id) => nodeOf(network, id).log.length));
      runUntil(network, () => ids.every((id) => nodeOf(network, id).log.length > height + 10));
      expect(Math.min(...ids.map((id) => nodeOf(network, id).state.epoch))).toBeGreaterThan(1);
      expect(ids.flatMap((id) => nodeOf(network, id).safety)).toEqual([]);
      assertHonestVotes(network);
      assertAgreement(network);
    },
  );
});
