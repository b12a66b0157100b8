import { fromHex, type Hex, toHex } from "../base/bytes.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import { nanos } from "../base/units.ts";
import { type BlockHeader, encodeHeader, readHeader } from "../codec/block.ts";
import { encodeCertificate, isFinalization, parseCertificate } from "../codec/certificate.ts";
import { parse } from "../codec/parse.ts";
import { U128_MAX } from "../codec/transfer.ts";
import type { MerklePath } from "./merkle.ts";
import type { AccountProof, BatchProof, EpochProof, FinalHeader, ResultsProof, StateProof } from "./proof.ts";
import type { AnchorProof } from "./proof-anchor.ts";
import type { BatchOutcome, Member } from "./types.ts";

export type Proof = BatchProof | AccountProof | AnchorProof;

/** Proofs as JSON: hashes, keys, headers and certificates in hexadecimal, large numbers as decimal texts. */
const PROOF_FORMAT = "hmn proof 1";

export const writeProof = (proof: Proof): string => JSON.stringify(proofObject(proof), undefined, 2);
export const proofObject = (proof: Proof): object => ({ format: PROOF_FORMAT, ...plain(proof) });

/** The proof in a file; what it says is for `checkBatchProof`, `checkAccountProof` and `checkAnchorProof`. Never throws on outside text. */
export function parseProof(text: string): Result<Proof, "proof_malformed"> {
  try {
    return proofFrom(JSON.parse(text));
  } catch (cause) {
    if (cause instanceof SyntaxError) return refuse("proof_malformed", cause.message);
    throw cause;
  }
}

/** The same from parsed JSON. */
export function proofFrom(value: unknown): Result<Proof, "proof_malformed"> {
  try {
    const file = fields(value);
    if (file("format") !== PROOF_FORMAT) return refuse("proof_malformed", `the format is not ${PROOF_FORMAT}`);
    return accept(readProof(file));
  } catch (cause) {
    if (cause instanceof MalformedProof) return refuse("proof_malformed", cause.message);
    throw cause;
  }
}

/** The same for what a state was, which goes with a backup. */
export const writeStateProof = (proof: StateProof): string =>
  JSON.stringify({
    ...{ format: PROOF_FORMAT, kind: "state", block: plainFinal(proof.block) },
    ...{ checkpoint: plainCheckpoint(proof.checkpoint), ...plainResults(proof) },
  });

export function parseStateProof(text: string): Result<StateProof, "proof_malformed"> {
  try {
    const file = fields(JSON.parse(text));
    if (file("format") !== PROOF_FORMAT || file("kind") !== "state")
      return refuse("proof_malformed", `it is no ${PROOF_FORMAT} of a state`);
    const block = readFinal(file("block"));
    const checkpoint = readCheckpoint(file("checkpoint"));
    return accept({ kind: "state", chainId: hash(file("chainId")), block, checkpoint, ...readResults(file) });
  } catch (cause) {
    if (cause instanceof MalformedProof || cause instanceof SyntaxError)
      return refuse("proof_malformed", cause.message);
    throw cause;
  }
}

const U64_MAX = (1n << 64n) - 1n;

class MalformedProof extends Error {
  override readonly name = "MalformedProof";
}

function plain(proof: Proof): object {
  const { place } = proof;
  const results = { ...plainResults(proof), place: { ...place, path: place.path.map(toHex) } };
  if (proof.kind !== "account") {
    const { kind, batch, outcome } = proof;
    const said = proof.kind === "anchor" ? { index: proof.index, content: toHex(proof.content) } : {};
    return { kind, batch, outcome, ...said, ...results };
  }
  const { account, bucket, checkpoint } = proof;
  return {
    ...{ kind: "account", account: String(account), bucket: toHex(bucket) },
    ...{ checkpoint: plainCheckpoint(checkpoint), ...results },
  };
}

const plainResults = ({ chainId, epochs, final, before, steps }: ResultsProof & { readonly chainId: Hex }) => ({
  ...{ chainId, before, steps, final: plainFinal(final) },
  epochs: epochs.map(({ members, parametersHash, ...closing }) => ({
    ...plainFinal(closing),
    members,
    parametersHash,
  })),
});

const plainCheckpoint = ({ height, time, subroots }: AccountProof["checkpoint"]) => ({
  height,
  time: String(time),
  subroots: subroots.map(({ name, root }) => ({ name, root: toHex(root) })),
});

const plainFinal = ({ header, headers, certificate }: FinalHeader): object => ({
  header: toHex(encodeHeader(header)),
  headers: headers.map((one) => toHex(encodeHeader(one))),
  certificate: toHex(encodeCertificate(certificate)),
});

