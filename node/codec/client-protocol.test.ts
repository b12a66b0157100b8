import { expect, test } from "vitest";
import { fc } from "../base/test-property.ts";
import { BATCH_BYTES_MAX } from "./batch.ts";
import { CLIENT_FRAME_BYTES_MAX, type ClientFrame, encodeClientFrame, parseClientFrame } from "./client-protocol.ts";

const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const reason = fc.string({ maxLength: 40 });
const outcome = fc.oneof(
  fc.record({ refused: reason }),
  fc.record({
    count: fc.constant(8_190),
    failures: fc.array(fc.record({ index: fc.nat(8_189), code: fc.stringMatching(/^[a-z_]{1,63}$/) }), {
      maxLength: 4,
    }),
  }),
);
const frame: fc.Arbitrary<ClientFrame> = fc.oneof(
  fc.record({
    type: fc.constant("hello" as const),
    wireVersion: fc.nat(65_535),
    network: fc.string({ maxLength: 15 }),
    chainId: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString("hex")),
  }),
  fc.record({ type: fc.constant("request" as const), requestId: u64, batch: fc.uint8Array({ maxLength: 300 }) }),
  fc.record({
    type: fc.constant("reply" as const),
    requestId: u64,
    answer: fc.oneof(
      fc.record({ type: fc.constant("committed" as const), height: fc.maxSafeNat(), outcome }),
      fc.record({ type: fc.constant("refused" as const), reason, retryable: fc.boolean() }),
    ),
  }),
);

test("frames survive the wire", () => {
  fc.assert(
    fc.property(frame, (sent) => {
      expect(parseClientFrame(encodeClientFrame(sent))).toEqual({ ok: true, value: sent });
    }),
  );
});

test("outside bytes are refused or parsed, never thrown at, and one value has one encoding", () => {
  fc.assert(
    fc.property(frame, fc.nat(400), fc.uint8Array({ maxLength: 40 }), (sent, keep, noise) => {
      const mixed = new Uint8Array([...encodeClientFrame(sent).subarray(0, keep), ...noise]);
      const parsed = parseClientFrame(mixed);
      if (parsed.ok) expect(encodeClientFrame(parsed.value)).toEqual(mixed);
      else expect(parsed.reason).toBe("malformed");
    }),
  );
});

test("the largest batch fits a frame, and a long reason is cut", () => {
  const request = encodeClientFrame({ type: "request", requestId: 1n, batch: new Uint8Array(BATCH_BYTES_MAX) });
  expect(request.length).toBeLessThanOrEqual(CLIENT_FRAME_BYTES_MAX);
  expect(parseClientFrame(request).ok).toBe(true);
  const long = encodeClientFrame({
    type: "reply",
    requestId: 1n,
    answer: { type: "refused", reason: "ä".repeat(5_000), retryable: false },
  });
  expect(parseClientFrame(long).ok).toBe(true);
});
