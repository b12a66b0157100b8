import { assert, unreachable } from "../base/assert.ts";
import { concatBytes, fromHex, type Hex, toHex } from "../base/bytes.ts";
import type { Result } from "../base/result.ts";
import type { BatchOutcome } from "../chain/types.ts";
import type { ClientAnswer } from "../ports.ts";
import { BATCH_BYTES_MAX, BATCH_RECORDS_MAX } from "./batch.ts";
import { HASH_BYTES } from "./hash.ts";
import { parse, readCounter, writeCounter } from "./parse.ts";
import { MalformedBytes, type Reader } from "./reader.ts";
import { type Writer, writer } from "./writer.ts";

/**
 * The client port: TLS 1.3, each frame its length (u32, little-endian) and that many bytes, cut as between nodes
 * (transport/frames.ts). The server speaks first (`hello`); then the client sends requests and the server answers each
 * once, in any order.
 */
/** Version of these frames; clients part with a server of another one, with a message. Apart from that between nodes, which changes more often. */
export const CLIENT_VERSION = 1;
/** Largest frame in either direction: the largest batch with its request number. */
export const CLIENT_FRAME_BYTES_MAX = 1 << 20;
/** Requests of one connection that may wait for an answer; a server may close a connection with more. */
export const CLIENT_IN_FLIGHT_MAX = 256;
const NETWORK_BYTES_MAX = 63;
const REASON_BYTES_MAX = 256;
const CODE_BYTES_MAX = 63;

export type ClientFrame =
  | { readonly type: "hello"; readonly wireVersion: number; readonly network: string; readonly chainId: Hex }
  | { readonly type: "request"; readonly requestId: bigint; readonly batch: Uint8Array }
  | { readonly type: "reply"; readonly requestId: bigint; readonly answer: ClientAnswer };

const TYPES = { hello: 1, request: 2, reply: 3 } as const;
const ANSWERS = { committed: 1, refused: 2 } as const;
const OUTCOMES = { executed: 1, refused: 2 } as const;

/** The payload of a frame, without its length. */
export function encodeClientFrame(frame: ClientFrame): Uint8Array {
  switch (frame.type) {
    case "hello": {
      const chain = fromHex(frame.chainId, HASH_BYTES);
      assert(chain !== undefined, "chain id is 32 bytes");
      return writer().u8(TYPES.hello).u16(frame.wireVersion).text(frame.network).fixed(chain).done();
    }
    case "request":
      return concatBytes(encodeRequestHead(frame.requestId), frame.batch);
    case "reply": {
      const out = writer().u8(TYPES.reply).u64(frame.requestId);
      writeAnswer(out, frame.answer);
      return out.done();
    }
    default:
      return unreachable(frame);
  }
}

/** What stands before the batch in the payload of a request, for senders that do not copy the batch behind it. */
export const encodeRequestHead = (requestId: bigint): Uint8Array => writer().u8(TYPES.request).u64(requestId).done();

export const parseClientFrame = (bytes: Uint8Array): Result<ClientFrame, "malformed"> => parse(bytes, readFrame);

function readFrame(input: Reader): ClientFrame {
  const type = input.u8();
  switch (type) {
    case TYPES.hello:
      return {
        type: "hello",
        wireVersion: input.u16(),
        network: input.text(NETWORK_BYTES_MAX),
        chainId: toHex(input.fixed(HASH_BYTES)),
      };
    case TYPES.request: {
      const requestId = input.u64();
      if (input.remaining() > BATCH_BYTES_MAX) throw new MalformedBytes("batch too long");
      return { type: "request", requestId, batch: input.fixed(input.remaining()) };
    }
    case TYPES.reply:
      return { type: "reply", requestId: input.u64(), answer: readAnswer(input) };
    default:
      throw new MalformedBytes(`frame type ${type}`);
  }
}

function writeAnswer(out: Writer, answer: ClientAnswer): void {
  switch (answer.type) {
    case "committed":
      writeOutcome(writeCounter(out.u8(ANSWERS.committed), answer.height), answer.outcome);
      return;
    case "refused":
      out
        .u8(ANSWERS.refused)
        .u8(answer.retryable ? 1 : 0)
        .text(cut(answer.reason));
      return;
    default:
      unreachable(answer);
  }
}

function readAnswer(input: Reader): ClientAnswer {
  const type = input.u8();
  if (type === ANSWERS.committed) {
    return { type: "committed", height: readCounter(input), outcome: readOutcome(input) };
  }
  if (type !== ANSWERS.refused) throw new MalformedBytes(`answer type ${type}`);
  const retryable = input.u8();
  if (retryable > 1) throw new MalformedBytes("retryable is neither 0 nor 1");
  return { type: "refused", retryable: retryable === 1, reason: input.text(REASON_BYTES_MAX) };
}

/** Canonical bytes of an outcome; also what a block's results root is made of. */
export function writeOutcome(out: Writer, outcome: BatchOutcome): Writer {
  if ("refused" in outcome) return out.u8(OUTCOMES.refused).text(cut(outcome.refused));
  out.u8(OUTCOMES.executed).u32(outcome.count).u32(outcome.failures.length);
  for (const failure of outcome.failures) out.u16(failure.index).text(failure.code);
  return out;
}

export function readOutcome(input: Reader): BatchOutcome {
  const type = input.u8();
  if (type === OUTCOMES.refused) return { refused: input.text(REASON_BYTES_MAX) };
  if (type !== OUTCOMES.executed) throw new MalformedBytes(`outcome type ${type}`);
  const count = input.count(BATCH_RECORDS_MAX);
  const failures: { index: number; code: string }[] = [];
  const length = input.count(count);
  for (let read = 0; read < length; read++) failures.push({ index: input.u16(), code: input.text(CODE_BYTES_MAX) });
  return { count, failures };
}

// A reason is for people: a long one is cut at the limit instead of making the frame unreadable.
const cut = (reason: string): string => {
  const bytes = new TextEncoder().encode(reason);
  return bytes.length <= REASON_BYTES_MAX ? reason : reason.slice(0, REASON_BYTES_MAX / 4);
};
