import { describe, expect, it } from "vitest";
import { type BlockKind, ZERO_HASH } from "../codec/block.ts";
import { verifyRecord } from "../codec/block-record.ts";
import { ballotMessage } from "../codec/vote.ts";
import { onCertificate } from "./certificates.ts";
import { receive } from "./receive.ts";
import { onRecord } from "./record.ts";
import { isVoter } from "./state.ts";
import { assertAgreement } from "./test-checks.ts";
import { chainId, committeeWith, signAs, verifyStub } from "./test-keys.ts";
import { createNetwork, heal, isolate, runUntil } from "./test-network.ts";
import { blocksOf, type Letter, linesOf, nodeOf, stepNode, type TestNetwork, turnOf } from "./test-node.ts";
import { DEFAULT_TIMING } from "./timing.ts";

const FOUR = { 0: 10, 1: 10, 2: 10, 3: 10 };

/** Every node is in the epoch and has a final block of it. */
const reaches = (network: TestNetwork, epoch: number) => (): boolean =>
  [...network.nodes.values()].every(({ log, up }) => !up || (log.at(-1)?.block.epoch ?? 1) >= epoch);

describe("an epoch", () => {
  it("closes with the first block that is old enough, once E is its eighth block", () => {
    const network = createNetwork({ members: () => FOUR, epochMs: 300 });
    runUntil(network, reaches(network, 4));
    const blocks = blocksOf(network, 0);
    for (const epoch of [1, 2, 3]) {
      const own = blocks.filter((block) => block.epoch === epoch);
      const closing = own.filter(({ kind }) => kind === "closing");
      expect(closing).toHaveLength(1);
      expect(own.at(-1)?.kind).toBe("closing");
      const first = own[0]?.height ?? 0;
      for (const { executed, kind, time, next } of own) {
        const startedAt = blocks.find((block) => block.height === Math.max(1, first - 1))?.time ?? 0n;
        const due = time - startedAt >= 300_000_000n && executed.height >= first + 7;
        expect(kind).toBe(due ? "closing" : "normal");
        expect(next === ZERO_HASH).toBe(kind === "normal");
      }
    }
    assertAgreement(network);
  });

  it("counts views from 1 again, on the closing block as parent", () => {
    const network = createNetwork({ members: () => FOUR, epochMs: 100 });
    runUntil(network, reaches(network, 3));
    const blocks = blocksOf(network, 1);
    blocks.forEach((block, index) => {
      const before = blocks[index - 1];
      expect(block.height).toBe(index + 1);
      expect(block.parent).toBe(before?.hash ?? chainId);
      if (before?.kind === "closing") expect([block.epoch, block.view]).toEqual([before.epoch + 1, 1]);
    });
  });

  it("begins without a pause, though the nodes end the one before at different moments", () => {
    const timing = { ...DEFAULT_TIMING, viewTimeoutMs: 500 };
    const network = createNetwork({ members: () => FOUR, epochMs: 100, timing, emptyBlockMs: 4 });
    // Only node 0, the first leader, hears of the end; the others learn it from its proposal in the next epoch.
    const ends = ({ message }: Letter): boolean => {
      const ballot = message.type === "vote" ? message.vote.ballot : undefined;
      const proved = message.type === "certificate" ? message.certificate.ballot : ballot;
      return proved?.kind === "finalize" && nodeOf(network, 0).log[proved.height - 1]?.block.kind !== "normal";
    };
    network.loses = (letter) => letter.to !== 0 && ends(letter);
    runUntil(network, reaches(network, 4));
    const blocks = blocksOf(network, 0);
    const pauses = blocks.flatMap((block, index) => {
      // The first block of an epoch is made at once by the one who knows; the second shows that the others were with it.
      const before = blocks[index - 2];
      return before?.kind === "closing" ? [Number(block.time - before.time) / 1_000_000] : [];
    });
    expect(pauses.length).toBeGreaterThan(1);
    expect(Math.max(...pauses)).toBeLessThan(50);
  });

  it("stands still between the closing block and its execution", () => {
    const network = createNetwork({ members: () => FOUR, epochMs: 100 });
    for (const node of network.nodes.values()) node.executes = 8;
    runUntil(network, () => [...network.nodes.values()].every(({ state }) => state.closed));
    const heights = [...network.nodes.values()].map(({ log }) => log.length);
    const { state } = nodeOf(network, 0);
    const before = network.nowMs;
    runUntil(network, () => network.nowMs > before + 3000);
    expect([...network.nodes.values()].map(({ log }) => log.length)).toEqual(heights);
    expect(state.epoch).toBe(1);
    for (const node of network.nodes.values()) node.executes = Number.POSITIVE_INFINITY;
    runUntil(network, reaches(network, 2));
  });
});

