import { genesisFileSchema, networkFileSchema } from "../api/contract.ts";
import { accountPageInput, heightInput, idInput, positionPageInput } from "../api/json-contract.ts";
import { toHex } from "../base/bytes.ts";
import { createChain } from "../chain/chain.ts";
import { availabilityFault } from "../codec/availability.ts";
import { parseBlock, sealBlock } from "../codec/block.ts";
import { encodeRecord, isLinked, parseRecord, verifyRecord } from "../codec/block-record.ts";
import { parseCar, parseCarStub, sealCar } from "../codec/car.ts";
import { committeeOf, encodeCertificate, parseCertificate, verifyCertificate } from "../codec/certificate.ts";
import { encodeClientFrame, parseClientFrame } from "../codec/client-protocol.ts";
import { contradiction, evidenceProblem, readEvidence, writeEvidence } from "../codec/evidence.ts";
import { parse } from "../codec/parse.ts";
import { encodePayload, parsePayload } from "../codec/payload.ts";
import { encodePeerMessage, parsePeerMessage } from "../codec/peer-message.ts";
import { verify } from "../codec/signature.ts";
import { readVoteAnswer, writeVoteAnswer } from "../codec/vote-answer.ts";
import { writer } from "../codec/writer.ts";
import { encodeJournal, parseJournal } from "../consensus/journal.ts";
import { frameReader, lengthPrefix } from "../transport/frames.ts";
import { checkHello, encodeHello } from "../transport/hello.ts";
import { BACKUP_TARGETS } from "./backup-targets.ts";
import { CHAIN_TARGETS } from "./chain-targets.ts";
import { MESH_TARGETS } from "./mesh-targets.ts";
import { RECORD_TARGETS } from "./record-targets.ts";
import {
  BLOCKS,
  CARS,
  CERTIFICATES,
  CHAIN_ID,
  CLIENT_FRAMES,
  EVIDENCE,
  GENESIS,
  JOURNAL,
  NETWORK,
  PAYLOADS,
  PEER_MESSAGES,
  RECORDS,
  VOTE_ANSWERS,
} from "./samples.ts";
import { LOG_SEGMENTS, scanSegment } from "./segments.ts";
import { canonical, hold, type Target, toldOf } from "./target.ts";

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
  ...RECORD_TARGETS,
  {
    name: "car",
    samples: CARS.map(({ bytes }) => bytes),
    run: canonical(
      parseCar,
      (car) => sealCar(car, car.batches, () => car.signature).bytes,
      ({ number, batchCount, bytes }) => `${Math.min(number, 3)} ${batchCount} ${toldOf(parseCarStub(bytes))}`,
    ),
  },
  {
    name: "payload",
    samples: PAYLOADS.map(encodePayload),
    run: canonical(parsePayload, encodePayload, ({ tips, certificates }) => {
      const faults = certificates.map((certificate) => availabilityFault(certificate, setting) ?? "ok");
      return `${tips.length} ${faults.slice(0, 3).join()}`;
    }),
  },
  {
    name: "evidence",
    samples: EVIDENCE.map((each) => writeEvidence(writer(), each).done()),
    run: canonical(
      (input) => parse(input, readEvidence),
      (value) => writeEvidence(writer(), value).done(),
      (value) => evidenceProblem(value, { chainId: CHAIN_ID, verify, contradicts: contradiction }) ?? value.kind,
    ),
  },
  {
    name: "vote-answer",
    samples: VOTE_ANSWERS.map((each) => writeVoteAnswer(writer(), each).done()),
    run: canonical(
      (input) => parse(input, readVoteAnswer),
      (value) => writeVoteAnswer(writer(), value).done(),
      ({ entry }) => entry?.ballot.kind ?? "no entry",
    ),
  },
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
  ...CHAIN_TARGETS,
  ...BACKUP_TARGETS,
  ...MESH_TARGETS,
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
