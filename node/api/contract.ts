import { z } from "zod";
import { restoredFromSchema, restoredSchema } from "./contract-restored.ts";

/**
 * What a node tells the operator: the only file, beside `node/base`, that the operator imports from the node.
 * Served over HTTPS on `PORTS.control`; `/status` and `/metrics` need a client certificate of the cluster's CA.
 */
export const PORTS = { control: 8000, client: 8001, api: 8002, mesh: 8004, consensus: 8005 } as const;

/** Versions of the frames between nodes that this release speaks; nodes without one in common refuse each other with a message. */
export const WIRE_VERSIONS = { min: 1, max: 2 } as const;
export const WIRE_VERSION = WIRE_VERSIONS.max;
/** From this version on a node answers liveness probes; an older one drops what it does not know, so it is not asked. */
export const PROBE_WIRE_VERSION = 2;

/**
 * Observers follow the chain without a vote. Among nodes they go by numbers of their own, which no validator has: no committed set
 * can hold one of them, so none can be counted in a quorum. Each validator admits so many.
 */
export const OBSERVER_IDS = { first: 0xffff_ff00, count: 16 } as const;
export const isObserver = (id: number): boolean =>
  id >= OBSERVER_IDS.first && id < OBSERVER_IDS.first + OBSERVER_IDS.count;
/** By the number of an observer, from 0. */
export const observerId = (observer: number): number => OBSERVER_IDS.first + observer;
export const observerNumber = (id: number): number => id - OBSERVER_IDS.first;

/** The transport identity of a validator or an observer, a DNS subject alternative name of its certificate. */
export const nodeIdentity = (id: number, network: string): string =>
  isObserver(id) ? `observer-${observerNumber(id)}.${network}` : `${id}.${network}`;
/** The identity with which the operator reads nodes. */
export const operatorIdentity = (network: string): string => `operator.${network}`;