/** Finalize votes for blocks of this kind are lost. */
function losesFinalize(network: TestNetwork, kind: BlockKind): void {
  network.loses = ({ from, message }) => {
    if (message.type !== "vote" || message.vote.ballot.kind !== "finalize") return false;
    return nodeOf(network, from).state.blocks.get(message.vote.ballot.block)?.kind === kind;
  };
}

describe("a closing block whose own finality does not come", () => {
  const network = createNetwork({ members: () => FOUR, epochMs: 100 });
  losesFinalize(network, "closing");
  const held = (kind: BlockKind) => (): boolean =>
    [...nodeOf(network, 2).state.blocks.values()].some((block) => block.kind === kind);
  runUntil(network, held("closing"));
  // Something to order comes when the epoch is about to end.
  for (const { pool } of network.nodes.values()) pool.push("a line");
  runUntil(network, held("tail"));
  runUntil(network, reaches(network, 2));
  const records = nodeOf(network, 1).log;
  const closing = records.find(({ block }) => block.kind === "closing");

  it("is final by a tail block's", () => {
    expect(closing?.headers.map(({ kind, height }) => ({ kind, height }))).toEqual([
      { kind: "tail", height: closing?.block.height },
    ]);
    expect(closing?.certificate.ballot).toMatchObject({ height: closing?.block.height, epoch: 1 });
    const setting = { chainId, committee: committeeWith(FOUR), verify: verifyStub };
    expect(closing !== undefined && verifyRecord(closing, setting).ok).toBe(true);
  });

  it("has a tail that is empty and is no record", () => {
    const proposals = [...network.nodes.values()].flatMap(({ sent }) =>
      sent.flatMap((message) => (message.type === "proposal" ? [message.block] : [])),
    );
    const tails = proposals.filter(({ kind }) => kind === "tail");
    expect(tails.length).toBeGreaterThan(0);
    for (const { votes, evidence, payload } of tails) {
      expect([votes.length, evidence.length, payload.length]).toEqual([0, 0, 0]);
    }
    expect(records.every(({ block }) => block.kind !== "tail")).toBe(true);
    expect(records.map(({ block }) => block.height)).toEqual(records.map((_, index) => index + 1));
  });

  it("leaves what waits to the next epoch", () => {
    const lines = records.map(({ block }) => ({ epoch: block.epoch, lines: linesOf([block]) }));
    expect(lines.filter((block) => block.lines.includes("a line"))).toMatchObject([{ epoch: 2 }]);
  });
});

