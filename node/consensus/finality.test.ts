import { describe, expect, it } from "vitest";
import type { SealedBlock } from "../codec/block.ts";
import type { Finalization } from "../codec/certificate.ts";
import { notarizeBallot } from "./attendance.ts";
import { onCertificate } from "./certificates.ts";
import { encodeJournal, parseJournal } from "./journal.ts";
import { settle } from "./machine.ts";
import { onRecord } from "./record.ts";
import { restore } from "./restore.ts";
import { type ConsensusState, certifiedHeight, isVoter } from "./state.ts";
import { blockOf, certificateBy, childOf, finalized, genesis, notarized, resultsOf, setting } from "./test-setting.ts";
import type { Turn } from "./turn.ts";

const finality = ({ epoch, view, hash, height }: SealedBlock): Finalization =>
  certificateBy({ kind: "finalize", epoch, view, block: hash, height }, [1, 2, 3]);
const heights = (turn: Turn): number[] =>
  turn.out.flatMap((action) => (action.type === "finalized" ? [action.record.block.height] : []));

const first = blockOf();
const second = childOf(first);
const third = childOf(second);
/** Beside the second: the same height, another view. */
const beside = childOf(first, { view: 5, payload: new Uint8Array([1]) });

describe("finality", () => {
  it("hands out all that it covers, oldest first, once the bodies are here", () => {
    const { state, turn } = setting();
    onCertificate(state, turn, finality(third));
    expect(certifiedHeight(state)).toBe(3);
    expect(heights(turn)).toEqual([]);
    for (const block of [third, first]) state.blocks.set(block.hash, block);
    onRecord(state, turn, { block: first, headers: [second, third], certificate: finality(third) });
    expect(heights(turn)).toEqual([1]);
    onRecord(state, turn, { block: second, headers: [third], certificate: finality(third) });
    onRecord(state, turn, { block: third, headers: [], certificate: finality(third) });
    expect(heights(turn)).toEqual([1, 2, 3]);
  });

  it("waits with the finalize vote until everything under it is durable (rule 8)", () => {
    const durable = new Set<string>();
    const { state, turn } = setting({ payload: { durable: ({ hash }) => durable.has(hash) } });
    notarized(state, turn, first);
    notarized(state, turn, second);
    const votes = (): number[] => {
      settle(state, turn);
      return [...state.views.values()].filter(({ own }) => own.finalize !== undefined).map(({ number }) => number);
    };
    expect(votes()).toEqual([]);
    durable.add(second.hash);
    expect(votes()).toEqual([]);
    durable.add(first.hash);
    expect(votes()).toEqual([1, 2]);
  });
});

describe("a fork", () => {
  type Way = { what: string; happens: (state: ConsensusState, turn: Turn) => void };
  it.each<Way>([
    {
      what: "two blocks notarized in a view",
      happens: (state, turn) => {
        for (const payload of [1, 2]) {
          const block = blockOf({ payload: new Uint8Array([payload]) });
          onCertificate(state, turn, certificateBy(notarizeBallot(block), [1, 2, 3]));
        }
      },
    },
    {
      what: "two blocks final in a view",
      happens: (state, turn) => {
        onCertificate(state, turn, finality(first));
        onCertificate(state, turn, finality(blockOf({ payload: new Uint8Array([1]) })));
      },
    },
    {
      what: "a view final that the chain left out",
      happens: (state, turn) => {
        for (const block of [first, beside]) notarized(state, turn, block);
        finalized(state, turn, beside);
        onCertificate(state, turn, finality(second));
      },
    },
    {
      what: "a final block that leaves out one that was final before its body came",
      happens: (state, turn) => {
        state.blocks.set(first.hash, first);
        onCertificate(state, turn, finality(second));
        state.blocks.set(beside.hash, beside);
        onCertificate(state, turn, finality(beside));
      },
    },
    {
      what: "a final block beside the tip",
      happens: (state, turn) => {
        for (const block of [first, second]) notarized(state, turn, block);
        finalized(state, turn, second);
        state.blocks.set(beside.hash, beside);
        onCertificate(state, turn, finality(beside));
      },
    },
    {
      what: "a record on another branch",
      happens: (state, turn) => {
        notarized(state, turn, first);
        finalized(state, turn, first);
        const stranger = childOf(blockOf({ payload: new Uint8Array([1]) }));
        onRecord(state, turn, { block: stranger, headers: [], certificate: finality(stranger) });
      },
    },
    {
      what: "a record that leaves out a final block",
      happens: (state, turn) => {
        onCertificate(state, turn, finality(first));
        const stranger = blockOf({ view: 2 });
        onRecord(state, turn, { block: stranger, headers: [], certificate: finality(stranger) });
      },
    },
  ])("$what: it votes no more, and says it once", ({ happens }) => {
    const { state, turn } = setting();
    happens(state, turn);
    expect(turn.out.filter(({ type }) => type === "safety")).toMatchObject([{ kind: "fork" }]);
    expect(isVoter(state)).toBe(false);
  });

  it.each([
    { journal: "its journal", opened: true },
    { journal: "no journal, as a follower", opened: false },
  ])("stays known after a restart with $journal", ({ opened }) => {
    const { state, turn } = setting();
    for (const payload of [1, 2]) onCertificate(state, turn, finality(blockOf({ payload: new Uint8Array([payload]) })));
    const written = turn.out.flatMap((action) => (action.type === "journal" ? [action.record] : []));
    expect(written.map(parseJournal)).toMatchObject([{ value: { type: "forked" } }]);
    const { chainId, validator } = state.config;
    const head = encodeJournal({ type: "opened", chainId, validator, since: { epoch: 0, view: 0 } });
    const after = setting();
    restore(after.state, after.turn, { records: opened ? [head, ...written] : written, intact: true, fresh: false });
    expect(after.state.forked).toBe(true);
    after.turn.out.length = 0;
    settle(after.state, after.turn);
    expect(isVoter(after.state)).toBe(false);
    expect(after.turn.out.filter(({ type }) => type === "broadcast")).toEqual([]);
  });

  it("is no closing block that is final by itself and by its tail", () => {
    const closing = blockOf({ kind: "closing", next: resultsOf(5) });
    const tail = childOf(closing, { kind: "tail", height: 1 });
    for (const order of [
      [closing, tail],
      [tail, closing],
    ]) {
      const { state, turn } = setting();
      notarized(state, turn, closing);
      notarized(state, turn, tail);
      for (const block of order) onCertificate(state, turn, finality(block));
      expect(turn.out.filter(({ type }) => type === "safety")).toEqual([]);
      expect(turn.out.filter(({ type }) => type === "finalized" || type === "epoch-closed")).toMatchObject([
        { type: "finalized", record: { block: { hash: closing.hash } } },
        { type: "epoch-closed", epoch: 1 },
      ]);
      expect(state.tip).toMatchObject({ hash: closing.hash, height: genesis.height + 1 });
    }
  });
});
