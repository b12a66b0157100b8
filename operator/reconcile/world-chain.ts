import type { NodeStatus } from "../../node/api/contract.ts";
import { assert } from "../../node/base/assert.ts";
import { type Millis, millis } from "../../node/base/units.ts";
import type { MeasuredEpoch } from "../observe/snapshot.ts";
import type { Action } from "./actions.ts";

/** Who votes in the model, and with what weight: genesis's validators, and who was ordered in or out since. */
export type ModelChain = {
  isQuorum(ids: readonly number[]): boolean;
  isMember(id: number): boolean;
  /** Whether this is the committed key of a member. */
  votes(id: number, key: string): boolean;
  /** Epoch in which it was a member no more; undefined for whoever never left. */
  leftIn(id: number): number | undefined;
  /** Takes a signed order, or refuses it. */
  take(order: Extract<Action, { type: "order" }>): boolean;
  /** One second in which a quorum served. `ready`: who runs and has caught up, with which key. */
  tick(ready: readonly Running[], now: Millis): void;
  told(): Pick<NodeStatus, "epoch" | "validators" | "governance">;
  /** What was measured of the epochs that have ended. */
  measured(): readonly MeasuredEpoch[];
  /** The rules in force. */
  stateVersion(): number;
  /** A validator's release says which rules it can run. */
  announce(id: number, stateVersion: number): void;
  /** α, in millionths. */
  attunement(): number;
  /** Ĉ of an epoch by α; 0.9 if never set. */
  setHill(hill: (alphaPpm: number, epoch: number) => number): void;
  /** Highest id that ever was registered. */
  ids(): readonly number[];
};

export type Running = { readonly id: number; readonly key: string; readonly voteDelayMs: number };

const EPOCH_SECONDS = 20;
const BOND = 1_000_000_000n;
const LEAST = 4;
/** The key that a validator makes on its first volume. */
export const publicKeyOf = (id: number): string => String(id).padStart(64, "0");

/** Epochs for which a key has to have been silent before the members agree to another. */
const SILENT_EPOCHS = 2;

type Registered = {
  bond: bigint;
  key: string;
  wants: "join" | "leave" | null;
  replacement: string | null;
  /** Last epoch in which its key voted. */
  votedIn: number;
};

