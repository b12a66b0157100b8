import { expect, test } from "vitest";
import { present } from "../base/assert.ts";
import { concatBytes, toHex } from "../base/bytes.ts";
import { encodeAnchors } from "../codec/anchor.ts";
import { batchId } from "../codec/batch.ts";
import { sealBlock } from "../codec/block.ts";
import type { BlockRecord } from "../codec/block-record.ts";
import { sign } from "../codec/signature.ts";
import { encodeTransfers, newTransfer } from "../codec/transfer.ts";
import { type Ballot, ballotMessage } from "../codec/vote.ts";
import {
  type Chain,
  chainId,
  checkpointOf,
  epochOf,
  executeBlock,
  heightOf,
  parametersOf,
  validatorsOf,
} from "./chain.ts";
import { resultsHashAfter } from "./heads.ts";
import { leafHash, merklePath, merkleRoot } from "./merkle.ts";
import { parametersHash } from "./parameters.ts";
import { type BatchProof, checkAccountProof, checkBatchProof, type EpochProof, type Trust } from "./proof.ts";
import { type AnchorProof, checkAnchorProof, withContent } from "./proof-anchor.ts";
import { parseProof, writeProof } from "./proof-file.ts";
import { finalHeader, proveAccount, proveBatch } from "./prove.ts";
import { stateRootOf } from "./state-root.ts";
import { atMs, batchOf, blockAt } from "./test-chain.ts";
import { keyOf, TREASURY, testChain } from "./test-genesis.ts";
import { anchorOf, voteKeyOf } from "./test-governance.ts";
import type { BatchOutcome, ExecutableBlock } from "./types.ts";

type Executed = { readonly record: BlockRecord; readonly executed: { batch: string; outcome: BatchOutcome }[] };

/** The record of a block that these validators finalize. */
function certified(chain: Chain, block: ExecutableBlock, signers = [0, 1, 2]): BlockRecord {
  const sealed = sealBlock({ ...block, votes: [], evidence: [], payload: new Uint8Array() });
  const { epoch, view, height } = block;
  const ballot: Extract<Ballot, { kind: "finalize" }> = { kind: "finalize", epoch, view, block: sealed.hash, height };
  const message = ballotMessage(chainId(chain), ballot);
  const signatures = signers.map((signer) => ({ signer, signature: sign(message, voteKeyOf(signer).secretKey) }));
  return { block: sealed, headers: [], certificate: { ballot, signatures } };
}

/** One more block, final and executed. */
function finalize(chain: Chain, offsetMs: number, batches: readonly Uint8Array[] = []): Executed {
  const block = blockAt(chain, offsetMs, { batches });
  const record = certified(chain, block);
  const { outcomes } = executeBlock(chain, { ...block, hash: record.block.hash });
  const executed = batches.map((bytes, index) => ({
    batch: batchId(bytes),
    outcome: present(outcomes[index], "a batch has an outcome"),
  }));
  return { record, executed };
}

const paymentsIn = (chain: Chain, offsetMs: number, serial: number): Uint8Array => {
  const transfer = newTransfer({
    id: (BigInt(atMs(offsetMs)) << 80n) | BigInt(serial),
    debit: TREASURY,
    credit: TREASURY + 1n,
    amount: 5n,
    ledger: 1,
    code: 1,
  });
  return batchOf(chain, "transfers", encodeTransfers([transfer, transfer]), { keyPair: keyOf("treasury"), offsetMs });
};

/** Two epochs; the batch of the proof is the second of three in a block of the second one. */
function scene(): { chain: Chain; trust: Trust; proof: BatchProof; epoch: EpochProof } {
  const chain = testChain();
  const trust = { chainId: chainId(chain), epoch: 1, members: validatorsOf(chain) };
  for (let at = 1; at <= 9; at++) finalize(chain, at);
  const closing = finalize(chain, 42_001).record;
  expect(closing.block.kind).toBe("closing");
  const epoch = {
    ...finalHeader(closing),
    members: validatorsOf(chain),
    parametersHash: toHex(parametersHash(parametersOf(chain))),
  };
  const height = heightOf(chain) + 1;
  const { executed } = finalize(
    chain,
    42_010,
    [1, 2, 3].map((serial) => paymentsIn(chain, 42_010, serial)),
  );
  finalize(chain, 42_020);
  const final = finalize(chain, 42_030).record;
  const proof = proveBatch(chain, { height, index: 1, executed, final, epochs: [epoch] });
  if (!proof.ok) throw new Error(proof.detail);
  return { chain, trust, proof: proof.value, epoch };
}

