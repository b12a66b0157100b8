import { assert } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import type { Result } from "../base/result.ts";
import type { LaneTip } from "../chain/types.ts";
import { BATCH_BYTES_MAX, batchId, parseBatch, payloadIsSigned } from "./batch.ts";
import { HASH_BYTES, sha256Hex } from "./hash.ts";
import { hashBytes, parse, readCounter, readHash, writeCounter } from "./parse.ts";
import { MalformedBytes, type Reader } from "./reader.ts";
import { SIGNATURE_BYTES } from "./signature.ts";
import { type Writer, writer } from "./writer.ts";

export const CAR_BATCHES_MAX = 1024;
/** Of all batches of one car; a car is larger by its header, its signature and four bytes per batch. */
export const CAR_BYTES_MAX = 4 * 1024 * 1024;

const CAR_DOMAIN = new TextEncoder().encode("hmn/car/1\n");
const CAR_SIGNING_DOMAIN = new TextEncoder().encode("hmn/car-signature/1\n");
const HEADER_BYTES = 4 + 8 + 8 + HASH_BYTES + HASH_BYTES + 4 + 4;
/** `previous` of the first car of an incarnation. */
export const NO_CAR: Hex = "0".repeat(2 * HASH_BYTES);

/**
 * A place in a lane. An incarnation counts its cars from 1 and is named by the wall-clock nanoseconds of its opening; a node
 * that lost its lane's state opens a new one (rule 8).
 */
export type { LaneTip as Tip };

/** What a car's digest covers. */
export type CarHeader = {
  readonly validator: number;
  readonly incarnation: bigint;
  readonly number: number;
  /** Digest of the car before; `NO_CAR` at number 1. So one digest names the lane up to here. */
  readonly previous: Hex;
  readonly batchesHash: Hex;
  readonly batchCount: number;
  /** Of all batches together. */
  readonly byteLength: number;
};

/** One numbered piece of a validator's lane. The batches are views into `bytes`. */
export type Car = CarStub & {
  readonly batches: readonly Uint8Array[];
  readonly ids: readonly Hex[];
  readonly bytes: Uint8Array;
};

/** Digest of a car: SHA-256 over its header, which covers the batches by their ids. */
export const hashCar = (header: CarHeader): Hex => sha256Hex(CAR_DOMAIN, encodeHeader(header));

/** The bytes that the lane's validator signs. */
export const carMessage = (chainId: Hex, digest: Hex): Uint8Array =>
  writer().fixed(CAR_SIGNING_DOMAIN).fixed(hashBytes(chainId)).fixed(hashBytes(digest)).done();

