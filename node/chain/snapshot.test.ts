import { expect, test } from "vitest";
import { present } from "../base/assert.ts";
import { encodeTransfers, newTransfer } from "../codec/transfer.ts";
import {
  admitBatch,
  type Chain,
  checkpointOf,
  epochOf,
  executeBlock,
  fold,
  heightOf,
  validatorStates,
} from "./chain.ts";
import { exportChain, importChain } from "./snapshot.ts";
import { atMs, batchOf, blockAt } from "./test-chain.ts";
import { keyOf, publicKeyOf, TREASURY, testGenesis } from "./test-genesis.ts";
import {
  anchor,
  anchorOf,
  closeEpoch,
  order,
  report,
  say,
  step,
  type TestNetwork,
  testNetwork,
  voteKeyOf,
} from "./test-governance.ts";

/** Refused by the ledger; its sequence is taken and its result is kept. */
const refused = (chain: Chain, offsetMs: number, key: string): Uint8Array => {
  const id = BigInt(atMs(offsetMs)) << 80n;
  const payload = encodeTransfers([newTransfer({ id, debit: TREASURY, credit: 1n, amount: 1n, ledger: 1, code: 1 })]);
  return batchOf(chain, "transfers", payload, { keyPair: keyOf(key), offsetMs });
};

/** A network with something in every room that a snapshot covers, right after a checkpoint. */
function busyNetwork(): { network: TestNetwork; repeat: Uint8Array } {
  const network = testNetwork();
  order(network, { kind: "set_parameter", parameter: 4, value: 14_000n });
  const voteKey = publicKeyOf("fresh");
  order(network, { kind: "replace_vote_key", validator: 3, voteKey }, { voteKey: keyOf("fresh") });
  say(network, { kind: "approve", validator: 0, subject: 3, key: voteKey }, voteKeyOf(0));
  say(network, { kind: "leave", validator: 2 }, voteKeyOf(2));
  expect(anchor(network, anchorOf(network))).toBe("applied");
  closeEpoch(network);
  expect(anchor(network, anchorOf(network, { id: "later" }))).toBe("applied");
  step(network, [], {
    votes: [
      { depth: 1, signer: 0 },
      { depth: 4, signer: 1, executedHash: "ab".repeat(32) },
    ],
    tips: [{ validator: 1, incarnation: 77n, number: 5, digest: "cd".repeat(32) }],
  });
  const repeat = refused(network.chain, network.nowMs, "treasury");
  step(network, [repeat, refused(network.chain, network.nowMs, "stranger")]);
  say(network, { kind: "announce", validator: 1, stateVersion: 2 }, voteKeyOf(1));
  order(network, { kind: "set_parameter", parameter: 6, value: 900n });
  const before = heightOf(network.chain);
  // E lies a few blocks back: what the boundary counts then goes into the snapshot.
  const { stateRoot } = step(network, [], { afterMs: 10_000, executedHeight: before - 3 });
  expect(stateRoot).toBe(checkpointOf(network.chain).stateRoot);
  return { network, repeat };
}

function partsOf(next: () => Uint8Array | undefined): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let part = next(); part !== undefined; part = next()) parts.push(part);
  return parts;
}

/** Both execute the same blocks and say the same of each. */
function expectEqualFutures(network: TestNetwork, restored: Chain, batches: readonly Uint8Array[]): void {
  const { chain } = network;
  const both = (offsetMs: number, fields: Parameters<typeof blockAt>[2] = {}): void => {
    const block = blockAt(chain, offsetMs, fields);
    expect(blockAt(restored, offsetMs, fields)).toEqual(block);
    expect(executeBlock(restored, block)).toEqual(executeBlock(chain, block));
    network.nowMs = offsetMs;
  };
  const first = heightOf(chain) - 2;
  both(network.nowMs + 10, { batches, executedHeight: first });
  for (let at = 0; at < 8; at++) both(network.nowMs + 10, { votes: [{ depth: 2, signer: 1 }] });
  for (let epoch = 0; epoch < 2; epoch++) {
    both(network.nowMs + 45_000);
    for (let at = 0; at < 8; at++) both(network.nowMs + 10);
  }
  expect(epochOf(restored).number).toBe(4);
  expect(checkpointOf(restored)).toEqual(checkpointOf(chain));
}

