import { createHash, createPublicKey, verify } from "node:crypto";
import { expect, test } from "vitest";
import { toHex } from "../../node/base/bytes.ts";
import { accept, refuse } from "../../node/base/result.ts";
import { millis } from "../../node/base/units.ts";
import { authorityMessage, readAuthorityBody } from "../../node/codec/authority-body.ts";
import { BONDING_ACCOUNT } from "../desired/genesis.ts";
import type { NodeClient } from "../observe/node-client.ts";
import type { ReadingTarget } from "../observe/node-reader.ts";
import { generateSigningKey } from "../runtime/pki.ts";
import { createOrders, type Order } from "./orders.ts";

const key = generateSigningKey();
const chainId = "ab".repeat(32);
const voteKey = "cd".repeat(32);
const join: Order = {
  ...{ type: "order", validator: 4, chainId, through: 1 },
  order: { kind: "join", voteKey, serial: "7", amount: "1000000000" },
};
const leave: Order = { ...join, order: { kind: "leave" } };
const node = (validator: number) => ({
  validator,
  pod: "",
  createdAt: millis(0),
  podUid: "",
  ip: `10.0.0.${validator}`,
  revision: "",
  limits: undefined,
  stopping: false,
});
const target: ReadingTarget = {
  clusterKey: "a/c",
  network: "payments",
  metricSource: undefined,
  credentials: { ca: "", certificate: "", key: "" },
  isAtRest: false,
  nodes: [node(1), node(4)],
};
const signed = (message: Uint8Array, signature: Uint8Array): boolean => {
  const x = Buffer.from(key.publicKey, "hex").toString("base64url");
  return verify(null, message, createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" }), signature);
};

function fakeNodes(changes: Partial<NodeClient> = {}) {
  const batches: Uint8Array[] = [];
  const asked: string[] = [];
  const client = {
    countersign: (address, body) => {
      asked.push(`${address.validator} ${toHex(body)}`);
      return Promise.resolve(accept("ef".repeat(64)));
    },
    submit: (address, batch) => {
      asked.push(String(address.validator));
      batches.push(batch);
      return Promise.resolve(accept(undefined));
    },
    close: () => undefined,
    ...changes,
  } as NodeClient;
  return {
    batches,
    asked,
    orders: createOrders(
      () => client,
      () => 1_700_000_000_000,
    ),
  };
}

test("a join is what was decided, countersigned by the joiner, signed by the authority, bonded by the owner", async () => {
  const { orders, batches, asked } = fakeNodes();
  expect(await orders.give(join, target, key)).toMatchObject({ ok: true });
  const [batch = new Uint8Array()] = batches;
  const [head, signature, payload] = [batch.slice(0, 128), batch.slice(128, 192), batch.slice(192)];
  expect(signed(head, signature)).toBe(true);
  expect(toHex(head.slice(96))).toBe(createHash("sha256").update(payload).digest("hex"));
  const body = payload.slice(0, 128);
  expect(readAuthorityBody(body)).toEqual({
    ...{ kind: "join", serial: 7n, validator: 4, voteKey, ownerKey: key.publicKey },
    ...{ account: BONDING_ACCOUNT, amount: 1_000_000_000n },
  });
  expect(toHex(payload.slice(128, 192))).toBe("ef".repeat(64));
  expect(signed(authorityMessage(chainId, body), payload.slice(200, 264))).toBe(true);
  expect(asked).toEqual([`4 ${toHex(body)}`, "1"]);
  expect(orders.fault("a/c")).toBe("");
});

test("a key's replacement is what was decided, signed by the new key and the authority", async () => {
  const { orders, batches, asked } = fakeNodes();
  const replace: Order = { ...join, order: { kind: "replace", voteKey, serial: "8" } };
  expect(await orders.give(replace, target, key)).toMatchObject({ ok: true });
  const payload = (batches[0] ?? new Uint8Array()).slice(192);
  const body = payload.slice(0, 128);
  expect(readAuthorityBody(body)).toEqual({ kind: "replace_vote_key", serial: 8n, validator: 4, voteKey });
  expect(toHex(payload.slice(128, 192))).toBe("ef".repeat(64));
  expect(signed(authorityMessage(chainId, body), payload.slice(200, 264))).toBe(true);
  expect(asked).toEqual([`4 ${toHex(body)}`, "1"]);
});

test("a leave needs no countersignature: who leaves may be down", async () => {
  const { orders, batches, asked } = fakeNodes();
  expect(await orders.give(leave, { ...target, nodes: [node(1)] }, key)).toMatchObject({ ok: true });
  expect(asked).toEqual(["1"]);
  const [batch = new Uint8Array()] = batches;
  expect(signed(batch.slice(0, 128), batch.slice(128, 192))).toBe(true);
  expect(batch.length).toBe(192 + 96);
});

test("a parameter is what was decided, signed by the authority, and asks nobody else", async () => {
  const { orders, batches, asked } = fakeNodes();
  const order: Order = {
    ...{ type: "order", validator: 1, chainId, through: 1 },
    order: { kind: "set_parameter", parameter: "attunementPpm", serial: "8", value: "1020000" },
  };
  expect(await orders.give(order, target, key)).toMatchObject({ ok: true });
  const [batch = new Uint8Array()] = batches;
  const payload = batch.slice(192);
  const body = payload.slice(0, 128);
  expect(readAuthorityBody(body)).toEqual({ kind: "set_parameter", serial: 8n, parameter: 9, value: 1_020_000n });
  expect(signed(authorityMessage(chainId, body), payload.slice(200, 264))).toBe(true);
  expect(asked).toEqual(["1"]);
});

test("what is refused is told, and forgotten when it goes through", async () => {
  const poor = fakeNodes({ submit: () => Promise.resolve(refuse("refused", "exceeds_credits")) });
  expect(await poor.orders.give(join, target, key)).toMatchObject({ ok: false });
  expect(poor.orders.fault("a/c")).toContain("exceeds_credits");
  const unwilling = fakeNodes({ countersign: () => Promise.resolve(refuse("unreachable", "not_about_this_key")) });
  expect(await unwilling.orders.give(join, target, key)).toMatchObject({ ok: false });
  expect(unwilling.batches).toEqual([]);
  expect(unwilling.orders.fault("a/c")).toContain("not_about_this_key");
  expect(await unwilling.orders.give(leave, target, key)).toMatchObject({ ok: true });
  expect(unwilling.orders.fault("a/c")).toBe("");
});