type Fields = (name: string) => unknown;

function readProof(file: Fields): Proof {
  const shared = { chainId: hash(file("chainId")), place: readPath(file("place")), ...readResults(file) };
  const ofBatch = () => ({ batch: hash(file("batch")), outcome: readOutcome(file("outcome")), ...shared });
  switch (file("kind")) {
    case "batch":
      return { kind: "batch", ...ofBatch() };
    case "anchor":
      return { kind: "anchor", ...ofBatch(), index: counter(file("index")), content: bytes(file("content")) };
    case "account":
      return {
        ...{ kind: "account", account: decimal(file("account"), U128_MAX), bucket: bytes(file("bucket")) },
        ...{ checkpoint: readCheckpoint(file("checkpoint")), ...shared },
      };
    default:
      throw new MalformedProof("kind is none of batch, account and anchor");
  }
}

function readCheckpoint(value: unknown): AccountProof["checkpoint"] {
  const checkpoint = fields(value);
  return {
    height: counter(checkpoint("height")),
    time: nanos(decimal(checkpoint("time"), U64_MAX)),
    subroots: list(checkpoint("subroots")).map((one) => {
      const subroot = fields(one);
      return { name: text(subroot("name")), root: bytes(subroot("root"), 32) };
    }),
  };
}

const readResults = (file: Fields): ResultsProof => ({
  before: hash(file("before")),
  steps: list(file("steps")).map((one) => {
    const step = fields(one);
    const resultsRoot = hash(step("resultsRoot"));
    return step("checkpointRoot") === undefined
      ? { resultsRoot }
      : { resultsRoot, checkpointRoot: hash(step("checkpointRoot")) };
  }),
  final: readFinal(file("final")),
  epochs: list(file("epochs")).map(readEpoch),
});

function readEpoch(value: unknown): EpochProof {
  const epoch = fields(value);
  const members = list(epoch("members")).map((one): Member => {
    const member = fields(one);
    return { id: counter(member("id")), weight: counter(member("weight")), publicKey: hash(member("publicKey")) };
  });
  return { ...readFinal(value), members, parametersHash: hash(epoch("parametersHash")) };
}

function readFinal(value: unknown): FinalHeader {
  const final = fields(value);
  const certificate = parseCertificate(bytes(final("certificate")));
  if (!certificate.ok || !isFinalization(certificate.value)) throw new MalformedProof("certificate is not of finality");
  return {
    header: header(final("header")),
    headers: list(final("headers")).map(header),
    certificate: certificate.value,
  };
}

function header(value: unknown): BlockHeader {
  const parsed = parse(bytes(value), readHeader);
  if (!parsed.ok) throw new MalformedProof("a header is malformed");
  return parsed.value;
}

function readPath(value: unknown): MerklePath {
  const place = fields(value);
  return {
    index: counter(place("index")),
    size: counter(place("size")),
    path: list(place("path")).map((one) => bytes(one, 32)),
  };
}

function readOutcome(value: unknown): BatchOutcome {
  const outcome = fields(value);
  if (outcome("refused") !== undefined) return { refused: text(outcome("refused")) };
  const failures = list(outcome("failures")).map((one) => {
    const failure = fields(one);
    return { index: counter(failure("index")), code: text(failure("code")) };
  });
  // An outcome is hashed with 16 bits for an index and 32 for the count: no other number may stand for one.
  if (failures.some(({ index }) => index > 0xffff)) throw new MalformedProof("an index is too large");
  const count = counter(outcome("count"));
  if (count > 0xffff_ffff) throw new MalformedProof("a count is too large");
  return { count, failures };
}

function fields(value: unknown): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new MalformedProof("an object is missing");
  const entries = new Map(Object.entries(value));
  return (name) => entries.get(name);
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new MalformedProof("a list is missing");
  return value;
}

function text(value: unknown): string {
  if (typeof value !== "string") throw new MalformedProof("a text is missing");
  return value;
}

function bytes(value: unknown, length?: number): Uint8Array {
  const found = fromHex(text(value), length);
  if (found === undefined) throw new MalformedProof(`${text(value).slice(0, 80)} is no hexadecimal text of its length`);
  return found;
}

const hash = (value: unknown): Hex => toHex(bytes(value, 32));

function decimal(value: unknown, max: bigint): bigint {
  const number = /^[0-9]{1,39}$/.test(text(value)) ? BigInt(text(value)) : undefined;
  if (number === undefined || number > max) throw new MalformedProof(`a decimal number up to ${max} is missing`);
  return number;
}

function counter(value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
    throw new MalformedProof("a whole number is missing");
  return value;
}
