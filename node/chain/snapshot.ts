import type { GenesisFile } from "../api/contract.ts";
import { assert, present } from "../base/assert.ts";
import { concatBytes, type Hex } from "../base/bytes.ts";
import { accept, type Refusal, type Result, refuse } from "../base/result.ts";
import { type Nanos, nanos } from "../base/units.ts";
import { hashBytes, parse, readCounter, readFlag, readHash, writeCounter } from "../codec/parse.ts";
import { MalformedBytes, type Reader } from "../codec/reader.ts";
import { type Writer, writer } from "../codec/writer.ts";
import { exportLedger } from "../ledger/snapshot-export.ts";
import { importLedger } from "../ledger/snapshot-import.ts";
import { type Chain, fold, versionFault } from "./chain.ts";
import { firstInUse, headsInUse } from "./chain-root.ts";
import { readCoherence, writeCoherence } from "./coherence-bytes.ts";
import { type Genesis, parseGenesis } from "./genesis.ts";
import type { Governance } from "./governance.ts";
import { readGovernance, writeGovernance } from "./governance-bytes.ts";
import { HEADS_KEPT, type Head, type ResultsStep, resultsHashAfter } from "./heads.ts";
import { readList, writeList } from "./lists.ts";
import { STATE_VERSION_MAX } from "./parameters.ts";
import { CHAIN_RULES } from "./rules.ts";
import { stateRoot } from "./state-root.ts";
import { readStreamPart, streamParts } from "./stream-bytes.ts";
import { createStreams, restoreStream, type Streams } from "./streams.ts";
import type { LaneTip } from "./types.ts";
import { COUNTED_EPOCHS, readCounts, type VoteCounts, writeCounts } from "./vote-counts.ts";

/** First byte of a part. They come in this order. */
const PARTS = { chain: 1, stream: 2, ledger: 3 } as const;
const SLICE_BYTES = 192 * 1024;
/** Room for the counts of three epochs of an hour with 100 validators. */
const CHAIN_BYTES_MAX = 1 << 28;
const SNAPSHOT_VERSION = 3;
const LANES_MAX = 1 << 16;

/**
 * The state after a checkpoint block, in parts that are pulled while execution goes on: all of it as it is now. Called right
 * after the block; one snapshot is under way at a time, and it is given up when the next one begins.
 */
export function exportChain(chain: Chain): () => Uint8Array | undefined {
  assert(chain.checkpoint.height === chain.height, "a snapshot is of a checkpoint");
  const head = chainBytes(chain);
  let sent = 0;
  const nextOfStreams = exportStreams(chain);
  const nextOfLedger = exportLedger(chain.ledger);
  return () => {
    if (sent < head.length) {
      sent += SLICE_BYTES;
      return tagged(PARTS.chain, head.subarray(sent - SLICE_BYTES, sent));
    }
    const stream = nextOfStreams();
    if (stream !== undefined) return tagged(PARTS.stream, stream);
    const slice = nextOfLedger();
    return slice === undefined ? undefined : tagged(PARTS.ledger, slice);
  };
}

/** Streams that are about to change are saved first, the others when they are asked for. */
function exportStreams({ streams }: Chain): () => Uint8Array | undefined {
  const left = new Map(streams.streams);
  const saved: Uint8Array[] = [];
  const save = (name: string): void => {
    const stream = left.get(name);
    if (stream === undefined) return;
    left.delete(name);
    saved.push(...streamParts(stream));
  };
  streams.beforeChange = save;
  return () => {
    if (saved.length === 0) for (const name of [...left.keys()].slice(0, 1)) save(name);
    if (left.size === 0 && streams.beforeChange === save) streams.beforeChange = undefined;
    return saved.shift();
  };
}

const tagged = (tag: number, bytes: Uint8Array): Uint8Array => writer().u8(tag).fixed(bytes).done();

/** What the chain keeps beside streams and ledger. */
function chainBytes(chain: Chain): Uint8Array {
  const out = writer().u16(SNAPSHOT_VERSION).fixed(hashBytes(chain.genesis.chainId));
  writeCounter(out, chain.height).u64(chain.time);
  writeHeads(out, headsInUse(chain));
  out.u32(chain.counts.length);
  for (const counts of chain.counts) writeCounts(out, counts);
  const tips = [...chain.lanes.values()].toSorted((a, b) => a.validator - b.validator);
  out.u32(tips.length);
  for (const { validator, incarnation, number, digest } of tips)
    writeCounter(out.u32(validator).u64(incarnation), number).fixed(hashBytes(digest));
  return out.done();
}