/** A car of the validator's next batches, which are within the limits; `sign` is over `carMessage`. */
export function sealCar(
  place: Pick<CarHeader, "validator" | "incarnation" | "number" | "previous">,
  batches: readonly Uint8Array[],
  sign: (digest: Hex) => Uint8Array,
): Car {
  const ids = batches.map(batchId);
  const byteLength = batches.reduce((sum, batch) => sum + batch.length, 0);
  assert(batches.length >= 1 && batches.length <= CAR_BATCHES_MAX, "a car holds a batch, and not too many");
  assert(byteLength <= CAR_BYTES_MAX, "a car's batches are within its bytes");
  const header: CarHeader = {
    validator: place.validator,
    incarnation: place.incarnation,
    number: place.number,
    previous: place.previous,
    batchesHash: hashOfIds(ids),
    batchCount: batches.length,
    byteLength,
  };
  const digest = hashCar(header);
  const signature = sign(digest);
  const bytes = new Uint8Array(HEADER_BYTES + SIGNATURE_BYTES + 4 * batches.length + byteLength);
  bytes.set(encodeHeader(header), 0);
  bytes.set(signature, HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  let at = HEADER_BYTES + SIGNATURE_BYTES;
  const placed = batches.map((batch) => {
    view.setUint32(at, batch.length, true);
    bytes.set(batch, at + 4);
    at += 4 + batch.length;
    return bytes.subarray(at - batch.length, at);
  });
  return { ...header, digest, signature, batches: placed, ids, bytes };
}

/**
 * The car of outside bytes. Its form holds: limits, the header's hash of the batches, each batch's form and each payload's
 * hash, so that equal digests mean equal batches. Nobody's signature is checked here.
 */
export const parseCar = (bytes: Uint8Array): Result<Car, "malformed"> => parse(bytes, (from) => readCar(from, bytes));

/** Batches of a car that was checked when it came, as the log holds it: nothing is hashed again. */
export const parseCarBatches = (bytes: Uint8Array): Result<CarBatches, "malformed"> =>
  parse(bytes, (from) => {
    const stub = readStub(from);
    return { stub, batches: Array.from({ length: stub.batchCount }, () => from.bytes(BATCH_BYTES_MAX)) };
  });
export type CarBatches = { readonly stub: CarStub; readonly batches: readonly Uint8Array[] };

/** A car's place in its lane and what proves it, without its batches: enough to see whether the rest is worth reading. */
export type CarStub = CarHeader & {
  readonly digest: Hex;
  /** The validator's, by its consensus key. */
  readonly signature: Uint8Array;
};

/** Reads no batch: `parseCar` says whether they are the header's. */
export const parseCarStub = (bytes: Uint8Array): Result<CarStub, "malformed"> =>
  parse(bytes.subarray(0, HEADER_BYTES + SIGNATURE_BYTES), readStub);

function readStub(from: Reader): CarStub {
  const header = readHeader(from);
  return { ...header, digest: hashCar(header), signature: from.fixed(SIGNATURE_BYTES) };
}

function readCar(from: Reader, bytes: Uint8Array): Car {
  const stub = readStub(from);
  const batches: Uint8Array[] = [];
  const ids: Hex[] = [];
  let byteLength = 0;
  for (let index = 0; index < stub.batchCount; index++) {
    const batch = from.bytes(BATCH_BYTES_MAX);
    const parsed = parseBatch(batch);
    if (!parsed.ok) throw new MalformedBytes(`batch ${index}: ${parsed.detail ?? parsed.reason}`);
    if (!payloadIsSigned(parsed.value)) throw new MalformedBytes(`batch ${index}: its payload is another`);
    byteLength += batch.length;
    batches.push(batch);
    ids.push(parsed.value.id);
  }
  if (byteLength !== stub.byteLength) throw new MalformedBytes("the batches are not as long as the header says");
  if (hashOfIds(ids) !== stub.batchesHash) throw new MalformedBytes("the batches are not the header's");
  return { ...stub, batches, ids, bytes };
}

function encodeHeader(header: CarHeader): Uint8Array {
  const to = writer().u32(header.validator).u64(header.incarnation);
  return writeCounter(to, header.number)
    .fixed(hashBytes(header.previous))
    .fixed(hashBytes(header.batchesHash))
    .u32(header.batchCount)
    .u32(header.byteLength)
    .done();
}

function readHeader(from: Reader): CarHeader {
  const header = {
    validator: from.u32(),
    incarnation: from.u64(),
    number: readCounter(from),
    previous: readHash(from),
    batchesHash: readHash(from),
    batchCount: from.count(CAR_BATCHES_MAX),
    byteLength: from.count(CAR_BYTES_MAX),
  };
  if (header.number === 0) throw new MalformedBytes("cars count from 1");
  if (header.batchCount === 0) throw new MalformedBytes("a car holds a batch");
  if ((header.number === 1) !== (header.previous === NO_CAR))
    throw new MalformedBytes("only the first car follows none");
  return header;
}

const hashOfIds = (ids: readonly Hex[]): Hex => sha256Hex(...ids.map(hashBytes));

export const tipOfCar = ({ validator, incarnation, number, digest }: LaneTip): LaneTip => ({
  validator,
  incarnation,
  number,
  digest,
});

/** Whether `tip` is further on in its lane than `from`; any place is further on than none. */
export const isBeyond = (tip: Pick<LaneTip, "incarnation" | "number">, from: LaneTip | undefined): boolean =>
  from === undefined ||
  tip.incarnation > from.incarnation ||
  (tip.incarnation === from.incarnation && tip.number > from.number);

export const writeTip = (to: Writer, { validator, incarnation, number, digest }: LaneTip): Writer =>
  writeCounter(to.u32(validator).u64(incarnation), number).fixed(hashBytes(digest));

export function readTip(from: Reader): LaneTip {
  const tip = { validator: from.u32(), incarnation: from.u64(), number: readCounter(from), digest: readHash(from) };
  if (tip.number === 0) throw new MalformedBytes("cars count from 1");
  return tip;
}

export const equalTips = (a: LaneTip, b: LaneTip): boolean =>
  a.validator === b.validator && a.incarnation === b.incarnation && a.number === b.number && a.digest === b.digest;
