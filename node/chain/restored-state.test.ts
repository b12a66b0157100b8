import { expect, test } from "vitest";
import type { GenesisFile } from "../api/contract.ts";
import { present } from "../base/assert.ts";
import { toHex } from "../base/bytes.ts";
import { fc } from "../base/test-property.ts";
import { encodeTransfers, newTransfer, transferFlags } from "../codec/transfer.ts";
import { recount } from "../ledger/totals.ts";
import { type Chain, chainId, checkpointOf, createChain, executeBlock, validatorStates } from "./chain.ts";
import { exportState } from "./restored-state.ts";
import { atMs, batchOf, blockAt } from "./test-chain.ts";
import { keyOf, publicKeyOf, TREASURY, testGenesis } from "./test-genesis.ts";
import {
  BOND,
  closeEpoch,
  expectConserved,
  open,
  ownerOf,
  say,
  step,
  type TestNetwork,
  testNetwork,
  unbond,
  voteKeyOf,
} from "./test-governance.ts";

const ACCOUNTS = [1n, 2n, 3n].map((index) => TREASURY + 100n + index);

const events = fc.oneof(
  fc.record({
    ...{ what: fc.constant("pay" as const), from: fc.nat(3), to: fc.nat(3), amount: fc.bigInt(1n, 50_000n) },
    ...{ pending: fc.boolean(), timeout: fc.integer({ min: 0, max: 200 }) },
  }),
  fc.record({ what: fc.constant("unbond" as const), id: fc.nat(3), amount: fc.bigInt(1n, BOND) }),
  fc.record({ what: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 20_000 }) }),
  fc.record({ what: fc.constant("epoch" as const) }),
);

let serial = 0n;
function play(network: TestNetwork, event: typeof events extends fc.Arbitrary<infer Each> ? Each : never): void {
  switch (event.what) {
    case "pay": {
      const all = [TREASURY, ...ACCOUNTS];
      const [debit = 0n, credit = 0n] = [all[event.from], all[event.to]];
      serial += 1n;
      const offsetMs = network.nowMs + 10;
      const record = newTransfer({
        ...{ id: (BigInt(atMs(offsetMs)) << 80n) | serial, debit, credit, amount: event.amount, ledger: 1, code: 1 },
        ...(event.pending ? { flags: transferFlags.pending, timeout: event.timeout } : {}),
      });
      const owned = { keyPair: keyOf("treasury"), offsetMs };
      step(network, [batchOf(network.chain, "transfers", encodeTransfers([record]), owned)]);
      return;
    }
    case "unbond":
      say(network, unbond(event.id, event.amount), ownerOf(event.id));
      return;
    case "wait":
      step(network, [], { afterMs: event.ms });
      return;
    case "epoch":
      closeEpoch(network);
  }
}

/** Right behind a checkpoint block. */
function toCheckpoint(network: TestNetwork): Chain {
  step(network, [], { afterMs: 10_001 });
  expect(checkpointOf(network.chain).height).toBe(network.chain.height);
  return network.chain;
}

const rootsOf = (chain: Chain): Readonly<Record<string, string>> =>
  Object.fromEntries(checkpointOf(chain).subroots.map(({ name, root }) => [name, toHex(root)]));

/** The genesis of a network that goes on from this one, with those who have the bond for it. */
function genesisAfter(chain: Chain, fields: Partial<GenesisFile> = {}): GenesisFile {
  const { accounts = "", ids = "", pending = "", validators = "" } = rootsOf(chain);
  const able = [...validatorStates(chain).values()].filter(({ bond }) => bond >= BOND / 100n);
  return testGenesis({
    ...{ network: "next", timeNs: String(chain.time), accounts: [] },
    validators: able.map(({ id, ownerKey, bond }) => ({
      ...{ id, ownerKey, bond: String(bond), consensusKey: publicKeyOf(`new ${id}`) },
    })),
    parameters: { minimumBond: 10_000_000 },
    restoredFrom: {
      ...{ chainId: chainId(chain), height: chain.height, timeNs: String(chain.time) },
      ...{ blockHash: "ab".repeat(32), subroots: { accounts, ids, pending, validators } },
    },
    ...fields,
  });
}

