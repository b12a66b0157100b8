import { present } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import { toHex } from "../base/bytes.ts";
import { seededRandom } from "../base/random.ts";
import { type Chain, parametersOf, validatorStates, validatorsOf } from "../chain/chain.ts";
import { parameterNumber, STATE_VERSION_MAX } from "../chain/parameters.ts";
import { type AuthorityRecord, signAuthorityRecord } from "../codec/authority-record.ts";
import type { KeyPair } from "../codec/signature.ts";
import { encodeValidatorRecords } from "../codec/validator-record.ts";
import type { Clients } from "./clients.ts";
import type { FaultCounts } from "./faults.ts";
import { authorityKeyOf, ownerKeyOf, type Scenario, STRANGERS_ACCOUNT, STRANGERS_BOND } from "./scenario.ts";

/**
 * What owners and the parameter authority order while the storm goes on: an honest validator leaves and comes back, a
 * stranger joins, and the network raises its state version. One order after the other, each once the last one was
 * acknowledged and came true.
 */
export type Orders = {
  tick(nowMs: number, chain: Chain): void;
  /** Orders that did not come true yet. */
  waiting(): number;
};

/** Orders come so long after each other at most, the first one after the first epoch has begun. */
const BETWEEN_MS = 4_000;
/** One more than this release runs. */
const VERSION = BigInt(STATE_VERSION_MAX) + 1n;

type Order = {
  /** Counted when it came true. */
  readonly event: "validator left" | "validator joined" | "stranger joined" | "version raised";
  readonly give: (nowMs: number) => Hex;
  readonly isTrue: (chain: Chain) => boolean;
};

export function createOrders(
  scenario: Scenario,
  { chainId, clients, faults }: { readonly chainId: Hex; readonly clients: Clients; readonly faults: FaultCounts },
): Orders {
  const random = seededRandom(BigInt(scenario.seed) + (1n << 43n));
  const authority = new Map([[0, authorityKeyOf(scenario.seed)]]);
  let serial = 0n;
  const sign = (record: AuthorityRecord, voteKey?: KeyPair): Uint8Array =>
    signAuthorityRecord({ record, chainId, authority, ...(voteKey === undefined ? {} : { voteKey }) });
  const nextSerial = (): bigint => {
    serial += 1n;
    return serial;
  };
  const honest = scenario.bonds
    .map((_, id) => id)
    .filter((id) => id !== scenario.byzantine && id !== scenario.amnesiac);
  const mover = random.pick(honest);
  const ownerOf = (id: number): KeyPair => ownerKeyOf(id, scenario.seed);
  const isMember = (chain: Chain, id: number): boolean => validatorsOf(chain).some((one) => one.id === id);

  const leave: Order = {
    event: "validator left",
    give: (nowMs) => {
      const payload = encodeValidatorRecords([{ kind: "leave", validator: mover }]);
      return clients.order({ type: "validator", payload, keyPair: ownerOf(mover) }, nowMs);
    },
    isTrue: (chain) => !isMember(chain, mover),
  };
  const join = (
    id: number,
    event: Order["event"],
    bond: { readonly account: bigint; readonly amount: bigint },
  ): Order => ({
    event,
    give: (nowMs) => {
      const [owner, voteKey] = [ownerOf(id), present(scenario.keys[id], "a validator has a key")];
      const keys = { voteKey: toHex(voteKey.publicKey), ownerKey: toHex(owner.publicKey) };
      const record = { kind: "join", serial: nextSerial(), validator: id, ...keys, ...bond } as const;
      return clients.order({ type: "authority", payload: sign(record, voteKey), keyPair: owner }, nowMs);
    },
    isTrue: (chain) => isMember(chain, id),
  });
  const raise: Order = {
    event: "version raised",
    give: (nowMs) => {
      const parameter = parameterNumber("stateVersion");
      const record = { kind: "set_parameter", serial: nextSerial(), parameter, value: VERSION } as const;
      return clients.order({ type: "authority", payload: sign(record), keyPair: ownerOf(mover) }, nowMs);
    },
    isTrue: (chain) => parametersOf(chain).stateVersion === VERSION,
  };
  const bond = { account: STRANGERS_ACCOUNT, amount: STRANGERS_BOND };
  const comes = scenario.stranger === undefined ? [] : [join(scenario.stranger, "stranger joined", bond)];
  // A network of four lets nobody go: one of five may have jailed its liar, and is as many again with the stranger.
  const moves = scenario.bonds.length > 4 ? [leave, join(mover, "validator joined", { account: 0n, amount: 0n })] : [];
  const all = random.oneIn(2) ? [raise, ...comes, ...moves] : [...comes, ...moves, raise];
  const orders = scenario.orders ? all : [];
  let atMs = random.below(BETWEEN_MS);
  let given: Hex | undefined;

  return {
    waiting: () => orders.length,
    tick: (nowMs, chain) => {
      const [order] = orders;
      if (order === undefined || nowMs < atMs) return;
      given ??= order.give(nowMs);
      if (!clients.history.acknowledged.has(given) || !order.isTrue(chain)) return;
      faults[order.event] += 1;
      orders.shift();
      given = undefined;
      atMs = nowMs + random.below(BETWEEN_MS);
    },
  };
}

/** Validators that are jailed in this state. */
export const jailedIn = (chain: Chain): number =>
  [...validatorStates(chain).values()].filter(({ jail }) => jail !== undefined).length;