const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`));
const height = z.number().int().nonnegative();

export const nodeStates = [
  /** Its key exists; no genesis yet. */
  "WaitingForGenesis",
  /** Behind the newest certificate that it has verified. */
  "CatchingUp",
  /** Executes finalized blocks, has no vote or may not use it (rule 3: its vote journal is gone). */
  "Following",
  /** Executes and votes. */
  "Voting",
  /** The network runs a later state version than this release: it executes nothing more, and answers questions. */
  "Halted",
  /** Its disk refuses writes: it answers questions and says why, but takes nothing and votes on nothing. */
  "ReadOnly",
  /** SIGTERM came: it takes no new batches and is about to leave. */
  "Stopping",
] as const;

/** A quorum's finalize votes for one block: with the validator set, enough to prove its finality. */
export const finalityProofSchema = z.object({
  epoch: z.number().int().positive(),
  view: z.number().int().positive(),
  block: hex(32),
  height,
  /** Whole certificate in the codec's canonical bytes, hexadecimal. */
  certificate: z.string().max(64 * 1024),
});

/**
 * A closing block, and the validator set that it named, which whoever reads this may believe (rule 10): a node that knows
 * only the genesis checks snapshots from here.
 */
export const trustAnchorSchema = z.object({
  /** The epoch that the block began. */
  epoch: z.number().int().min(2),
  height,
  blockHash: hex(32),
  setHash: hex(32),
});
export type TrustAnchor = z.infer<typeof trustAnchorSchema>;
/** Epochs back to which a snapshot proves its validator sets: an anchor older than this helps nobody. */
export const EPOCH_PROOFS_MAX = 256;
const u64 = z.string().regex(/^[0-9]{1,20}$/);

/** Ids of whom the operator runs are below this; others' validators are their owners' business. */
export const OPERATOR_IDS = 100;

/** What stands in the chain about who joins and leaves, with ids below `OPERATOR_IDS`. */
export const governanceSchema = z.object({
  /** Highest serial of an order that the authority gave. */
  serial: u64,
  validators: z
    .array(
      z.object({
        id: z.number().int().nonnegative(),
        /** The key that it votes with, or wants to. */
        publicKey: hex(32),
        /** In 10⁻⁶ ATR. */
        bond: z.string().regex(/^[0-9]{1,39}$/),
        wants: z.enum(["join", "return", "leave"]).nullable(),
        jailed: z.boolean(),
        /** Newest state version that it has announced it can run; absent in releases before it was told. */
        stateVersion: z.number().int().positive().optional(),
        /** The key that is to take its vote key's place, once the members agree; absent in releases before it existed. */
        replacement: hex(32).nullable().optional(),
      }),
    )
    .max(OPERATOR_IDS),
  /** Parameters of the network, by name, those of later releases too; absent in releases before they were told. */
  parameters: z
    .array(
      z.object({
        name: z.string().max(64),
        value: u64,
        /** Ordered, and waits for the end of an epoch. */
        pending: u64.optional(),
        /** Block time of its last change; absent: genesis. */
        changedAtMs: z.number().int().nonnegative().optional(),
      }),
    )
    .max(64)
    .optional(),
});

/** `POST` on the control port, by the operator alone: the vote key's signature under an order about this very validator. */
export const COUNTERSIGN = {
  path: "/countersign",
  /** The 128 bytes of the order, which whoever asks has made itself. */
  request: z.object({ body: hex(128) }),
  answer: z.object({ signature: hex(64) }),
} as const;

/** Ψ; and by its peers' committed reports 95th percentile of vote delay, 1 000 for that or more, and probes that it answered of all. */
const scoreSchema = z.object({
  validator: z.number().int().nonnegative(),
  psiPpm: z.number().int(),
  voteDelayMs: z.number().int().min(0).max(1_000).optional(),
  availabilityPpm: z.number().int().min(0).max(1_000_000).optional(),
});

export const nodeStatusSchema = z.object({
  /** Version of the release, as built into the image. */
  version: z.string().max(64),
  wireVersion: z.number().int().positive(),
  /** Lowest wire version that it still speaks; absent in releases that speak only `wireVersion`. */
  wireVersionMin: z.number().int().positive().optional(),
  network: z.string().max(63),
  /** SHA-256 of the genesis; null until there is one. */
  chainId: hex(32).nullable(),
  /** Of an observer the number that it goes by. */
  validator: z.number().int().nonnegative(),
  /** Its consensus key; zeros while its volume took no writes from the first start on, so that it has none. */
  publicKey: hex(32),
  state: z.enum(nodeStates),
  /** Why it is in this state and what would change it; empty when there is nothing to say. */
  reason: z.string().max(1024),
  /** As `/readyz` answers. */
  ready: z.boolean(),
  role: z.enum(["Voter", "Observer"]),
  /** Newest executed block. */
  height,
  /** Height of the newest block whose finality certificate this node has verified. */
  certifiedHeight: height,
  /** Hash chain over the results of every block up to `height`. */
  resultsHash: hex(32),
  /** State root at the newest checkpoint. */
  checkpoint: z.object({ height, stateRoot: hex(32) }),
  /** Milliseconds since 1970 on this node's clock when the newest block was executed; 0 before the first. */
  lastBlockAtMs: z.number().int().nonnegative(),
  view: z.number().int().nonnegative(),
  epoch: z.number().int().nonnegative(),
  /** The committed validator set. */
  validators: z
    .array(z.object({ id: z.number().int().nonnegative(), weight: z.number().int().positive(), publicKey: hex(32) }))
    .max(100),
  /** The newest one that this node has executed; absent before the first, and in releases before it existed. */
  trustAnchor: trustAnchorSchema.optional(),
  /** Absent before genesis, and in releases before it existed. */
  governance: governanceSchema.optional(),
  /** Peers with a live connection. */
  connectedPeers: z.array(z.number().int().nonnegative()).max(100),
  /** Peers that were reached, and why they are not connected; absent in releases before it existed. */
  refusedPeers: z
    .array(z.object({ peer: z.number().int().nonnegative(), reason: z.string().max(1024) }))
    .max(100)
    .optional(),
  /** Numbers of the observers that follow this validator now, from 0; absent in releases that admit none. */
  observers: z.array(z.number().int().nonnegative()).max(OBSERVER_IDS.count).optional(),
  /** Whether a final block named other results than this process had; absent in releases before it was told. */
  resultsDiffer: z.boolean().optional(),
  finality: finalityProofSchema.nullable(),
  /** The backup that it waits with for a genesis; absent where there is none, and once the network has begun. */
  restored: restoredSchema.optional(),
  storage: z.object({ writable: z.boolean(), reason: z.string().max(1024), freeBytes: z.number().nonnegative() }),
  /** How well the validators work together, as committed; what is optional is absent in releases before it existed. */
  coherence: z.object({
    /** False until an epoch was measured: then the values are those of the beginning. */
    measured: z.boolean(),
    /** Ψ of this node's validator. */
    psiPpm: z.number().int(),
    /** λ. */
    lambdaPpm: z.number().int(),
    /** The epoch that was measured. */
    epoch: z.number().int().nonnegative().optional(),
    alphaPpm: z.number().int().optional(),
    lambdaEffectivePpm: z.number().int().optional(),
    /** Ĉ and Ψ̄. */
    coherencePpm: z.number().int().optional(),
    meanPsiPpm: z.number().int().optional(),
    band: z.enum(["green", "yellow", "red", "critical"]).optional(),
    mode: z.enum(["Normal", "Emergency"]).optional(),
    /** Of each member of the epoch under way. */
    psi: z.array(scoreSchema).max(100).optional(),
  }),
  /** SHA-256 of the CA bundle in use, so that a rotation can wait for it. */
  caBundleHash: hex(32),
  /** SHA-256 of the certificate file in use, for the same; absent in releases before it existed. */
  certificateHash: hex(32).optional(),
  /** Switched-on faults; always empty but in images built for tests. */
  faults: z.array(z.string().max(64)).max(16),
});

export type NodeStatus = z.infer<typeof nodeStatusSchema>;
export type NodeState = (typeof nodeStates)[number];

/** Names of the series that the operator's judge reads from `/metrics` (Prometheus text format). */
export const METRICS = {
  /** Histogram, seconds: from a client's batch taken in to its answer sent, for the clients this node serves. */
  clientLatency: "hmn_client_latency_seconds",
  /** Counter, labels `result` = `accepted` | `refused` | `failed`: batches answered. `refused` by limit or bad input is not an error; `failed` is. */
  clientBatches: "hmn_client_batches_total",
  /** Counter, labels `result` = `taken` | `committed` | `refused`: records of clients' batches taken in, and what became of them. */
  clientRecords: "hmn_client_records_total",
  /** Counter: transfers executed by this node, applied ones only. */
  transfersApplied: "hmn_transfers_applied_total",
  /** Gauge: newest executed height. */
  height: "hmn_height",
  /** Counter, label `kind` = `fork` | `results-mismatch` | `equivocation`: safety breaches this node has seen. One is too many. */
  safety: "hmn_safety_violations_total",
  /** Gauge: seconds since the process started. */
  uptime: "hmn_uptime_seconds",
  /** Counter: seconds of CPU that the process has used. */
  cpu: "process_cpu_seconds_total",
  /** Gauge: bytes of memory that the process holds. */
  memory: "process_resident_memory_bytes",
} as const;

/** Upper bounds of the buckets of `METRICS.clientLatency`, in seconds. */
export const LATENCY_BUCKETS = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10,
] as const;

/** Where a node finds what the operator mounts, and where it keeps its own: the container's view. */
export const PATHS = {
  data: "/var/lib/hmn",
  /** Directory of a projected volume: `ca.crt` (bundle), `tls.crt`, `tls.key`. */
  tls: "/etc/hmn/tls",
  /** Directory of a ConfigMap: `network.json`, and `genesis.json` once all keys are known. */
  config: "/etc/hmn/config",
} as const;

/** `network.json`: who the peers are, before and after genesis, and from where a node that is far behind may start. */
export const networkFileSchema = z.object({
  network: z.string().min(1).max(63),
  trust: trustAnchorSchema.optional(),
  peers: z
    .array(
      z.object({
        id: z.number().int().nonnegative(),
        host: z.string().min(1).max(253),
        /** Of consensus. */
        port: z.number().int(),
        /** `PORTS.mesh` where missing. */
        meshPort: z.number().int().optional(),
      }),
    )
    .max(100),
});
export type NetworkFile = z.infer<typeof networkFileSchema>;

const u128 = z.string().regex(/^[0-9]{1,39}$/);

/** The five tokens and their ledger numbers. */
export const LEDGERS = { FLX: 1, CHR: 2, ATR: 3, PSY: 4, RES: 5 } as const;
const tokenNames = ["FLX", "CHR", "ATR", "PSY", "RES"] as const satisfies readonly (keyof typeof LEDGERS)[];

/**
 * What the parameter authority may change while the network runs, and the number of each in records and hashes, never used
 * twice. Bounds, largest step and cooldown stand in `node/chain/parameters.ts`; values are whole numbers in the unit that the
 * name ends with.
 */
export const PARAMETER_NUMBERS = {
  /** Epochs last max(10 s, this · λ_eff) of block time. */
  epochLengthMs: 1,
  /** Share of Ψ in a validator's weight. */
  psiSharePpm: 2,
  /** A smaller bond has no weight; in 10⁻⁶ ATR. */
  minimumBond: 3,
  /** What opening an account costs; in 10⁻⁶ FLX. */
  accountFee: 4,
  checkpointIntervalMs: 5,
  /** With nothing to order, an empty block after this time. */
  emptyBlockMs: 6,
  /** Of all batches that one block orders. */
  blockBatchBytes: 7,
  /** Rules that execution follows; a closing block raises it, once the next epoch's validators can run them. */
  stateVersion: 8,
  /** α: λ_eff = clamp(α · λ, 0.3, 1). */
  attunementPpm: 9,
} as const;
export type NetworkParameter = keyof typeof PARAMETER_NUMBERS;
export const networkParameters = Object.keys(PARAMETER_NUMBERS) as readonly NetworkParameter[];

/** `genesis.json`. The chain id is the SHA-256 of its canonical bytes (not of this JSON). Amounts in the smallest unit (6 decimals). */
export const genesisFileSchema = z.object({
  network: z.string().min(1).max(63),
  /** Nanoseconds since 1970, decimal. */
  timeNs: z.string().regex(/^[0-9]{1,20}$/),
  authority: z.object({ publicKeys: z.array(hex(32)).min(1).max(16), threshold: z.number().int().min(1).max(16) }),
  validators: z
    .array(z.object({ id: z.number().int().nonnegative(), consensusKey: hex(32), ownerKey: hex(32), bond: u128 }))
    .min(4)
    .max(100),
  accounts: z
    .array(z.object({ id: u128, ownerKey: hex(32), ledger: z.number().int().min(1).max(5), balance: u128 }))
    // 64 of the users', and the one that joining validators are bonded from.
    .max(65),
  /** Defaults where missing. */
  parameters: z.partialRecord(z.enum(networkParameters), z.number().int().nonnegative()).optional(),
  /** Most of each token that may exist at a time, by its name; the 128 bits of an amount where missing. */
  supplyCaps: z.partialRecord(z.enum(tokenNames), u128).optional(),
  restoredFrom: restoredFromSchema.optional(),
});
export type GenesisFile = z.infer<typeof genesisFileSchema>;

/** How a node's process ends where no restart of it helps (sysexits.h: EX_DATAERR, EX_NOINPUT, EX_CONFIG). */
export const EXIT_CODES = {
  /** Blocks or snapshot on its volume are damaged beyond repair. */
  dataDamaged: 65,
  /** Its vote key or vote journal is. */
  votesDamaged: 66,
  /** A later release has written the data folder. */
  releaseTooOld: 78,
} as const;

/** Environment variables of the node's container. */
export const ENVIRONMENT = {
  validator: "HMN_VALIDATOR",
  /** In its place: the number of an observer. */
  observer: "HMN_OBSERVER",
  logLevel: "HMN_LOG_LEVEL",
  /** Only read by images built for tests: comma-separated switches, e.g. `slow=400,crash`. */
  faults: "HMN_FAULTS",
} as const;
