import { expect, test } from "vitest";
import { governanceSchema, OBSERVER_IDS } from "./api/contract.ts";
import { toHex } from "./base/bytes.ts";
import { nanos } from "./base/units.ts";
import { testChain } from "./chain/test-genesis.ts";
import { type AuthorityRecord, encodeAuthorityBody, joinAuthorityRecord } from "./codec/authority-body.ts";
import { decodeAuthorityRecords, voteKeySigned } from "./codec/authority-record.ts";
import { keyPairFromSeed } from "./codec/signature.ts";
import { countersignature, governanceOf } from "./shell-governance.ts";

const keyPair = keyPairFromSeed(new Uint8Array(32).fill(7));
const self = { validator: 4, keyPair, chainId: "ab".repeat(32) };
const join: Extract<AuthorityRecord, { kind: "join" }> = {
  ...{ kind: "join", serial: 1n, validator: 4, voteKey: toHex(keyPair.publicKey) },
  ...{ ownerKey: "cd".repeat(32), account: 5n, amount: 6n },
};

test("an order about this validator and its key is signed as the chain wants it", () => {
  const body = encodeAuthorityBody(join);
  const signature = countersignature(body, self);
  if (!signature.ok) throw new Error(signature.reason);
  const voteKeySignature = Buffer.from(signature.value, "hex");
  const [decoded] = decodeAuthorityRecords(joinAuthorityRecord({ body, voteKeySignature, signatures: new Map() }));
  if (decoded?.ok !== true) throw new Error(decoded?.reason);
  expect(voteKeySigned(decoded.value, { voteKey: join.voteKey, chainId: self.chainId })).toBe(true);
  expect(voteKeySigned(decoded.value, { voteKey: join.voteKey, chainId: "00".repeat(32) })).toBe(false);
});

test.each<[string, Uint8Array, string]>([
  ["another validator", encodeAuthorityBody({ ...join, validator: 5 }), "not_about_this_key"],
  ["another key", encodeAuthorityBody({ ...join, voteKey: "ef".repeat(32) }), "not_about_this_key"],
  ["an order without a key", encodeAuthorityBody({ kind: "release", serial: 1n, validator: 4 }), "not_about_this_key"],
  ["something shorter", new Uint8Array(32).fill(1), "order_malformed"],
  ["an order with more in it", encodeAuthorityBody(join).with(1, 1), "order_malformed"],
])("nothing else is signed: %s", (_, body, reason) => {
  expect(countersignature(body, self)).toMatchObject({ ok: false, reason });
});

test("an observer signs no order at all, not even about its own key", () => {
  const validator = OBSERVER_IDS.first;
  expect(countersignature(encodeAuthorityBody({ ...join, validator }), { ...self, validator })).toMatchObject({
    ok: false,
    reason: "not_about_this_key",
  });
});

test("what the operator is told of the chain keeps to the contract", () => {
  const told = governanceSchema.parse(governanceOf(testChain()));
  expect(told.serial).toBe("0");
  expect(
    told.validators.map(({ id, wants, stateVersion, replacement }) => [id, wants, stateVersion, replacement]),
  ).toEqual([0, 1, 2, 3].map((id) => [id, null, 1, null]));
  expect(told.parameters).toContainEqual({ name: "attunementPpm", value: "1000000" });
});

test("the operator is told what of a parameter waits, and when it last changed", () => {
  const chain = testChain();
  const { governance } = chain;
  const name = "attunementPpm";
  const parameters = {
    ...governance.parameters,
    pending: [{ name, value: 980_000n, serial: 1n } as const],
    changedAt: new Map([[name, nanos(1_700_000_000_123_456_789n)] as const]),
  };
  const { parameters: told } = governanceSchema.parse(
    governanceOf({ ...chain, governance: { ...governance, parameters } }),
  );
  expect(told).toContainEqual({ name, value: "1000000", pending: "980000", changedAtMs: 1_700_000_000_123 });
});