/**
 * Blocks that changed nothing of the governance share one, and those of an epoch its coherence; each stands once. The first
 * head comes without its step, which nothing here could prove.
 */
function writeHeads(out: Writer, heads: readonly Head[]): void {
  const governances = [...new Set(heads.map(({ governance }) => governance))];
  const coherences = [...new Set(governances.map(({ coherence }) => coherence))];
  writeList(out, coherences, writeCoherence);
  writeList(out, governances, (to, governance) =>
    writeGovernance(to.u32(coherences.indexOf(governance.coherence)), governance),
  );
  const [first, ...others] = heads;
  const newest = present(heads.at(-1), "there is a newest head");
  writeCounter(writeCounter(out.u32(others.length), first?.height ?? newest.height), newest.executedHeight);
  for (const head of heads) {
    const { hash, resultsHash, step, governance } = head;
    out.fixed(hashBytes(hash)).fixed(hashBytes(resultsHash)).u32(governances.indexOf(governance));
    if (head === first) continue;
    const { resultsRoot, checkpointRoot } = present(step, "a head after another one has a step");
    out.fixed(hashBytes(resultsRoot)).u8(checkpointRoot === undefined ? 0 : 1);
    if (checkpointRoot !== undefined) out.fixed(hashBytes(checkpointRoot));
  }
}

function readHeads(from: Reader): readonly Head[] {
  const coherences = readList(from, HEADS_KEPT, readCoherence);
  const governances = readList(from, HEADS_KEPT, (): Governance => {
    const coherence = coherences[from.u32()];
    if (coherence === undefined) throw new MalformedBytes("a governance without coherence");
    return readGovernance(from, coherence);
  });
  const others = from.count(HEADS_KEPT - 1);
  const firstHeight = readCounter(from);
  // Of the newest one; nobody asks the others for theirs any more.
  const executedHeight = readCounter(from);
  const heads: Head[] = [];
  for (let index = 0; index <= others; index++) {
    const fields = {
      height: firstHeight + index,
      executedHeight,
      hash: readHash(from),
      resultsHash: readHash(from),
    };
    const governance = governances[from.u32()];
    if (governance === undefined) throw new MalformedBytes("a head without a governance");
    const before = heads.at(-1);
    if (before === undefined) heads.push({ ...fields, governance });
    else heads.push({ ...fields, governance, step: readStep(from, before.resultsHash, fields.resultsHash) });
  }
  return heads;
}

function readStep(from: Reader, before: Hex, after: Hex): ResultsStep {
  const resultsRoot = readHash(from);
  const step = readFlag(from) ? { resultsRoot, checkpointRoot: readHash(from) } : { resultsRoot };
  if (resultsHashAfter(before, step) !== after) throw new MalformedBytes("a head does not follow the one before");
  return step;
}

/** What `chainBytes` wrote. */
type ChainPart = {
  readonly chainId: Hex;
  readonly height: number;
  readonly time: Nanos;
  readonly heads: readonly Head[];
  readonly counts: readonly VoteCounts[];
  readonly lanes: ReadonlyMap<number, LaneTip>;
};

function readChainPart(from: Reader): ChainPart {
  if (from.u16() !== SNAPSHOT_VERSION) throw new MalformedBytes(`not a snapshot of version ${SNAPSHOT_VERSION}`);
  const part = { chainId: readHash(from), height: readCounter(from), time: nanos(from.u64()), heads: readHeads(from) };
  const counts: VoteCounts[] = [];
  for (let left = from.count(COUNTED_EPOCHS); left > 0; left--) counts.push(readCounts(from));
  const lanes = new Map<number, LaneTip>();
  for (let left = from.count(LANES_MAX); left > 0; left--) {
    const tip = { validator: from.u32(), incarnation: from.u64(), number: readCounter(from), digest: readHash(from) };
    lanes.set(tip.validator, tip);
  }
  const [first, newest] = [part.heads[0], part.heads.at(-1)];
  if (newest?.height !== part.height || first?.height !== firstInUse(newest))
    throw new MalformedBytes("heads are missing, or too many");
  return { ...part, counts, lanes };
}

