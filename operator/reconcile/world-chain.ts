import type { NodeStatus } from "../../node/api/contract.ts";
import { assert } from "../../node/base/assert.ts";
import type { MeasuredEpoch } from "../observe/snapshot.ts";
import type { Action } from "./actions.ts";

/** Who votes in the model, and with what weight: genesis's validators, and who was ordered in or out since. */
export type ModelChain = {
  isQuorum(ids: readonly number[]): boolean;
  isMember(id: number): boolean;
  /** Epoch in which it was a member no more; undefined for whoever never left. */
  leftIn(id: number): number | undefined;
  /** Takes a signed order, or refuses it. */
  take(order: Extract<Action, { type: "order" }>): boolean;
  /** One second in which a quorum served. `ready`: who runs and has caught up. */
  tick(ready: readonly number[]): void;
  told(): Pick<NodeStatus, "epoch" | "validators" | "governance">;
  /** What was measured of the epochs that have ended. */
  measured(): readonly MeasuredEpoch[];
  /** α, in millionths. */
  attunement(): number;
  /** Ĉ of an epoch by α; 0.9 if never set. */
  setHill(hill: (alphaPpm: number, epoch: number) => number): void;
  /** Highest id that ever was registered. */
  ids(): readonly number[];
};

const EPOCH_SECONDS = 20;
const BOND = 1_000_000_000n;
const LEAST = 4;
export const publicKeyOf = (id: number): string => String(id).padStart(64, "0");

type Registered = { bond: bigint; wants: "join" | "leave" | null };

export function createChain(weights: readonly number[]): ModelChain {
  const members = new Map(weights.map((weight, id) => [id, weight]));
  const registered = new Map<number, Registered>(weights.map((_, id) => [id, { bond: BOND, wants: null }]));
  const left = new Map<number, number>();
  let serial = 0n;
  let epoch = 1;
  let seconds = 0;
  let alpha = { value: 1_000_000, pending: undefined as number | undefined };
  let hill: (alphaPpm: number, epoch: number) => number = () => 900_000;
  let measured: MeasuredEpoch[] = [];

  const weightOf = (ids: readonly number[]) => ids.reduce((sum, id) => sum + (members.get(id) ?? 0), 0);
  const total = () => weightOf([...members.keys()]);
  const boundary = (ready: readonly number[]): void => {
    measured = [...measured, { epoch, coherencePpm: hill(alpha.value, epoch) }].slice(-64);
    epoch += 1;
    alpha = { value: alpha.pending ?? alpha.value, pending: undefined };
    const before = total();
    for (const [id, weight] of members)
      if (weight < 75) members.set(id, Math.max(weight + 1, Math.floor(1.1 * weight)));
    let changes = 0;
    for (const [id, entry] of registered) {
      if (entry.wants === "join" && ready.includes(id)) {
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
  };

  return {
    isQuorum: (ids) => 3 * weightOf(ids) > 2 * total(),
    isMember: (id) => members.has(id),
    leftIn: (id) => left.get(id),
    ids: () => [...registered.keys()],
    measured: () => measured,
    attunement: () => alpha.value,
    setHill: (next) => {
      hill = next;
    },
    take: ({ validator, order }) => {
      if (order.kind === "set_parameter") {
        assert(order.parameter === "attunementPpm", "no other parameter is ordered here");
        const value = Number(order.value);
        assert(Math.abs(value - alpha.value) <= 20_000, "no step is longer than the chain takes");
        assert(value >= 800_000 && value <= 1_200_000, "no step leaves the bounds");
        if (alpha.pending !== undefined || BigInt(order.serial) <= serial) return false;
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
      const bond = (known?.bond ?? 0n) + BigInt(order.amount);
      if (BigInt(order.serial) <= serial || members.has(validator) || order.voteKey !== publicKeyOf(validator))
        return false;
      assert(bond === BOND, "who joins has the bond of the others, and no more");
      serial = BigInt(order.serial);
      registered.set(validator, { bond, wants: "join" });
      return true;
    },
    tick: (ready) => {
      seconds += 1;
      if (seconds % EPOCH_SECONDS === 0) boundary(ready);
    },
    told: () => ({
      epoch,
      validators: [...members].map(([id, weight]) => ({ id, weight, publicKey: publicKeyOf(id) })),
      governance: {
        serial: String(serial),
        validators: [...registered].map(([id, { bond, wants }]) => ({
          ...{ id, publicKey: publicKeyOf(id), bond: String(bond), wants, jailed: false },
        })),
        parameters: [
          {
            ...{ name: "attunementPpm", value: String(alpha.value) },
            ...(alpha.pending === undefined ? {} : { pending: String(alpha.pending) }),
          },
        ],
      },
    }),
  };
}
