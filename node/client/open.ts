import { nodeIdentity, PORTS } from "../api/contract.ts";
import type { Hex } from "../base/bytes.ts";
import type { Trust } from "../chain/proof.ts";
import type { KeyPair } from "../codec/signature.ts";
import type { Transfer } from "../codec/transfer.ts";
import { openApiReader, type ReadOptions } from "./api-reader.ts";
import type { Authorities } from "./authorities.ts";
import { type BulkOptions, type Progress, sendAll } from "./bulk.ts";
import { type Client, openClient } from "./client.ts";
import { createLookups, type Lookups, type ValidatorSet } from "./lookups.ts";
import { createMemory, type Memory } from "./memory.ts";
import { createProver } from "./prove.ts";
import type { Weights } from "./quorum.ts";
import type { SendResult } from "./send-result.ts";
import type { SendOptions } from "./sender.ts";
import { type Settled, settle } from "./settle.ts";

/** Where one validator is reached. Its certificate has to name it, whatever the address. */
export type NodeAddress = {
  readonly validator: number;
  readonly host: string;
  /** Of the client protocol; 8001 without. */
  readonly port?: number;
  /** Of the JSON API, for look-ups; 8002 without. */
  readonly apiPort?: number;
};

export type OpenOptions = {
  /** The network's name, as in its nodes' certificates. */
  readonly network: string;
  /** Any of the validators; each more is one more that may fail. */
  readonly nodes: readonly NodeAddress[];
  /** The network's certificate authorities, as text or as what reads them anew, e.g. from a mounted ConfigMap. */
  readonly ca: Authorities;
  /** Signs batches that name no other key, and memory entries. */
  readonly key: KeyPair;
  /** SHA-256 of the genesis: refuses a network of the same name with another history. */
  readonly chainId?: Hex;
  /** Connections to each node; each takes 256 batches at a time. 1 without. */
  readonly connectionsPerNode?: number;
  /** How long one node may take before the same batch goes to the next one; 5 000 without. */
  readonly requestTimeoutMs?: number;
  /** How long `confirm: "quorum"` waits for the others after the first answer; 10 000 without. */
  readonly confirmTimeoutMs?: number;
  /**
   * Weight of each validator, for `confirm: "quorum"`. Without it the nodes are asked, and the set that more than half of
   * those named in `nodes` agree on is taken.
   */
  readonly weights?: ReadonlyMap<number, number>;
  /**
   * For `confirm: "proof"`: the validators whom you trust, of an epoch not more than 256 back: `trustOfGenesis` has those of
   * the first, `hmn-node inspect DIR epoch --json` those of a later one.
   */
  readonly trust?: Trust;
  /** Ends everything: connections close, and whatever waits answers `unknown`. */
  readonly signal?: AbortSignal;
};

/** A user's connection to one network. */
export type HmnClient = Lookups &
  Pick<Client, "network" | "newIds" | "createAccounts"> & {
    /** Validators that are connected now. */
    connected(): readonly number[];
    /** One batch, exactly once: it is sent again, to other nodes too, until there is a last word or the signal aborts. */
    createTransfers(transfers: readonly Transfer[], options?: SendOptions): Promise<SendResult>;
    /** A source of any length, in batches, with backpressure and progress. */
    createAllTransfers(source: Iterable<Transfer> | AsyncIterable<Transfer>, options?: BulkOptions): Promise<Progress>;
    /** The last word about transfers whose sending ended `unknown`; it may take the ids' window of ten minutes. */
    settle(ids: readonly bigint[], options?: Pick<ReadOptions, "signal">): Promise<ReadonlyMap<bigint, Settled>>;
    /** The memory mesh, in the name of `key`. */
    readonly memory: Memory;
    close(): void;
  };

/** Connects to a network; answers once one node has. Rejects when `signal` aborts before. */
export async function open(options: OpenOptions): Promise<HmnClient> {
  const { nodes, ca, network } = options;
  if (nodes.length === 0) throw new Error("nodes: at least one is needed");
  // A validator that counted twice would make a quorum of itself.
  if (new Set(nodes.map(({ validator }) => validator)).size < nodes.length)
    throw new Error("nodes: each validator is named once");
  const named = nodes.map(({ validator, ...node }) => ({ ...node, servername: nodeIdentity(validator, network) }));
  const reader = openApiReader(
    named.map(({ host, servername, apiPort = PORTS.api }) => ({ host, servername, port: apiPort })),
    ca,
  );
  const lookups = createLookups(reader);
  const { trust, chainId = trust?.chainId, requestTimeoutMs, confirmTimeoutMs, connectionsPerNode, signal } = options;
  const client = await openClient({
    targets: named.map(({ host, servername, port = PORTS.client }) => ({ host, servername, port })),
    ca,
    keyPair: options.key,
    weights: weightsOf(options, lookups),
    ...(trust === undefined ? {} : { prover: createProver(reader, trust) }),
    ...(chainId === undefined ? {} : { chainId }),
    ...(requestTimeoutMs === undefined ? {} : { requestTimeoutMs }),
    ...(confirmTimeoutMs === undefined ? {} : { confirmTimeoutMs }),
    ...(connectionsPerNode === undefined ? {} : { connectionsPerTarget: connectionsPerNode }),
    ...(signal === undefined ? {} : { signal }),
  }).catch((cause: unknown) => {
    reader.close();
    throw cause;
  });
  return {
    ...lookups,
    network: client.network,
    newIds: client.newIds,
    createAccounts: client.createAccounts,
    createTransfers: client.transfer,
    createAllTransfers: (source, how = {}) => sendAll(source, client.transfer, how),
    connected: () => client.connected().flatMap((target) => nodes[target]?.validator ?? []),
    memory: createMemory({ reader, lookups, targets: nodes.length }, options.key),
    settle: (ids, how = {}) => settle(ids, { lookups, targets: nodes.length, ...how }),
    close: () => {
      client.close();
      reader.close();
    },
  };
}

/** How long what the nodes said about the validators is taken for true. */
const WEIGHTS_FRESH_MS = 30_000;

/** The weights to count answers by: as given, or as more than half of the named nodes say. */
function weightsOf({ nodes, weights }: OpenOptions, lookups: Lookups): (signal: AbortSignal) => Promise<Weights> {
  const among = (all: ReadonlyMap<number, number>): Weights => ({
    ofTarget: nodes.map(({ validator }) => all.get(validator) ?? 0),
    total: [...all.values()].reduce((sum, weight) => sum + weight, 0),
  });
  if (weights !== undefined) return () => Promise.resolve(among(weights));
  let known: { readonly weights: Weights; readonly atMs: number } | undefined;
  return async (signal) => {
    if (known !== undefined && performance.now() - known.atMs < WEIGHTS_FRESH_MS) return known.weights;
    const answers = await Promise.allSettled(nodes.map((_, target) => lookups.validators({ target, signal })));
    const sets = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
    const agreed = sets.find((set) => 2 * sets.filter((other) => textOf(other) === textOf(set)).length > nodes.length);
    if (agreed === undefined)
      throw new Error(`${sets.length} of ${nodes.length} nodes name the validators, no majority the same`);
    known = {
      weights: among(new Map(agreed.validators.map(({ id, weight }) => [id, weight]))),
      atMs: performance.now(),
    };
    return known.weights;
  };
}

const textOf = ({ validators }: ValidatorSet): string => JSON.stringify(validators);
