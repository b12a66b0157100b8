import { describe, expect, it } from "vitest";
import { toHex } from "../base/bytes.ts";
import { nanos } from "../base/units.ts";
import { type Block, hashHeader, headerOf, parseBlock, sealBlock, ZERO_HASH } from "./block.ts";
import { evidenceOf, type Statement } from "./evidence.ts";

const hash = (byte: number): string => toHex(new Uint8Array(32).fill(byte));
const signature = (byte: number): Uint8Array => new Uint8Array(64).fill(byte);
const statement = (byte: number): Statement => ({
  type: "vote",
  ballot: { kind: "finalize", epoch: 3, view: 9, block: hash(byte), height: 4 },
  signature: signature(byte),
});
const proposal = (byte: number): Statement => ({
  type: "proposal",
  epoch: 3,
  view: 9,
  block: hash(byte),
  signature: signature(byte),
});
const key = { validator: 5, publicKey: hash(9) };

const block = (fields: Partial<Block> = {}): Block => ({
  epoch: 3,
  view: 12,
  kind: "closing",
  height: 40,
  parent: hash(1),
  proposer: 2,
  time: nanos(1_760_000_000_000_000_000n),
  executed: { height: 38, resultsHash: hash(2) },
  next: hash(3),
  votes: [
    { depth: 1, signer: 0, signature: signature(1) },
    { depth: 1, signer: 3, executedHash: hash(4), signature: signature(2) },
    { depth: 8, signer: 1, signature: signature(3) },
  ],
  evidence: [
    evidenceOf("finalize-twice", key, [statement(1), statement(2)]),
    evidenceOf("propose-twice", key, [proposal(1), proposal(2)]),
  ],
  payload: new Uint8Array([1, 2, 3]),
  ...fields,
});

describe("a block", () => {
  it("comes back from its bytes", () => {
    const sealed = sealBlock(block());
    expect(parseBlock(sealed.bytes)).toEqual({ ok: true, value: sealed });
    const tail = sealBlock(
      block({ kind: "tail", next: ZERO_HASH, votes: [], evidence: [], payload: new Uint8Array(0) }),
    );
    expect(parseBlock(tail.bytes)).toEqual({ ok: true, value: tail });
  });

  it.each<{ what: string; fields: Partial<Block> }>([
    { what: "epoch", fields: { epoch: 4 } },
    { what: "view", fields: { view: 13 } },
    { what: "kind", fields: { kind: "normal" } },
    { what: "height", fields: { height: 41 } },
    { what: "parent", fields: { parent: hash(7) } },
    { what: "proposer", fields: { proposer: 3 } },
    { what: "time", fields: { time: nanos(1n) } },
    { what: "E", fields: { executed: { height: 37, resultsHash: hash(2) } } },
    { what: "results of E", fields: { executed: { height: 38, resultsHash: hash(7) } } },
    { what: "next epoch", fields: { next: hash(7) } },
    { what: "votes", fields: { votes: [] } },
    { what: "evidence", fields: { evidence: [] } },
    { what: "payload", fields: { payload: new Uint8Array([1, 2]) } },
  ])("has a hash that covers its $what, by the header alone", ({ fields }) => {
    const [one, other] = [sealBlock(block()), sealBlock(block(fields))];
    expect(other.hash).not.toBe(one.hash);
    expect(hashHeader(headerOf(other))).toBe(other.hash);
  });

  it.each<{ what: string; fields: Partial<Block> }>([
    {
      what: "votes out of order",
      fields: { votes: block().votes.toReversed() },
    },
    {
      what: "a vote twice",
      fields: {
        votes: block()
          .votes.slice(0, 1)
          .flatMap((vote) => [vote, vote]),
      },
    },
    { what: "a vote from itself", fields: { votes: [{ depth: 0, signer: 0, signature: signature(1) }] } },
    { what: "a vote from too far", fields: { votes: [{ depth: 9, signer: 0, signature: signature(1) }] } },
    { what: "evidence out of order", fields: { evidence: block().evidence.toReversed() } },
    {
      what: "evidence twice",
      fields: {
        evidence: block()
          .evidence.slice(0, 1)
          .flatMap((one) => [one, one]),
      },
    },
    {
      what: "evidence whose statements are out of order",
      fields: {
        evidence: block()
          .evidence.slice(0, 1)
          .map((one) => ({ ...one, first: one.second, second: one.first })),
      },
    },
  ])("is malformed with $what", ({ fields }) => {
    expect(parseBlock(sealBlock(block(fields)).bytes)).toMatchObject({ ok: false, reason: "malformed" });
  });

  it("is malformed with another body than its header's, and with any byte more or less", () => {
    const { bytes } = sealBlock(block());
    const other = bytes.slice();
    other[bytes.length - 1] = 77;
    expect(parseBlock(other)).toMatchObject({ ok: false });
    expect(parseBlock(bytes.subarray(1))).toMatchObject({ ok: false });
    expect(parseBlock(new Uint8Array([...bytes, 0]))).toMatchObject({ ok: false });
  });
});
