import { genesisFileSchema, networkFileSchema } from "../api/contract.ts";
import { accountPageInput, heightInput, idInput, positionPageInput } from "../api/json-contract.ts";
import { equalBytes, toHex } from "../base/bytes.ts";
import type { Result } from "../base/result.ts";
import { createChain } from "../chain/chain.ts";
import { ACCOUNT_RECORD_BYTES, decodeAccountRecords, verifyAccountRecord } from "../codec/account.ts";
import { encodeBatch, parseBatch, verifyBatch } from "../codec/batch.ts";
import { parseBlock, sealBlock } from "../codec/block.ts";
import { encodeRecord, isLinked, parseRecord, verifyRecord } from "../codec/block-record.ts";
import { committeeOf, encodeCertificate, parseCertificate, verifyCertificate } from "../codec/certificate.ts";
import { encodeClientFrame, parseClientFrame } from "../codec/client-protocol.ts";
import { encodePeerMessage, parsePeerMessage } from "../codec/peer-message.ts";
import { keyPairFromSeed, verify } from "../codec/signature.ts";
import { decodeTransfers, encodeTransfers, TRANSFER_BYTES } from "../codec/transfer.ts";
import { encodeJournal, parseJournal } from "../consensus/journal.ts";
import { frameReader, lengthPrefix } from "../transport/frames.ts";
import { checkHello, encodeHello } from "../transport/hello.ts";
import {
  ACCOUNT_LISTS,
  BATCHES,
  BLOCKS,
  CERTIFICATES,
  CHAIN_ID,
  CLIENT_FRAMES,
  GENESIS,
  JOURNAL,
  NETWORK,
  PEER_MESSAGES,
  RECORDS,
  TRANSFER_LISTS,
} from "./samples.ts";
import { LOG_SEGMENTS, scanSegment } from "./segments.ts";
import { hold, type Target } from "./target.ts";

const FRAME_BYTES_MAX = 4096;
const committee = committeeOf(
  [0, 1, 2, 3].map((id) => ({ id, weight: 25, publicKey: GENESIS.validators[id]?.consensusKey ?? "" })),
);
const setting = { chainId: CHAIN_ID, committee, verify };
const text = new TextEncoder();

/** Every parser of outside bytes. */
export const TARGETS: readonly Target[] = [
  { name: "frames", samples: CLIENT_FRAMES.map(encodeClientFrame).map(framed), run: cutFrames },
  {
    name: "hello",
    samples: [encodeHello({ versions: { min: 1, max: 1 }, chainId: CHAIN_ID })],
    run: (input) => toldOf(checkHello(input, { versions: { min: 1, max: 1 }, chainId: CHAIN_ID })),
  },
  {
    name: "peer-message",
    samples: PEER_MESSAGES.map(encodePeerMessage),
    run: canonical(parsePeerMessage, encodePeerMessage, ({ type }) => type),
  },
  {
    name: "client-frame",
    samples: CLIENT_FRAMES.map(encodeClientFrame),
    run: canonical(parseClientFrame, encodeClientFrame, ({ type }) => type),
  },
  { name: "batch", samples: BATCHES, run: readBatch },
  { name: "transfers", samples: TRANSFER_LISTS, run: readTransfers },
  { name: "accounts", samples: ACCOUNT_LISTS, run: readAccounts },
  {
    name: "certificate",
    samples: CERTIFICATES.map(encodeCertificate),
    run: canonical(parseCertificate, encodeCertificate, (value) => toldOf(verifyCertificate(value, setting))),
  },
  {
    name: "block",
    samples: BLOCKS.map(({ bytes }) => bytes),
    run: canonical(
      parseBlock,
      (block) => sealBlock(block).bytes,
      (block) => String(sealBlock(block).hash === block.hash),
    ),
  },
  {
    name: "block-record",
    samples: RECORDS.map(encodeRecord),
    run: canonical(
      parseRecord,
      encodeRecord,
      (record) => `${isLinked(record)} ${toldOf(verifyRecord(record, setting))}`,
    ),
  },
  {
    name: "journal-record",
    samples: JOURNAL.map(encodeJournal),
    run: canonical(parseJournal, encodeJournal, ({ type }) => type),
  },
  { name: "log-segment", samples: LOG_SEGMENTS, run: scanSegment },
  { name: "genesis", json: true, samples: [text.encode(JSON.stringify(GENESIS))], run: readGenesis },
  { name: "network", json: true, samples: [text.encode(JSON.stringify(NETWORK))], run: readSchema(networkFileSchema) },
  {
    name: "query-accounts",
    json: true,
    samples: [text.encode('{"after":"18446744073709551616","limit":"100"}')],
    run: readSchema(accountPageInput),
  },
  {
    name: "query-journal",
    json: true,
    samples: [text.encode('{"after":"12","limit":"1000"}')],
    run: readSchema(positionPageInput),
  },
  {
    name: "path-id",
    json: true,
    samples: [text.encode('{"id":"340282366920938463463374607431768211455"}')],
    run: readSchema(idInput),
  },
  {
    name: "path-height",
    json: true,
    samples: [text.encode('{"height":"999999999999999"}')],
    run: readSchema(heightInput),
  },
];

