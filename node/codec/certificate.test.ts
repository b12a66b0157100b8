import { describe, expect, it } from "vitest";
import { toHex } from "../base/bytes.ts";
import { nanos } from "../base/units.ts";
import { type Block, headerOf, type SealedBlock, sealBlock, ZERO_HASH } from "./block.ts";
import { type BlockRecord, encodeRecord, parseRecord, verifyRecord } from "./block-record.ts";
import {
  committeeOf,
  encodeCertificate,
  type Finalization,
  parseCertificate,
  verifyCertificate,
} from "./certificate.ts";
import { keyPairFromSeed, sign, verify } from "./signature.ts";
import { type Ballot, ballotMessage } from "./vote.ts";

const chainId = "c".repeat(64);
const keys = [0, 1, 2, 3, 4, 5].map((id) => keyPairFromSeed(new Uint8Array(32).fill(id + 1)));
const key = (id: number) => keys[id] ?? keyPairFromSeed(new Uint8Array(32));
const committee = (weights: readonly number[]) =>
  committeeOf(weights.map((weight, id) => ({ id, weight, publicKey: toHex(key(id).publicKey) })));

function signedBy<B extends Ballot>(ballot: B, signers: readonly number[], chain = chainId) {
  const message = ballotMessage(chain, ballot);
  return { ballot, signatures: signers.map((signer) => ({ signer, signature: sign(message, key(signer).secretKey) })) };
}

const nullify: Ballot = { kind: "nullify", epoch: 1, view: 3 };

describe("a certificate", () => {
  it.each([
    { weights: [1, 1, 1, 1], signers: [0, 1, 2], enough: true },
    { weights: [1, 1, 1, 1], signers: [0, 1], enough: false },
    // Exactly two thirds is not more than two thirds.
    { weights: [1, 1, 1, 1, 1, 1], signers: [0, 1, 2, 3], enough: false },
    { weights: [1, 1, 1, 1, 1, 1], signers: [0, 1, 2, 3, 4], enough: true },
    // Four heads of six, but not the weight; two heads that have it.
    { weights: [30, 30, 1, 1, 1, 1], signers: [2, 3, 4, 5], enough: false },
    { weights: [30, 30, 1, 1, 1, 1], signers: [0, 1], enough: true },
  ])("of $signers among $weights is a quorum: $enough", ({ weights, signers, enough }) => {
    const setting = { chainId, committee: committee(weights), verify };
    expect(verifyCertificate(signedBy(nullify, signers), setting).ok).toBe(enough);
  });

  it("counts for its chain, its ballot and its members only", () => {
    const setting = { chainId, committee: committee([1, 1, 1, 1]), verify };
    const right = signedBy(nullify, [0, 1, 2]);
    const verdict = (certificate: typeof right) => verifyCertificate(certificate, setting);
    expect(verdict(right).ok).toBe(true);
    expect(verdict(signedBy(nullify, [0, 1, 2], "d".repeat(64)))).toMatchObject({ reason: "wrong-signature" });
    expect(verdict({ ...right, ballot: { ...nullify, view: 4 } })).toMatchObject({ reason: "wrong-signature" });
    expect(verdict(signedBy(nullify, [0, 1, 2, 5]))).toMatchObject({ reason: "not-a-quorum" });
  });

  it("names nobody twice and has one encoding", () => {
    const [first, second] = signedBy(nullify, [0, 1]).signatures;
    if (first === undefined || second === undefined) throw new Error("two signed");
    const encoded = (signatures: readonly (typeof first)[]) => encodeCertificate({ ballot: nullify, signatures });
    expect(parseCertificate(encoded([first, second])).ok).toBe(true);
    expect(parseCertificate(encoded([first, first])).ok).toBe(false);
    expect(parseCertificate(encoded([second, first])).ok).toBe(false);
  });
});

describe("a block's record", () => {
  const setting = { chainId, committee: committee([1, 1, 1, 1]), verify };
  const blockAt = (height: number, parent: string, fields: Partial<Block> = {}) =>
    sealBlock({
      epoch: 1,
      view: height,
      kind: "normal",
      height,
      parent,
      proposer: 0,
      time: nanos(BigInt(height)),
      executed: { height: 0, resultsHash: chainId },
      next: ZERO_HASH,
      votes: [],
      evidence: [],
      payload: new Uint8Array(height),
      ...fields,
    });
  const first = blockAt(1, chainId);
  const second = blockAt(2, first.hash);
  const third = blockAt(3, second.hash);
  const finalize = (block: SealedBlock): Finalization => {
    const { epoch, view, hash, height } = block;
    return signedBy({ kind: "finalize", epoch, view, block: hash, height }, [0, 1, 2]);
  };
  const byDescendant: BlockRecord = {
    block: first,
    headers: [headerOf(second), headerOf(third)],
    certificate: finalize(third),
  };

  it("is proved by its own certificate or by a descendant's", () => {
    for (const record of [{ block: first, headers: [], certificate: finalize(first) }, byDescendant]) {
      const back = parseRecord(encodeRecord(record));
      expect(back).toEqual({ ok: true, value: record });
      expect(verifyRecord(record, setting).ok).toBe(true);
    }
  });

  it("is not proved by a certificate that the headers don't lead to", () => {
    const gap = { ...byDescendant, headers: [headerOf(third)] };
    const short = { ...byDescendant, headers: [headerOf(second)] };
    const minority = { ...byDescendant, certificate: { ...byDescendant.certificate, signatures: [] } };
    expect(verifyRecord(gap, setting)).toMatchObject({ reason: "not-linked" });
    expect(verifyRecord(short, setting)).toMatchObject({ reason: "not-linked" });
    expect(verifyRecord(minority, setting)).toMatchObject({ reason: "not-a-quorum" });
  });

  it("of a closing block is proved by the finality of its tail, which is as high", () => {
    const closing = blockAt(1, chainId, { kind: "closing", next: chainId });
    const tail = blockAt(2, closing.hash, { kind: "tail", height: 1, payload: new Uint8Array() });
    const normal = blockAt(2, closing.hash, { height: 1 });
    const proof = (block: SealedBlock): BlockRecord => ({
      block: closing,
      headers: [headerOf(block)],
      certificate: finalize(block),
    });
    expect(verifyRecord(proof(tail), setting).ok).toBe(true);
    expect(verifyRecord(proof(normal), setting)).toMatchObject({ reason: "not-linked" });
  });

  it("is proved in its own epoch only", () => {
    const later = blockAt(2, first.hash, { epoch: 2, view: 1 });
    const record = { block: first, headers: [headerOf(later)], certificate: finalize(later) };
    expect(verifyRecord(record, setting)).toMatchObject({ reason: "not-linked" });
  });
});