test("a snapshot in the middle of an epoch carries its reports, the last measurement and the mints", () => {
  const network = testNetwork();
  for (let epoch = 0; epoch < 5; epoch++) {
    network.absent = epoch === 3 ? [2] : [];
    closeEpoch(network);
  }
  for (const reporter of [0, 2, 3]) expect(report(network, { reporter, timelinessPpm: 900_000 })).toBe("applied");
  for (let at = 0; at < 8; at++) step(network);
  step(network, [], { afterMs: 10_000 });
  const { chain } = network;
  const imported = importChain(testGenesis(), partsOf(exportChain(chain)));
  const restored = present(imported.ok ? imported.value : undefined, "the snapshot is good");
  expect(checkpointOf(restored)).toEqual(checkpointOf(chain));
  expect(restored.governance).toEqual(chain.governance);
  const { coherence, reports } = restored.governance;
  expect([coherence.epoch, coherence.mints.length, reports.size]).toEqual([4, 1, 3]);
  expect(coherence.standings.get(2)?.psiPpm).toBeLessThan(1_000_000);
  const block = blockAt(chain, network.nowMs + 60_000);
  expect(blockAt(restored, network.nowMs + 60_000)).toEqual(block);
  expect(executeBlock(restored, block)).toEqual(executeBlock(chain, block));
  expect(restored.governance).toEqual(chain.governance);
  expect(restored.governance.coherence).toMatchObject({ epoch: 5, mints: [{ epoch: 3 }, { epoch: 5 }] });
  expect(validatorStates(restored).get(1)?.omega).toMatchObject({ timelinessPpm: 900_000 });
});

test("a restored chain has the same root, and goes on like the one that it was taken of", () => {
  const { network, repeat } = busyNetwork();
  const parts = partsOf(exportChain(network.chain));
  const restored = importChain(testGenesis(), parts);
  if (!restored.ok) throw new Error(restored.detail);
  expect(checkpointOf(restored.value)).toEqual(checkpointOf(network.chain));
  expect(admitBatch(restored.value, repeat, atMs(network.nowMs))).toEqual(
    admitBatch(network.chain, repeat, atMs(network.nowMs)),
  );
  const later = refused(network.chain, network.nowMs, "treasury");
  expectEqualFutures(network, restored.value, [repeat, later]);
});

test("a long part comes in slices", () => {
  const { network } = busyNetwork();
  const [counts] = network.chain.counts.slice(-1);
  const views = Array.from({ length: 60_000 }, (_, view) => view);
  network.chain.counts = [{ ...present(counts, "an epoch is counted"), views, rows: new Uint8Array(240_000).fill(1) }];
  const { stateRoot } = fold(network.chain);
  const parts = partsOf(exportChain(network.chain));
  expect(Math.max(...parts.map(({ length }) => length))).toBeLessThan(256 * 1024);
  const restored = importChain(testGenesis(), parts);
  expect(restored.ok && checkpointOf(restored.value).stateRoot).toBe(stateRoot);
});

test("what happens while a snapshot is pulled is not in it", () => {
  const { network } = busyNetwork();
  const root = checkpointOf(network.chain).stateRoot;
  const next = exportChain(network.chain);
  const parts = [next()];
  step(network, [refused(network.chain, network.nowMs, "treasury"), refused(network.chain, network.nowMs, "new")]);
  say(network, { kind: "announce", validator: 0, stateVersion: 2 }, voteKeyOf(0));
  parts.push(next());
  // Long enough for every stream to expire.
  step(network, [], { afterMs: 700_000, kind: "normal", next: "0".repeat(64) });
  const whole = [...parts.filter((part) => part !== undefined), ...partsOf(next)];
  const restored = importChain(testGenesis(), whole);
  expect(restored.ok && checkpointOf(restored.value).stateRoot).toBe(root);
});

test("a snapshot that was tampered with is refused or has another root", () => {
  const { network } = busyNetwork();
  const root = checkpointOf(network.chain).stateRoot;
  const parts = partsOf(exportChain(network.chain));
  let refusals = 0;
  for (const [index, part] of parts.slice(0, -1).entries()) {
    for (let at = 0; at < part.length; at += 83) {
      const changed = parts.map((bytes, place) =>
        place === index ? bytes.map((byte, offset) => (offset === at ? byte ^ 4 : byte)) : bytes,
      );
      const restored = importChain(testGenesis(), changed);
      if (!restored.ok) refusals += 1;
      else expect({ index, at, root: checkpointOf(restored.value).stateRoot }).not.toEqual({ index, at, root });
    }
  }
  expect(refusals).toBeGreaterThan(10);
});

test("refuses what is no snapshot of this network", () => {
  const { network } = busyNetwork();
  const parts = partsOf(exportChain(network.chain));
  const [first = new Uint8Array(), stream = new Uint8Array()] = parts;
  const cases: [reason: string, parts: Uint8Array[]][] = [
    ["snapshot_malformed", []],
    ["snapshot_malformed", [new Uint8Array()]],
    ["snapshot_malformed", parts.slice(1)],
    ["snapshot_malformed", [first.subarray(0, -1)]],
    ["snapshot_malformed", [first, new Uint8Array([9])]],
    ["snapshot_malformed", [first, stream.map((byte, at) => (at === 45 ? byte ^ 1 : byte)), stream]],
  ];
  for (const [reason, wrong] of cases) expect(importChain(testGenesis(), wrong)).toMatchObject({ ok: false, reason });
  expect(importChain(testGenesis({ network: "other" }), parts)).toMatchObject({ reason: "wrong_chain" });
});
