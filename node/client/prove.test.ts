import { afterEach, describe, expect, it } from "vitest";
import { present } from "../base/assert.ts";
import type { Result } from "../base/result.ts";
import type { BatchProof } from "../chain/proof.ts";
import { trustOfGenesis } from "../chain/proof-trust.ts";
import { SEQUENCE_WINDOW } from "../chain/streams.ts";
import { encodeBatch, parseBatch } from "../codec/batch.ts";
import { newTransfer, type Transfer } from "../codec/transfer.ts";
import { proveExecuted } from "../node.ts";
import { account, keyOf, NODES, running } from "../test-network.ts";
import { testAuthority } from "../transport/test-authority.ts";
import { type HmnClient, type OpenOptions, open } from "./open.ts";
import { type TestNode, testNode } from "./test-node.ts";
import type { Behaviour } from "./test-server.ts";

const authority = await testAuthority();
const ending: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).toReversed()) await end();
});

/** What a node of this test says instead of the truth. */
type Lies = { readonly answer?: Behaviour; readonly proof?: (proof: BatchProof) => BatchProof };

/** Four validators that order and certify for themselves, each behind the doors that clients know. */
async function network(lies: Readonly<Record<number, Lies>> = {}) {
  const calm = running({ startMs: Date.now(), parameters: { epochLengthMs: 10_000 } });
  const asked: number[] = [];
  let request = 0;
  const nodes: TestNode[] = [];
  for (const validator of NODES) {
    const honest: Behaviour = ({ batch }) => {
      const number = ++request;
      calm.feed(validator, { type: "client-batch", request: number, batch });
      calm.until(() => calm.answers.has(number));
      return present(calm.answers.get(number), "it was waited for");
    };
    const node = await testNode({
      validator,
      chain: calm.chain(validator),
      material: await authority.issue(`${validator}.payments`),
      behaviour: lies[validator]?.answer ?? honest,
      prove: (of) => {
        asked.push(of.epoch);
        const proof = proveExecuted(present(calm.peers.get(validator)?.node, "the node runs"), of);
        // Nothing moves here by itself: time passes while the client waits.
        if (!proof.ok) calm.until(() => calm.view(validator).height > of.height + 3);
        const lie = lies[validator]?.proof;
        return proof.ok && lie !== undefined ? { ...proof, value: lie(proof.value) } : proof;
      },
    });
    nodes.push(node);
    ending.push(() => node.close());
  }
  const trust = trustOfGenesis(calm.genesis);
  const client = async (options: Partial<OpenOptions> = {}): Promise<HmnClient> => {
    const opened = await open({
      ...{ network: "payments", nodes: nodes.map(({ address }) => address), ca: authority.ca, key: keyOf(60) },
      trust: present(trust.ok ? trust.value : undefined, "the genesis is good"),
      ...options,
    });
    ending.push(() => opened.close());
    await expect.poll(() => opened.connected()).toEqual(NODES);
    return opened;
  };
  return { calm, asked, client };
}

const parsed = <T>(result: Result<T>): T | undefined => (result.ok ? result.value : undefined);
const pay = (id: bigint, fields: Partial<Transfer> = {}): Transfer =>
  newTransfer({ id, debit: account(1), credit: account(2), amount: 5n, ledger: 1, code: 1, ...fields });
const nobody = { credit: account(77) };
const refused = { type: "committed", failures: [{ index: 0, code: "credit_account_not_found" }] };