test("whatever happened before, a new network begins with equal accounts and pending transfers, and loses no token after it", () => {
  fc.assert(
    fc.property(fc.array(events, { maxLength: 40 }), (history) => {
      const network = testNetwork();
      for (const id of ACCOUNTS) open(network, id, 1, keyOf("treasury"));
      for (const event of history) play(network, event);
      const before = toCheckpoint(network);
      const parts = [...exportState(before)];
      const file = genesisAfter(before);
      fc.pre(file.validators.length > 0);
      const made = createChain(file, undefined, undefined, parts);
      const chain = present(made.ok ? made.value : undefined, made.ok ? "" : (made.detail ?? made.reason));
      expect(chainId(chain)).not.toBe(chainId(before));
      for (const name of ["accounts", "pending"]) expect(rootsOf(chain)[name]).toBe(rootsOf(before)[name]);
      expect(recount(chain.ledger)).toEqual(recount(before.ledger));
      expectConserved({ ...network, chain });
      // Both let the same transfers expire, at the same block times.
      for (const afterMs of [1_000, 60_000, 400_000]) {
        const offsetMs = network.nowMs + afterMs;
        for (const one of [before, chain]) executeBlock(one, blockAt(one, offsetMs));
        network.nowMs = offsetMs;
        expect(chain.ledger.pending.taken).toBe(before.ledger.pending.taken);
        expectConserved({ ...network, chain });
      }
    }),
    { numRuns: 30 },
  );
});

/** A network with stake that unbonds and a transfer that waits. */
function handedOn(): { readonly before: Chain; readonly parts: readonly Uint8Array[] } {
  const network = testNetwork();
  for (const id of ACCOUNTS) open(network, id, 1, keyOf("treasury"));
  play(network, { what: "pay", from: 0, to: 1, amount: 5n, pending: true, timeout: 0 });
  play(network, { what: "unbond", id: 3, amount: 400n });
  const before = toCheckpoint(network);
  return { before, parts: [...exportState(before)] };
}

test("bonds, and what unbonds, stay whose they are; who is not named any more is no member", () => {
  const { before, parts } = handedOn();
  const file = genesisAfter(before);
  const made = createChain({ ...file, validators: file.validators.slice(1) }, undefined, undefined, parts);
  const chain = present(made.ok ? made.value : undefined, "the genesis is good");
  expect(chain.governance.epoch.members.map(({ id }) => id)).toEqual([1, 2, 3]);
  expect(validatorStates(chain).get(0)).toMatchObject({ bond: BOND, uncapped: 0, terms: [] });
  expect(validatorStates(chain).get(3)).toMatchObject({ bond: BOND - 400n, unbonding: [{ amount: 400n }] });
  expect(validatorStates(chain).get(3)?.voteKey).toBe(publicKeyOf("new 3"));
});

test.each([
  ["another state", (file: GenesisFile) => withRoot(file, "accounts"), "its accounts are not those"],
  ["other pending transfers", (file: GenesisFile) => withRoot(file, "pending"), "its pending are not those"],
  ["a bond that nobody has", (file: GenesisFile) => withValidator(file, { bond: "2000000000" }), "its bond is"],
  ["a stranger", (file: GenesisFile) => withValidator(file, { id: 77 }), "no such validator"],
  ["an old vote key", (file: GenesisFile) => withValidator(file, { consensusKey: publicKeyOf("consensus 0") }), "old"],
  ["an earlier beginning", (file: GenesisFile) => ({ ...file, timeNs: "1800000000000000000" }), "begins after"],
  ["accounts of its own", (file: GenesisFile) => ({ ...file, accounts: testGenesis().accounts }), "no others"],
] as const)("a genesis with %s is refused", (_, change, why) => {
  const { before, parts } = handedOn();
  expect(voteKeyOf(0).publicKey).toEqual(keyOf("consensus 0").publicKey);
  const made = createChain(change(genesisAfter(before)), undefined, undefined, parts);
  expect(made).toMatchObject({ ok: false, detail: expect.stringContaining(why) });
});

function withRoot(file: GenesisFile, name: "accounts" | "pending"): GenesisFile {
  const from = present(file.restoredFrom, "it is restored");
  return { ...file, restoredFrom: { ...from, subroots: { ...from.subroots, [name]: "cd".repeat(32) } } };
}
const withValidator = (file: GenesisFile, fields: Partial<GenesisFile["validators"][number]>): GenesisFile => ({
  ...file,
  validators: file.validators.map((validator, index) => (index === 0 ? { ...validator, ...fields } : validator)),
});

test("a state that lacks its end, or is not there, begins nothing", () => {
  const { before, parts } = handedOn();
  const file = genesisAfter(before);
  expect(createChain(file)).toMatchObject({ ok: false, reason: "restored_state_missing" });
  for (const wrong of [[], parts.slice(0, -1), parts.slice(1), [new Uint8Array([9]), ...parts], [...parts].reverse()])
    expect(createChain(file, undefined, undefined, wrong)).toMatchObject({ ok: false });
});
