import { describe, expect, it } from "vitest";
import { BLOCK_CARS_MAX, EMPTY_PAYLOAD, encodePayload, type Payload, parsePayload } from "./payload.ts";

const tip = (validator: number, number = 9, cars = 2) => ({
  ...{ validator, incarnation: 5n, number, cars },
  digest: "ab".repeat(32),
});
const proof = (validator: number) => ({
  tip: { validator, incarnation: 5n, number: 9, digest: "ab".repeat(32) },
  signatures: [{ signer: 1, signature: new Uint8Array(64) }],
});

describe("a payload", () => {
  it("comes back as it was written, and is no bytes when it orders nothing", () => {
    const payload: Payload = { tips: [tip(1), tip(4, 300, 1)], certificates: [proof(1)] };
    expect(parsePayload(encodePayload(payload))).toEqual({ ok: true, value: payload });
    expect(encodePayload(EMPTY_PAYLOAD)).toHaveLength(0);
    expect(parsePayload(new Uint8Array(0))).toEqual({ ok: true, value: EMPTY_PAYLOAD });
    expect(parsePayload(new Uint8Array(8)).ok).toBe(false);
  });

  it.each<[name: string, payload: Payload]>([
    ["a lane twice", { tips: [tip(1), tip(1)], certificates: [] }],
    ["lanes out of order", { tips: [tip(2), tip(1)], certificates: [] }],
    ["a tip that adds nothing", { tips: [tip(1, 9, 0)], certificates: [] }],
    ["more cars than the incarnation has", { tips: [tip(1, 3, 4)], certificates: [] }],
    ["too many cars", { tips: [tip(1, 9000, BLOCK_CARS_MAX), tip(2, 9, 1)], certificates: [] }],
    ["certificates out of order", { tips: [tip(1)], certificates: [proof(2), proof(1)] }],
    ["certificates without tips", { tips: [], certificates: [proof(1)] }],
  ])("is refused with %s", (_, payload) => {
    expect(parsePayload(encodePayload(payload)).ok).toBe(false);
  });
});