test("a batch is proved from the genesis set, over an epoch's end, and from the set of its own epoch", () => {
  const { chain, trust, proof } = scene();
  expect(proof.outcome).toMatchObject({ count: 2 });
  expect(checkBatchProof(proof, trust)).toEqual({ ok: true, value: { height: 11 } });
  const later = { ...trust, epoch: 2, members: epochOf(chain).members };
  expect(checkBatchProof({ ...proof, epochs: [] }, later)).toMatchObject({ ok: true });
  expect(checkBatchProof({ ...proof, epochs: [] }, trust)).toMatchObject({ ok: false, reason: "epoch_not_reached" });
  expect(checkBatchProof(proof, { ...trust, chainId: "ab".repeat(32) })).toMatchObject({ reason: "wrong_chain" });
});

test("a proof that does not hold says why", () => {
  const { trust, proof, epoch } = scene();
  const [first = { resultsRoot: "" }, ...others] = proof.steps;
  const { certificate } = proof.final;
  const weaker = { ...certificate, signatures: certificate.signatures.slice(0, 2) };
  const heavier = epoch.members.map((member) => ({ ...member, weight: member.weight + 1 }));
  // 2³² more would have the same encoding.
  const wrapped = epoch.members.map((member) => ({ ...member, weight: member.weight + 2 ** 32 }));
  const zeros = "00".repeat(32);
  const { final } = proof;
  const cases: [what: string, reason: string, proof: BatchProof][] = [
    ["another outcome", "not_in_the_results", { ...proof, outcome: { count: 3, failures: [] } }],
    ["another batch", "not_in_the_results", { ...proof, batch: zeros }],
    ["another place", "not_in_the_results", { ...proof, place: { ...proof.place, index: 0 } }],
    ["a step less", "results_differ", { ...proof, steps: others }],
    ["no step", "results_differ", { ...proof, steps: [] }],
    ["another beginning", "results_differ", { ...proof, before: zeros }],
    ["another root", "results_differ", { ...proof, steps: [{ ...first, checkpointRoot: "ab".repeat(32) }, ...others] }],
    ["half of the weight", "not_final", { ...proof, final: { ...final, certificate: weaker } }],
    ["another header", "not_final", { ...proof, final: { ...final, header: { ...final.header, view: 99 } } }],
    ["a header too many", "not_final", { ...proof, final: { ...final, headers: [final.header] } }],
    ["other weights", "set_differs", { ...proof, epochs: [{ ...epoch, members: heavier }] }],
    ["weights that wrap around", "set_differs", { ...proof, epochs: [{ ...epoch, members: wrapped }] }],
    ["other parameters", "set_differs", { ...proof, epochs: [{ ...epoch, parametersHash: zeros }] }],
    ["a block of the next epoch", "epoch_not_reached", { ...proof, epochs: [{ ...epoch, ...final }] }],
    ["an epoch twice", "epoch_not_reached", { ...proof, epochs: [epoch, epoch] }],
  ];
  for (const [what, reason, wrong] of cases) {
    const checked = checkBatchProof(wrong, trust);
    expect([what, checked.ok ? "holds" : checked.reason]).toEqual([what, reason]);
  }
});

/** Every text with one digit or letter of a value changed. */
function* tampered(text: string): Iterable<string> {
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? "";
    if (/[0-9]/.test(character)) yield `${text.slice(0, at)}${(Number(character) + 1) % 10}${text.slice(at + 1)}`;
    if (/[a-f]/.test(character)) yield `${text.slice(0, at)}${character === "a" ? "b" : "a"}${text.slice(at + 1)}`;
  }
}

test("a proof goes through a file, and no digit of it can be changed", () => {
  const { trust, proof } = scene();
  const text = writeProof(proof);
  expect(parseProof(text)).toEqual({ ok: true, value: proof });
  // One epoch is enough: the signatures are what takes time.
  const small = writeProof({ ...proof, epochs: [] });
  const later = { ...trust, epoch: 2, members: trust.members };
  let refused = 0;
  for (const changed of tampered(small)) {
    const parsed = parseProof(changed);
    if (!parsed.ok || parsed.value.kind !== "batch" || !checkBatchProof(parsed.value, later).ok) refused += 1;
    // The width of the tree is nobody's claim: the batch stands in it all the same.
    else
      expect(parsed.value).toEqual({ ...proof, epochs: [], place: { ...proof.place, size: parsed.value.place.size } });
  }
  expect(refused).toBeGreaterThan(1_000);
});

test.each(["", "{}", "[]", "null", '{"format":"hmn proof 1"}', '{"format":"hmn proof 1","kind":"batch","chainId":5}'])(
  "refuses the file %s",
  (text) => {
    expect(parseProof(text)).toMatchObject({ ok: false, reason: "proof_malformed" });
  },
);

