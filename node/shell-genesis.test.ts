import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { GenesisFile } from "./api/contract.ts";
import { toHex } from "./base/bytes.ts";
import { keyPairFromSeed } from "./codec/signature.ts";
import { readGenesis } from "./shell-genesis.ts";
import { readNetwork } from "./shell-network.ts";
import { realDisk } from "./storage/disk.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hmn-genesis-"));
  mkdirSync(join(folder, "data"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const key = (id: number): string => toHex(keyPairFromSeed(new Uint8Array(32).fill(id)).publicKey);
const genesis = (timeNs: string, network = "payments"): GenesisFile => ({
  network,
  timeNs,
  authority: { publicKeys: [key(9)], threshold: 1 },
  validators: [0, 1, 2, 3].map((id) => ({ id, consensusKey: key(id), ownerKey: key(9), bond: "1000000000" })),
  accounts: [],
});
const write = (text: string): void => writeFileSync(join(folder, "genesis.json"), text);
const read = () => readGenesis({ config: folder, data: join(folder, "data"), network: "payments" }, realDisk);

test("a genesis is waited for, taken, and held against another one", () => {
  expect(read()).toMatchObject({ ok: false, reason: "waiting", detail: "waiting for genesis" });
  write(JSON.stringify(genesis("1700000000000000000")));
  const first = read();
  expect(first.ok).toBe(true);
  expect(read()).toEqual(first);
  write(JSON.stringify(genesis("1700000000000000001")));
  expect(read()).toMatchObject({
    ok: false,
    reason: "unusable",
    detail: expect.stringContaining("this volume holds chain"),
  });
});

test.each([
  ["half a file", '{"network":', "not JSON"],
  ["another shape", '{"network":"payments"}', "genesis.json: timeNs"],
  ["another network", JSON.stringify(genesis("1700000000000000000", "savings")), "of network savings"],
  [
    "what the chain refuses",
    JSON.stringify({
      ...genesis("1700000000000000000"),
      validators: genesis("1").validators.map((v) => ({ ...v, id: 1 })),
    }),
    "genesis.json is refused",
  ],
])("%s is refused with its reason and leaves no trace", (_what, text, detail) => {
  write(text);
  expect(read()).toMatchObject({ ok: false, reason: "unusable", detail: expect.stringContaining(detail) });
  write(JSON.stringify(genesis("1700000000000000001")));
  expect(read().ok).toBe(true);
});

test("a genesis that goes on from a backup waits for the backup's state, and takes no other one", () => {
  const hash = "ab".repeat(32);
  const subroots = { accounts: hash, ids: hash, pending: hash, validators: hash };
  const from = { chainId: hash, height: 7, timeNs: "1600000000000000000", blockHash: hash, subroots };
  write(JSON.stringify({ ...genesis("1700000000000000000"), restoredFrom: from }));
  expect(read()).toMatchObject({ ok: false, reason: "waiting", detail: expect.stringContaining("after block 7") });
  writeFileSync(join(folder, "data", "restored.state"), "nonsense");
  expect(read()).toMatchObject({ ok: false, reason: "unusable", detail: expect.stringContaining("refused") });
});

test("a node does not start without its peers' names", () => {
  expect(() => readNetwork(folder)).toThrow("network.json cannot be used");
});
