import { describe, expect, it } from "vitest";
import { fc } from "../base/test-property.ts";
import { nanos } from "../base/units.ts";
import { sealBlock } from "./block.ts";
import type { Certificate } from "./certificate.ts";
import { encodePeerMessage, type PeerMessage, parsePeerMessage } from "./peer-message.ts";

const hash = (digit: string): string => digit.repeat(64);
const signature = new Uint8Array(64).fill(9);
const block = sealBlock({
  epoch: 1,
  view: 7,
  kind: "normal",
  height: 5,
  parent: hash("a"),
  proposer: 3,
  time: nanos(1_760_000_000_000_000_001n),
  executed: { height: 4, resultsHash: hash("b") },
  next: hash("0"),
  votes: [{ depth: 1, signer: 2, signature }],
  evidence: [],
  payload: new Uint8Array([1, 2, 3]),
});
const certificate: Certificate = {
  ballot: { kind: "finalize", epoch: 1, view: 7, block: block.hash, height: 5 },
  signatures: [
    { signer: 0, signature },
    { signer: 2, signature },
  ],
};
const nullification: Certificate = { ballot: { kind: "nullify", epoch: 1, view: 6 }, signatures: [] };
const notarize = {
  kind: "notarize",
  epoch: 1,
  view: 7,
  block: block.hash,
  height: 5,
  executed: block.executed,
} as const;

const tip = { validator: 3, incarnation: 1_760_000_000_000_000_002n, number: 9, digest: hash("c") };
const availability = {
  tip,
  signatures: [
    { signer: 1, signature },
    { signer: 4, signature },
  ],
};
const answer = { nonce: hash("d"), epoch: 2, view: 8, signer: 1, signature };

const MESSAGES: readonly PeerMessage[] = [
  { type: "proposal", block, signature, justification: [certificate, nullification] },
  { type: "vote", vote: { ballot: notarize, signer: 1, signature } },
  { type: "vote", vote: { ballot: { kind: "nullify", epoch: 2, view: 1 }, signer: 1, signature } },
  { type: "certificate", certificate },
  { type: "car", car: new Uint8Array([5, 6]) },
  { type: "ack", ack: { tip, signer: 2, signature } },
  { type: "availability", certificate: availability },
  { type: "batch", batch: new Uint8Array([8]) },
  { type: "car-request", from: 4, tip },
  { type: "cars", cars: [new Uint8Array([7]), new Uint8Array(300)] },
  { type: "block-request", block: block.hash },
  { type: "block", block },
  { type: "certificates-request", from: 3, to: 2 ** 40 },
  { type: "range-request", from: 12 },
  {
    type: "range",
    from: 12,
    oldest: 3,
    items: [
      { record: new Uint8Array([1]), cars: [new Uint8Array(300)] },
      { record: new Uint8Array(2), cars: [] },
    ],
  },
  { type: "snapshot-request", height: 640, part: 2 },
  {
    type: "snapshot-part",
    ...{ height: 640, part: 2, last: true, bytes: new Uint8Array([4, 5]) },
  },
  { type: "vote-query", nonce: hash("d") },
  { type: "vote-answer", answer },
  { type: "vote-answer", answer: { ...answer, entry: certificate } },
  { type: "stopping" },
];

describe("peer messages", () => {
  it.each(MESSAGES)("come back as they were sent: $type", (message) => {
    expect(parsePeerMessage(encodePeerMessage(message))).toEqual({ ok: true, value: message });
  });

  it.each(MESSAGES)("are refused when cut or longer: $type", (message) => {
    const frame = encodePeerMessage(message);
    for (let length = 0; length < frame.length; length++) {
      expect(parsePeerMessage(frame.subarray(0, length)).ok).toBe(false);
    }
    expect(parsePeerMessage(new Uint8Array([...frame, 0])).ok).toBe(false);
  });

  it("never throw on outside bytes, and mean one thing per encoding", () => {
    const turned = fc.tuple(fc.constantFrom(...MESSAGES), fc.nat(), fc.integer({ min: 1, max: 255 }));
    fc.assert(
      fc.property(turned, ([message, position, change]) => {
        const frame = encodePeerMessage(message).slice();
        const at = position % frame.length;
        frame[at] = (frame[at] ?? 0) ^ change;
        const parsed = parsePeerMessage(frame);
        if (parsed.ok) expect(encodePeerMessage(parsed.value)).toEqual(frame);
      }),
    );
  });

  it("refuse a block whose body is not its header's", () => {
    const frame = encodePeerMessage({ type: "block", block }).slice();
    frame[frame.length - 1] = 4;
    expect(parsePeerMessage(frame)).toMatchObject({ ok: false, detail: "the body is not the header's" });
  });
});
