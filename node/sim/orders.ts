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
import { authorityKeyOf, ownerKeyOf, type Scenario } from "./scenario.ts";

/**
 * What owners and the parameter authority order while the storm goes on: an honest validator leaves and comes back, and the
 * network raises its state version. One order after the other, each once the last one was acknowledged and came true.
 */
export type Orders = { tick(nowMs: number, chain: Chain): void };

/** Orders come so long after each other at most, the first one after the first epoch has begun. */
const BETWEEN_MS = 4_000;
/** One more than this release runs. */
const VERSION = BigInt(STATE_VERSION_MAX) + 1n;

type Order = {
  /** Counted when it came true. */
  readonly event: "validator left" | "validator joined" | "version raised";
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
  const owner = ownerKeyOf(mover, scenario.seed);
  const voteKey = present(scenario.keys[mover], "a validator has a key");
  const isMember = (chain: Chain): boolean => validatorsOf(chain).some(({ id }) => id === mover);

  const leave: Order = {
    event: "validator left",
    give: (nowMs) => {
      const payload = encodeValidatorRecords([{ kind: "leave", validator: mover }]);
      return clients.order({ type: "validator", payload, keyPair: owner }, nowMs);
    },
    isTrue: (chain) => !isMember(chain),
  };
  const join: Order = {
    event: "validator joined",
    give: (nowMs) => {
      const keys = { voteKey: toHex(voteKey.publicKey), ownerKey: toHex(owner.publicKey) };
      const record = {
        kind: "join",
        serial: nextSerial(),
        validator: mover,
        ...keys,
        account: 0n,
        amount: 0n,
      } as const;
      return clients.order({ type: "authority", payload: sign(record, voteKey), keyPair: owner }, nowMs);
    },
    isTrue: isMember,
  };
  const raise: Order = {
    event: "version raised",
    give: (nowMs) => {
      const parameter = parameterNumber("stateVersion");
      const record = { kind: "set_parameter", serial: nextSerial(), parameter, value: VERSION } as const;
      return clients.order({ type: "authority", payload: sign(record), keyPair: owner }, nowMs);
    },
    isTrue: (chain) => parametersOf(chain).stateVersion === VERSION,
  };
  // A network of four lets nobody go.
  const moves = scenario.bonds.length > 4 ? [leave, join] : [];
  const orders = random.oneIn(2) ? [raise, ...moves] : [...moves, raise];
  let atMs = random.below(BETWEEN_MS);
  let given: Hex | undefined;

  return {
    tick: (nowMs, chain) => {
      const [order] = orders;
      if (!scenario.orders || order === undefined || nowMs < atMs) return;
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