/**
 * The chain of a snapshot. Its state root is `checkpointOf(chain).stateRoot`, computed here from everything that was read:
 * the caller compares it with the one that it trusts, and nothing of a snapshot counts before.
 */
export function importChain(
  file: GenesisFile,
  parts: Iterable<Uint8Array>,
  stateVersionMax = STATE_VERSION_MAX,
  rules = CHAIN_RULES,
): Result<Chain> {
  const genesis = parseGenesis(file);
  if (!genesis.ok) return genesis;
  const { chainId } = genesis.value;
  const read: PartsRead = { chainId, slices: [], streams: createStreams(), chain: undefined, fault: undefined };
  const ledger = importLedger(ledgerParts(parts, read));
  if (read.fault !== undefined) return read.fault;
  if (!ledger.ok) return ledger;
  if (read.chain === undefined) return refuse("snapshot_malformed", "it ends within the chain's part");
  const { chain, streams } = read;
  return assemble(genesis.value, { ...chain, ledger: rules.restored(ledger.value), streams, stateVersionMax, rules });
}

type PartsRead = {
  readonly chainId: Hex;
  readonly slices: Uint8Array[];
  readonly streams: Streams;
  /** Known once the slices are all there: with the first part of another kind. */
  chain: ChainPart | undefined;
  fault: Refusal | undefined;
};

/** The ledger's parts come last, and the ledger pulls them: those before are read on the way. */
function* ledgerParts(parts: Iterable<Uint8Array>, read: PartsRead): Iterable<Uint8Array> {
  for (const bytes of parts) {
    const [tag] = bytes;
    const content = bytes.subarray(1);
    if (tag === PARTS.chain && read.chain === undefined) read.fault = takeSlice(content, read);
    else read.fault = takeChain(read) ?? (tag === PARTS.ledger ? undefined : takeStream(tag, content, read));
    if (read.fault !== undefined) return;
    if (tag === PARTS.ledger) yield content;
  }
}

function takeSlice(slice: Uint8Array, { slices }: PartsRead): Refusal | undefined {
  slices.push(slice);
  const whole = slices.length * SLICE_BYTES <= CHAIN_BYTES_MAX && slice.length <= SLICE_BYTES;
  return whole ? undefined : refuse("snapshot_malformed", "the chain's part is too large");
}

/** Reads the chain's part when all of it is there. */
function takeChain(read: PartsRead): Refusal | undefined {
  if (read.chain !== undefined) return undefined;
  const part = parse(concatBytes(...read.slices), readChainPart);
  if (!part.ok) return refuse("snapshot_malformed", part.detail);
  if (part.value.chainId !== read.chainId)
    return refuse("wrong_chain", `the snapshot is of network ${part.value.chainId}`);
  read.chain = part.value;
  return undefined;
}

function takeStream(tag: number | undefined, content: Uint8Array, { streams }: PartsRead): Refusal | undefined {
  if (tag !== PARTS.stream) return refuse("snapshot_malformed", "a part of an unknown kind");
  const stream = parse(content, readStreamPart);
  if (!stream.ok) return refuse("snapshot_malformed", stream.detail);
  return restoreStream(streams, stream.value)
    ? undefined
    : refuse("snapshot_malformed", "two parts of a stream differ");
}

function assemble(
  genesis: Genesis,
  {
    height,
    time,
    heads,
    counts,
    lanes,
    ledger,
    streams,
    stateVersionMax,
    rules,
  }: ChainPart & Pick<Chain, "ledger" | "streams" | "stateVersionMax" | "rules">,
): Result<Chain> {
  const chain: Chain = {
    genesis,
    ledger,
    streams,
    roots: stateRoot({ ledger, streams }),
    heads: new Map(heads.map((head) => [head.height, head])),
    verified: new Set(),
    stateVersionMax,
    journal: undefined,
    governance: present(heads.at(-1), "a part of a chain has heads").governance,
    counts,
    lanes,
    height,
    time,
    rules,
    boundaries: new WeakMap(),
    checkpoint: { height, time, stateRoot: "", subroots: [] },
  };
  const unable = versionFault(chain);
  if (unable !== undefined) return refuse("state_version_unknown", unable);
  chain.roots.absorb();
  chain.checkpoint = fold(chain);
  return accept(chain);
}
