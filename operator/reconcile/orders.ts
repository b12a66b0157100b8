import { networkParameters, PARAMETER_NUMBERS } from "../../node/api/contract.ts";
import { assert, unreachable } from "../../node/base/assert.ts";
import { concatBytes, fromHex, type Hex } from "../../node/base/bytes.ts";
import { accept, type Result, refuse } from "../../node/base/result.ts";
import { NANOS_PER_MILLI } from "../../node/base/units.ts";
import {
  type AuthorityRecord,
  authorityMessage,
  encodeAuthorityBody,
  joinAuthorityRecord,
} from "../../node/codec/authority-body.ts";
import { type BatchType, encodeBatchHead } from "../../node/codec/batch-head.ts";
import { encodeValidatorRecords } from "../../node/codec/validator-record.ts";
import { BONDING_ACCOUNT } from "../desired/genesis.ts";
import { type Address, createNodeClient, type NodeClient } from "../observe/node-client.ts";
import type { ReadingTarget } from "../observe/node-reader.ts";
import { signWithSeed } from "../runtime/pki.ts";
import type { Action } from "./actions.ts";

export type Order = Extract<Action, { type: "order" }>;
/** The parameter authority's key, as its Secret holds it. */
export type GovernanceKey = { readonly seed: string; readonly publicKey: Hex };

/** How long a batch may wait for its block. */
const EXPIRY_MS = 60_000;

/** Signs orders and hands them to nodes, and remembers for people why one was not taken. */
export type Orders = {
  readonly give: (order: Order, target: ReadingTarget, key: GovernanceKey) => Promise<Result<void, string>>;
  /** Of a cluster: why its last order was not taken, as a part of a sentence; empty if it was. */
  readonly fault: (clusterKey: string) => string;
};

export function createOrders(open: typeof createNodeClient = createNodeClient, now: () => number = Date.now): Orders {
  const faults = new Map<string, string>();
  return {
    fault: (clusterKey) => faults.get(clusterKey) ?? "",
    give: async (order, target, key) => {
      const given = await giveThrough(order, target, key, { open, nowMs: now() });
      if (given.ok) faults.delete(target.clusterKey);
      else faults.set(target.clusterKey, `; the last one was not taken: ${given.detail ?? given.reason}`.slice(0, 300));
      return given;
    },
  };
}

async function giveThrough(
  order: Order,
  { nodes, network, credentials }: ReadingTarget,
  key: GovernanceKey,
  { open, nowMs }: { open: typeof createNodeClient; nowMs: number },
): Promise<Result<void, string>> {
  const addressOf = (validator: number): Address | undefined => {
    const node = nodes.find((candidate) => candidate.validator === validator && !candidate.stopping);
    return node === undefined ? undefined : { ip: node.ip, validator, network };
  };
  const [through, subject] = [addressOf(order.through), addressOf(order.validator)];
  if (credentials === undefined || through === undefined) return refuse("unreachable", "no node takes it");
  const client = open(credentials);
  try {
    const records = await recordsOf(order, subject, key, client);
    return records.ok ? await client.submit(through, batchOf(order, records.value, key, nowMs)) : records;
  } finally {
    client.close();
  }
}

type Records = { readonly type: BatchType; readonly payload: Uint8Array };

/** What is signed is made here from the order, byte by byte: nothing that a node says is signed. */
async function recordsOf(
  { order, validator, chainId }: Order,
  subject: Address | undefined,
  key: GovernanceKey,
  client: NodeClient,
): Promise<Result<Records, string>> {
  const authorized = async (record: AuthorityRecord): Promise<Result<Records, string>> => {
    if (subject === undefined) return refuse("unreachable", "its node is not there");
    const body = encodeAuthorityBody(record);
    const agreed = await client.countersign(subject, body);
    if (!agreed.ok) return agreed;
    const voteKeySignature = fromHex(agreed.value, agreed.value.length / 2) ?? new Uint8Array();
    const signatures = new Map([[0, signWithSeed(key.seed, authorityMessage(chainId, body))]]);
    return accept({ type: "authority", payload: joinAuthorityRecord({ body, voteKeySignature, signatures }) });
  };
  switch (order.kind) {
    case "join": {
      const { serial, voteKey, amount } = order;
      const owner = { ownerKey: key.publicKey, account: BONDING_ACCOUNT, amount: BigInt(amount) };
      return authorized({ kind: "join", serial: BigInt(serial), validator, voteKey, ...owner });
    }
    case "replace":
      return authorized({ kind: "replace_vote_key", serial: BigInt(order.serial), validator, voteKey: order.voteKey });
    case "set_parameter": {
      const parameter = networkParameters.find((name) => name === order.parameter);
      assert(parameter !== undefined, "only parameters of the contract are ordered");
      const body = encodeAuthorityBody({
        ...{ kind: "set_parameter", serial: BigInt(order.serial), value: BigInt(order.value) },
        parameter: PARAMETER_NUMBERS[parameter],
      });
      const signatures = new Map([[0, signWithSeed(key.seed, authorityMessage(chainId, body))]]);
      return accept({ type: "authority", payload: joinAuthorityRecord({ body, signatures }) });
    }
    case "leave":
      return accept({ type: "validator", payload: encodeValidatorRecords([{ kind: "leave", validator }]) });
    default:
      return unreachable(order);
  }
}

/** A batch of one record, by the key that owns the validator; each in a stream of its own. */
function batchOf({ chainId }: Order, { type, payload }: Records, key: GovernanceKey, nowMs: number): Uint8Array {
  const head = encodeBatchHead({
    ...{ type, count: 1, payload, chainId, sequence: 0n },
    publicKey: fromHex(key.publicKey, 32) ?? new Uint8Array(),
    stream: BigInt(nowMs) * NANOS_PER_MILLI,
    expiryMs: nowMs + EXPIRY_MS,
  });
  return concatBytes(head, signWithSeed(key.seed, head), payload);
}
