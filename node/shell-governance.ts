import { isObserver, type NodeStatus, OPERATOR_IDS } from "./api/contract.ts";
import { equalBytes, type Hex, toHex } from "./base/bytes.ts";
import { accept, type Result, refuse } from "./base/result.ts";
import { NANOS_PER_MILLI } from "./base/units.ts";
import { authoritySerialOf, type Chain, parameterViewsOf, validatorStates } from "./chain/chain.ts";
import { BODY_BYTES, encodeAuthorityBody, readAuthorityBody, voteKeyMessage } from "./codec/authority-body.ts";
import { type KeyPair, sign } from "./codec/signature.ts";

/** What the operator needs to know of the chain to let validators join and leave, and to change parameters. */
export const governanceOf = (chain: Chain): NonNullable<NodeStatus["governance"]> => ({
  serial: String(authoritySerialOf(chain)),
  validators: [...validatorStates(chain).values()]
    .filter(({ id }) => id < OPERATOR_IDS)
    .map(({ id, voteKey, bond, join, returns, leaves, jail, announced, replacement }) => ({
      id,
      publicKey: join?.voteKey ?? voteKey,
      bond: String(bond),
      wants: join !== undefined ? "join" : returns !== undefined ? "return" : leaves !== undefined ? "leave" : null,
      jailed: jail !== undefined,
      stateVersion: announced,
      replacement: replacement?.voteKey ?? null,
    })),
  parameters: parameterViewsOf(chain).map(({ name, value, pending, changedAt }) => ({
    ...{ name, value: String(value) },
    ...(pending === undefined ? {} : { pending: String(pending) }),
    ...(changedAt === undefined ? {} : { changedAtMs: Number(changedAt / NANOS_PER_MILLI) }),
  })),
});

/**
 * The vote key's signature under an order that gives this validator this very key, and under nothing else: it says no more
 * than that the key is held here. Who may vote is for the authority and the members to say.
 */
export function countersignature(
  body: Uint8Array,
  self: { readonly validator: number; readonly keyPair: KeyPair; readonly chainId: Hex },
): Result<Hex, "not_ready" | "order_malformed" | "not_about_this_key"> {
  const order = body.length === BODY_BYTES ? readAuthorityBody(body) : undefined;
  if (order === undefined || !equalBytes(encodeAuthorityBody(order), body)) return refuse("order_malformed");
  const named = order.kind === "join" || order.kind === "replace_vote_key";
  if (isObserver(self.validator)) return refuse("not_about_this_key", "an observer's id never votes");
  if (!named || order.validator !== self.validator || order.voteKey !== toHex(self.keyPair.publicKey))
    return refuse("not_about_this_key", `it is validator ${self.validator}, with key ${toHex(self.keyPair.publicKey)}`);
  return accept(toHex(sign(voteKeyMessage(self.chainId, body), self.keyPair.secretKey)));
}