function toldOf(result: Result<unknown>): string {
  return result.ok
    ? "ok"
    : `${result.reason} ${(result.detail ?? "").replaceAll(/[0-9a-f]{2,}|\d+/g, "#").slice(0, 60)}`;
}

/** One value has one encoding: what is accepted is what its encoder writes. */
function canonical<T>(
  parse: (input: Uint8Array) => Result<T>,
  encode: (value: T) => Uint8Array,
  then: (value: T) => string,
): Target["run"] {
  return (input) => {
    const parsed = parse(input);
    if (!parsed.ok) return toldOf(parsed);
    hold(equalBytes(encode(parsed.value), input), "an accepted input is its own encoding");
    return `ok ${then(parsed.value)}`;
  };
}

function framed(frame: Uint8Array): Uint8Array {
  return new Uint8Array(
    Buffer.concat(
      [lengthPrefix(frame.length), frame, lengthPrefix(0), lengthPrefix(1), [0]].map((part) => Uint8Array.from(part)),
    ),
  );
}

/** However the stream is cut into chunks, the same frames come out, and nothing of it is invented. */
function cutFrames(input: Uint8Array): string {
  const cut = (size: number): { frames: readonly Uint8Array[]; ended: boolean } => {
    const reader = frameReader(FRAME_BYTES_MAX);
    const frames: Uint8Array[] = [];
    for (let at = 0; at < input.length; at += size) {
      const found = reader.push(input.subarray(at, at + size));
      if (!found.ok) return { frames, ended: true };
      frames.push(...found.value);
    }
    return { frames, ended: false };
  };
  const bytewise = cut(1);
  const whole = cut(Math.max(1, input.length));
  const again = Buffer.concat(bytewise.frames.flatMap((frame) => [lengthPrefix(frame.length), frame]));
  hold(again.equals(input.subarray(0, again.length)), "frames are what stood in the stream");
  hold(whole.ended === bytewise.ended, "a frame that is too long is refused however it comes");
  // A push that ends in a refusal hands nothing out, so only whole streams can be compared.
  if (!whole.ended)
    hold(toHex(Buffer.concat(whole.frames)) === toHex(Buffer.concat(bytewise.frames)), "chunks change nothing");
  return `${bytewise.frames.length} ${bytewise.ended}`;
}

function readBatch(input: Uint8Array): string {
  const parsed = parseBatch(input);
  if (!parsed.ok) return toldOf(parsed);
  const { type, payload, chainId, stream, sequence, expiryMs } = parsed.value;
  const keyPair = { ...keyPairFromSeed(new Uint8Array(32)), publicKey: parsed.value.publicKey };
  const again = encodeBatch({ type, payload, chainId, keyPair, stream, sequence, expiryMs });
  // Its signature and its hash of the payload are the client's affair and judged later.
  hold(equalBytes(again.subarray(0, 96), input.subarray(0, 96)), "an accepted header is its own encoding");
  if (type === "transfers") readTransfers(payload);
  else readAccounts(payload);
  return `ok ${toldOf(verifyBatch(parsed.value))}`;
}

function readTransfers(input: Uint8Array): string {
  const whole = input.subarray(0, input.length - (input.length % TRANSFER_BYTES));
  const transfers = decodeTransfers(whole);
  hold(equalBytes(encodeTransfers(transfers), whole), "every record is its own encoding");
  return `${Math.min(transfers.length, 4)}`;
}

function readAccounts(input: Uint8Array): string {
  const records = decodeAccountRecords(input.subarray(0, input.length - (input.length % ACCOUNT_RECORD_BYTES)));
  return records
    .map((record) => `${record.reservedZero} ${verifyAccountRecord(record, CHAIN_ID)}`)
    .slice(0, 3)
    .join();
}

function parseJson(input: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(input));
  } catch {
    return undefined;
  }
}

function readGenesis(input: Uint8Array): string {
  const parsed = genesisFileSchema.safeParse(parseJson(input));
  if (!parsed.success) return issueOf(parsed.error.issues);
  const chain = createChain(parsed.data);
  return `ok ${chain.ok ? "chain" : chain.reason}`;
}

type Schema = {
  safeParse(
    input: unknown,
  ):
    | { success: true; data: unknown }
    | { success: false; error: { issues: readonly { code?: string | undefined; path: readonly PropertyKey[] }[] } };
};

function readSchema(schema: Schema): Target["run"] {
  return (input) => {
    const parsed = schema.safeParse(parseJson(input));
    return parsed.success ? "ok" : issueOf(parsed.error.issues);
  };
}

function issueOf([issue]: readonly { code?: string | undefined; path: readonly PropertyKey[] }[]): string {
  return `${issue?.code} ${issue?.path.map((part) => (typeof part === "number" ? "#" : String(part))).join(".")}`;
}