export function createChain(weights: readonly number[]): ModelChain {
  const members = new Map(weights.map((weight, id) => [id, weight]));
  const registered = new Map<number, Registered>(
    weights.map((_, id) => [id, { bond: BOND, key: publicKeyOf(id), wants: null, replacement: null, votedIn: 1 }]),
  );
  const left = new Map<number, number>();
  let serial = 0n;
  let epoch = 1;
  let begunAt = millis(0);
  let seconds = 0;
  let alpha = { value: 1_000_000, pending: undefined as number | undefined };
  let hill: (alphaPpm: number, epoch: number) => number = () => 900_000;
  let measured: MeasuredEpoch[] = [];
  let rules = { value: 1, pending: undefined as number | undefined };
  const announced = new Map<number, number>();

  const weightOf = (ids: readonly number[]) => ids.reduce((sum, id) => sum + (members.get(id) ?? 0), 0);
  const total = () => weightOf([...members.keys()]);
  const boundary = (ready: readonly Running[], now: Millis): void => {
    const peers = [...members.keys()].map((validator) => {
      const voteDelayMs = ready.find(({ id }) => id === validator)?.voteDelayMs;
      return {
        validator,
        voteDelayMs: voteDelayMs ?? 1_000,
        availabilityPpm: voteDelayMs === undefined ? 0 : 1_000_000,
      };
    });
    measured = [...measured, { epoch, coherencePpm: hill(alpha.value, epoch), begunAt, peers }].slice(-64);
    epoch += 1;
    begunAt = now;
    alpha = { value: alpha.pending ?? alpha.value, pending: undefined };
    const { pending } = rules;
    if (pending !== undefined && [...members.keys()].every((id) => (announced.get(id) ?? 1) >= pending))
      rules = { value: pending, pending: undefined };
    const before = total();
    for (const [id, weight] of members)
      if (weight < 75) members.set(id, Math.max(weight + 1, Math.floor(1.1 * weight)));
    let changes = 0;
    for (const [id, entry] of registered) {
      if (entry.wants === "join" && ready.some((one) => one.id === id && one.key === entry.key)) {
        members.set(id, Math.max(1, Math.floor(before / 10)));
        entry.wants = null;
        changes += 1;
      }
      if (entry.wants === "leave" && members.size > LEAST) {
        members.delete(id);
        left.set(id, epoch);
        entry.wants = null;
        changes += 1;
      }
    }
    assert(changes <= 1, "one join or leave in an epoch");
    for (const entry of registered.values()) {
      if (entry.replacement === null || epoch - entry.votedIn <= SILENT_EPOCHS) continue;
      entry.key = entry.replacement;
      entry.replacement = null;
      break;
    }
  };

  return {
    isQuorum: (ids) => 3 * weightOf(ids) > 2 * total(),
    isMember: (id) => members.has(id),
    votes: (id, key) => members.has(id) && registered.get(id)?.key === key,
    leftIn: (id) => left.get(id),
    ids: () => [...registered.keys()],
    measured: () => measured,
    stateVersion: () => rules.value,
    announce: (id, stateVersion) => {
      announced.set(id, stateVersion);
    },
    attunement: () => alpha.value,
    setHill: (next) => {
      hill = next;
    },
    take: ({ validator, order }) => {
      if (order.kind === "set_parameter") {
        const value = Number(order.value);
        if (BigInt(order.serial) <= serial) return false;
        if (order.parameter === "stateVersion") {
          assert(value === rules.value + 1, "rules are raised one by one");
          if (rules.pending !== undefined) return false;
          serial = BigInt(order.serial);
          rules = { ...rules, pending: value };
          return true;
        }
        assert(order.parameter === "attunementPpm", "no other parameter is ordered here");
        assert(Math.abs(value - alpha.value) <= 20_000, "no step is longer than the chain takes");
        assert(value >= 800_000 && value <= 1_200_000, "no step leaves the bounds");
        if (alpha.pending !== undefined) return false;
        serial = BigInt(order.serial);
        alpha = { ...alpha, pending: value };
        return true;
      }
      const known = registered.get(validator);
      if (order.kind === "leave") {
        if (known === undefined || (!members.has(validator) && known.wants !== "join")) return false;
        known.wants = members.has(validator) ? "leave" : null;
        return true;
      }
      if (BigInt(order.serial) <= serial) return false;
      if (order.kind === "replace") {
        if (known === undefined || [...registered.values()].some(({ key }) => key === order.voteKey)) return false;
        serial = BigInt(order.serial);
        known.replacement = order.voteKey;
        return true;
      }
      if (members.has(validator)) return false;
      const bond = (known?.bond ?? 0n) + BigInt(order.amount);
      assert(bond === BOND, "who joins has the bond of the others, and no more");
      serial = BigInt(order.serial);
      registered.set(validator, { bond, key: order.voteKey, wants: "join", replacement: null, votedIn: epoch });
      return true;
    },
    tick: (ready, now) => {
      seconds += 1;
      for (const { id, key } of ready) {
        const entry = registered.get(id);
        if (entry?.key === key) entry.votedIn = epoch;
      }
      if (seconds % EPOCH_SECONDS === 0) boundary(ready, now);
    },
    told: () => ({
      epoch,
      validators: [...members].map(([id, weight]) => ({ id, weight, publicKey: registered.get(id)?.key ?? "" })),
      governance: {
        serial: String(serial),
        validators: [...registered].map(([id, { bond, key, wants, replacement }]) => ({
          ...{ id, publicKey: key, bond: String(bond), wants, replacement, jailed: false },
          stateVersion: announced.get(id) ?? 1,
        })),
        parameters: [
          {
            ...{ name: "stateVersion", value: String(rules.value) },
            ...(rules.pending === undefined ? {} : { pending: String(rules.pending) }),
          },
          {
            ...{ name: "attunementPpm", value: String(alpha.value) },
            ...(alpha.pending === undefined ? {} : { pending: String(alpha.pending) }),
          },
        ],
      },
    }),
  };
}