test("what stood on an account at a checkpoint is proved by the next one", () => {
  const chain = testChain();
  const trust = { chainId: chainId(chain), epoch: 1, members: validatorsOf(chain) };
  finalize(chain, 10_000);
  const { height, time, subroots } = checkpointOf(chain);
  expect(height).toBe(1);
  finalize(chain, 20_000);
  const head = present(chain.heads.get(2), "a head");
  expect(head.step?.checkpointRoot).toBe(toHex(stateRootOf({ height, time, subroots })));
  // The ledger's tree stands in for itself: a tree of three buckets, whose root the checkpoint then names.
  const buckets = ["a", "b", "c"].map((name) => new TextEncoder().encode(name));
  const leaves = buckets.map((bucket) => leafHash(bucket));
  const named = subroots.map((one) => (one.name === "accounts" ? { ...one, root: merkleRoot(leaves) } : one));
  const checkpoint = { height, time, subroots: named };
  const step = { ...present(head.step, "a step"), checkpointRoot: toHex(stateRootOf(checkpoint)) };
  const resultsHash = resultsHashAfter(present(chain.heads.get(1), "a head").resultsHash, step);
  chain.heads.set(2, { ...head, step, resultsHash });
  const final = finalize(chain, 20_001).record;

  const leaf = { bucket: present(buckets[2], "the third bucket"), ...merklePath(leaves, 2) };
  const proven = proveAccount(chain, { checkpoint, account: TREASURY, leaf, takenInBy: 2, final, epochs: [] });
  const proof = present(proven.ok ? proven.value : undefined, "a proof");
  expect(checkAccountProof(proof, trust)).toEqual({ ok: true, value: { height: 1, bucket: leaf.bucket } });
  expect(parseProof(writeProof(proof))).toEqual({ ok: true, value: proof });
  for (const wrong of [
    { ...proof, bucket: new TextEncoder().encode("d") },
    { ...proof, checkpoint: { ...checkpoint, height: 2 } },
    { ...proof, checkpoint: { ...checkpoint, subroots } },
    { ...proof, checkpoint: { ...checkpoint, subroots: [] } },
  ])
    expect(checkAccountProof(wrong, trust)).toMatchObject({ ok: false, reason: "not_in_the_state" });
});

test("that an entry was anchored is proved by what became of its batch and what that says", () => {
  const chain = testChain();
  const trust = { chainId: chainId(chain), epoch: 1, members: validatorsOf(chain) };
  finalize(chain, 1);
  const network = { chain, nowMs: 1, serial: 0n, absent: [] };
  const [record, second] = [anchorOf(network), anchorOf(network, { id: "second", by: [0, 99] })];
  const { validator } = record.attestations[0];
  const content = batchOf(chain, "anchors", encodeAnchors([second, record]), {
    ...{ keyPair: voteKeyOf(validator), offsetMs: 2 },
  });
  const { executed } = finalize(chain, 2, [content]);
  const final = finalize(chain, 3).record;
  const proven = proveBatch(chain, { height: 2, index: 0, executed, final, epochs: [] });
  const ofBatch = present(proven.ok ? proven.value : undefined, "the batch is proved");
  const proof = withContent(ofBatch, { index: 1, content });
  expect(checkAnchorProof(proof, trust)).toEqual({ ok: true, value: { record, height: 2, byTime: final.block.time } });
  expect(parseProof(writeProof(proof))).toEqual({ ok: true, value: proof });
  const refused = (wrong: Partial<AnchorProof>) => checkAnchorProof({ ...proof, ...wrong }, trust);
  const other = batchOf(chain, "anchors", encodeAnchors([record, record]), { keyPair: keyOf("anyone"), offsetMs: 2 });
  // The header with its signature is the same, so the id is: what follows is not what it names.
  const forged = concatBytes(content.subarray(0, 192), other.subarray(192));
  expect(refused({ content: other })).toMatchObject({ ok: false, reason: "not_the_batch" });
  expect(refused({ content: forged })).toMatchObject({ ok: false, reason: "not_the_batch" });
  expect(refused({ content: content.subarray(0, 50) })).toMatchObject({ ok: false, reason: "not_the_batch" });
  expect(refused({ index: 0 })).toMatchObject({ ok: false, reason: "not_anchored" });
  expect(refused({ index: 2 })).toMatchObject({ ok: false, reason: "not_anchored" });
  expect(refused({ outcome: { count: 2, failures: [] } })).toMatchObject({ ok: false, reason: "not_in_the_results" });
});

test("what is not certified yet, or was too long ago, has no proof", () => {
  const chain = testChain();
  const { executed } = finalize(chain, 1, [paymentsIn(chain, 1, 1)]);
  const final = certified(chain, blockAt(chain, 2, { executedHeight: 0 }));
  const asked = { height: 1, index: 0, executed, final, epochs: [] };
  expect(proveBatch(chain, asked)).toMatchObject({ ok: false, reason: "not_certified_yet" });
  const later = certified(chain, blockAt(chain, 2));
  expect(proveBatch(chain, { ...asked, final: later })).toMatchObject({ ok: true });
  expect(proveBatch(chain, { ...asked, final: later, index: 1 })).toMatchObject({ ok: false, reason: "not_found" });
  chain.heads.delete(0);
  expect(proveBatch(chain, { ...asked, final: later })).toMatchObject({ ok: false, reason: "too_long_ago" });
});