describe("the next epoch", () => {
  it("does not begin without the proof, whatever its members say", () => {
    const network = createNetwork({ members: () => FOUR, epochMs: 100 });
    // Node 3 gets no proof and no finalize vote of the epoch's end, but everything else.
    network.loses = ({ to, message }) => {
      if (to !== 3) return false;
      if (message.type === "vote") return message.vote.ballot.kind === "finalize" && message.vote.ballot.height >= 8;
      if (message.type === "certificate") return message.certificate.ballot.kind === "finalize";
      return message.type === "proposal" && message.block.epoch === 2;
    };
    nodeOf(network, 3).executes = 0;
    runUntil(network, () => [0, 1, 2].every((id) => nodeOf(network, id).state.epoch === 2));
    network.loses = (letter) =>
      letter.to === 3 && letter.message.type === "certificate" && letter.message.certificate.ballot.epoch === 1;
    const { state } = nodeOf(network, 3);
    runUntil(network, () => state.early.size > 0, 500);
    expect(state.epoch).toBe(1);
    expect(state.view).toBeGreaterThan(1);
    expect([...state.claimedEpochs.values()]).toContain(2);
  });

  it("is open to a straggler that still votes in the one before", () => {
    const network = createNetwork({ members: () => FOUR, epochMs: 200 });
    runUntil(network, () => nodeOf(network, 0).log.length > 2);
    isolate(network, 3);
    runUntil(network, () => nodeOf(network, 0).state.epoch === 2 && nodeOf(network, 0).state.view > 3);
    expect(nodeOf(network, 3).state.epoch).toBe(1);
    // Only what node 3 itself says gets through to the others, and what they answer to it alone.
    network.cut.clear();
    network.loses = ({ to, message }) => to === 3 && message.type !== "certificate";
    runUntil(network, () => nodeOf(network, 3).state.epoch === 2);
    expect(nodeOf(network, 3).state.previous?.finality.ballot.epoch).toBe(1);
    assertAgreement(network);
  });

  it("is reached by one that is several epochs behind, record by record", () => {
    const network = createNetwork({ members: () => FOUR, epochMs: 100 });
    isolate(network, 2);
    runUntil(network, () => nodeOf(network, 0).state.epoch === 5);
    expect(nodeOf(network, 2).log).toHaveLength(0);
    heal(network);
    runUntil(network, () => nodeOf(network, 2).state.epoch >= 5);
    const at = nodeOf(network, 0).log.length;
    runUntil(network, () => nodeOf(network, 2).log.length > at + 5);
    expect(isVoter(nodeOf(network, 2).state)).toBe(true);
    assertAgreement(network);
  });

  it.each([
    { what: "a member joins", two: { ...FOUR, 4: 10 } },
    { what: "a member leaves", two: { 0: 10, 1: 10, 2: 10 } },
    { what: "all weights change", two: { 0: 1, 1: 5, 2: 5, 3: 5 } },
    { what: "most members change", two: { 3: 10, 4: 10, 5: 10, 6: 10 } },
  ])("counts its own members: $what", ({ two }) => {
    const members = (epoch: number): Readonly<Record<number, number>> => (epoch % 2 === 1 ? FOUR : two);
    const network = createNetwork({ members, ids: [0, 1, 2, 3, 4, 5, 6], epochMs: 100 });
    runUntil(network, () => nodeOf(network, 0).state.epoch === 4 && nodeOf(network, 5).state.epoch === 4);
    for (const { block, certificate } of nodeOf(network, 0).log) {
      const allowed = Object.keys(members(block.epoch)).map(Number);
      expect(allowed).toContain(block.proposer);
      for (const { signer } of certificate.signatures) expect(allowed).toContain(signer);
    }
    const voted = [...network.nodes.values()].filter(({ sent }) => sent.some(({ type }) => type === "vote"));
    expect(voted.map(({ id }) => id)).toEqual([...new Set([...Object.keys(FOUR), ...Object.keys(two)])].map(Number));
    assertAgreement(network);
  });

  it("goes by its weights alone: the old heavy pair is no quorum any more", () => {
    const one = { 0: 30, 1: 30, 2: 10, 3: 10 };
    const two = { 0: 10, 1: 10, 2: 30, 3: 30 };
    const network = createNetwork({ members: (epoch) => (epoch === 1 ? one : two), epochMs: 100 });
    runUntil(network, () => [0, 1, 2, 3].every((id) => nodeOf(network, id).state.epoch === 2));
    const node = nodeOf(network, 3);
    const ballot = { kind: "nullify", epoch: 2, view: node.state.view } as const;
    const message = ballotMessage(chainId, ballot);
    const by = (signers: readonly number[]) => ({
      ballot,
      signatures: signers.map((signer) => ({ signer, signature: signAs(signer, message) })),
    });
    const answers: (string | undefined)[] = [];
    stepNode(network, node, (turn) => {
      for (const signers of [
        [0, 1],
        [0, 1, 2],
        [2, 3],
      ]) {
        const certificate = by(signers);
        answers.push(receive(node.state, turn, { peer: 0, message: { type: "certificate", certificate } }));
      }
    });
    expect(answers).toEqual(["certificate: not-a-quorum", "certificate: not-a-quorum", undefined]);
  });

  it("takes no certificate of another epoch", () => {
    const network = createNetwork({ members: () => FOUR, epochMs: 100 });
    runUntil(network, () => nodeOf(network, 0).state.epoch === 2);
    const { state, log } = nodeOf(network, 0);
    const old = log[2]?.certificate;
    const turn = turnOf(network, nodeOf(network, 0));
    expect(old !== undefined && onCertificate(state, turn, old)).toBe("certificate of another epoch");
    expect(log[2] !== undefined && onRecord(state, turn, { ...log[2], block: { ...log[2].block, height: 99 } })).toBe(
      "record of another epoch",
    );
  });
});
