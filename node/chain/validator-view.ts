import type { Hex } from "../base/bytes.ts";
import { type Chain, epochOf, validatorStates } from "./chain.ts";
import { type Jail, stakeOf } from "./validator.ts";

/** One validator as people ask for it. */
export type ValidatorView = {
  readonly id: number;
  readonly ownerKey: Hex;
  readonly voteKey: Hex;
  /** In 10⁻⁶ ATR. */
  readonly bond: bigint;
  readonly unbonding: bigint;
  /** In the epoch under way, in ppm; 0 for who is no member. */
  readonly weight: number;
  /** Epoch since which it votes with this key; undefined for who is no member. */
  readonly since: number | undefined;
  readonly jail: Jail | undefined;
  readonly wants: "join" | "return" | "leave" | undefined;
  /** Epochs in which it was proved to have contradicted itself. */
  readonly offences: number;
  /** Newest state version that its release can run. */
  readonly stateVersion: number;
};

/** Everyone who is or was a validator, by id. */
export function validatorViews(chain: Chain): readonly ValidatorView[] {
  const weights = new Map(epochOf(chain).members.map(({ id, weight }) => [id, weight]));
  return [...validatorStates(chain).values()].map((validator): ValidatorView => {
    const { id, ownerKey, voteKey, bond, jail, join, returns, leaves, terms, offenceEpochs, announced } = validator;
    const term = terms.at(-1);
    return {
      id,
      ownerKey,
      voteKey,
      bond,
      unbonding: stakeOf(validator) - bond,
      weight: weights.get(id) ?? 0,
      since: term?.last === undefined ? term?.first : undefined,
      jail,
      wants: join ? "join" : returns !== undefined ? "return" : leaves !== undefined ? "leave" : undefined,
      offences: offenceEpochs.length,
      stateVersion: announced,
    };
  });
}