describe("a proof", () => {
  it("confirms what became of a batch, with the genesis as all that is trusted, over the ends of epochs", async () => {
    const { calm, asked, client } = await network();
    const hmn = await client();
    const id = hmn.newIds(4);
    const both = [pay(id), pay(id + 1n, nobody)];
    expect(await hmn.createTransfers(both, { confirm: "proof" })).toMatchObject({
      ...{ type: "committed", height: 1, failures: [{ index: 1, code: "credit_account_not_found" }] },
    });
    calm.until(() => calm.view(0).epoch === 3);
    expect(await hmn.createTransfers([pay(id + 2n)], { confirm: "proof" })).toMatchObject({ failures: [] });
    // What the proof led to is trusted from now on: it asks for no way from the genesis again.
    await hmn.createTransfers([pay(id + 3n)], { confirm: "proof" });
    expect([asked[0], asked.at(-1)]).toEqual([1, 3]);
  });

  it("shows what a node lied about, and one that forges proofs too is passed over", async () => {
    const committed: Behaviour = () => ({ type: "committed", height: 1, outcome: { failures: [], count: 1 } });
    const better = (proof: BatchProof): BatchProof => ({ ...proof, outcome: { failures: [], count: 1 } });
    const unsigned = (proof: BatchProof): BatchProof => {
      const { certificate } = proof.final;
      const signatures = certificate.signatures.slice(0, 2);
      return { ...better(proof), final: { ...proof.final, certificate: { ...certificate, signatures } } };
    };
    const another = (proof: BatchProof): BatchProof => ({ ...proof, batch: "ab".repeat(32) });
    for (const lie of [{}, { proof: better }, { proof: unsigned }, { proof: another }]) {
      const { client } = await network({ 0: { answer: committed, ...lie } });
      const hmn = await client();
      const sent = [pay(hmn.newIds(1), nobody)];
      // Its word alone is believed, where one node's word is enough.
      expect(await hmn.createTransfers(sent, { target: 0 })).toMatchObject({ failures: [] });
      expect(await hmn.createTransfers(sent, { target: 0, confirm: "proof" })).toMatchObject(refused);
    }
  });

  it("that a block refuses it for its place there is no last word: another block may have executed it", async () => {
    let refusedAt = 0;
    /** Has a later batch of the same stream executed just before the one that it is given, and says that this one went through. */
    const late: Behaviour = ({ batch }) => {
      const { type, payload, chainId, stream, sequence, expiryMs } = present(parsed(parseBatch(batch)), "it is whole");
      const far = { sequence: sequence + 2n * SEQUENCE_WINDOW, keyPair: keyOf(60) };
      calm.feed(0, {
        ...{ type: "client-batch", request: 1_000 },
        batch: encodeBatch({ type, payload, chainId, stream, expiryMs, ...far }),
      });
      calm.feed(1, { type: "client-batch", request: 1_001, batch });
      calm.until(() => calm.answers.has(1_001));
      const told = present(calm.answers.get(1_001), "it was waited for");
      expect(told).toMatchObject({ type: "committed", outcome: { refused: "sequence_too_old" } });
      refusedAt = told.type === "committed" ? told.height : 0;
      return { type: "committed", height: refusedAt, outcome: { failures: [], count: 1 } };
    };
    const { calm, client } = await network({ 0: { answer: late } });
    const hmn = await client({ confirmTimeoutMs: 5_000 });
    expect(await hmn.createTransfers([pay(hmn.newIds(1))], { target: 0, confirm: "proof" })).toMatchObject({
      ...{ type: "unknown", reason: expect.stringContaining(`block ${refusedAt} refuses it (sequence_too_old)`) },
    });
  });

  it("of a batch that one node refuses comes from the others; where nobody has one the end is not known", async () => {
    const no: Behaviour = () => ({ type: "refused", reason: "signature_invalid", retryable: false });
    const { client } = await network({ 0: { answer: no } });
    const hmn = await client();
    expect(await hmn.createTransfers([pay(hmn.newIds(1))], { target: 0, confirm: "proof" })).toMatchObject({
      ...{ type: "committed", failures: [] },
    });
    const all = { answer: no };
    const none = await (await network({ 0: all, 1: all, 2: all, 3: all })).client();
    expect(await none.createTransfers([pay(none.newIds(1))], { confirm: "proof" })).toEqual({
      ...{ type: "refused", reason: "signature_invalid" },
    });
    const third = await network();
    const members = [{ id: 0, weight: 1, publicKey: "ab".repeat(32) }];
    const strangers = { chainId: third.calm.chainId, epoch: 1, members };
    const wary = await third.client({ trust: strangers, confirmTimeoutMs: 2_000 });
    expect(await wary.createTransfers([pay(wary.newIds(1))], { confirm: "proof" })).toMatchObject({
      ...{ type: "unknown", reason: expect.stringContaining("proves nothing") },
    });
  });
});
