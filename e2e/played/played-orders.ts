import { decodeAuthorityRecords } from "../../node/codec/authority-record.ts";
import { type Batch, parseBatch } from "../../node/codec/batch.ts";
import { decodeValidatorRecords } from "../../node/codec/validator-record.ts";
import type { Action } from "../../operator/reconcile/actions.ts";
import type { ModelChain } from "../../operator/reconcile/world-chain.ts";

type Order = Extract<Action, { type: "order" }>;

/** What a node answers to a signed batch: the records that failed. Signatures are the real node's business. */
export function takeBatch(chain: ModelChain, bytes: Uint8Array): { readonly failures: readonly { code: string }[] } {
  const batch = parseBatch(bytes);
  const orders = batch.ok ? ordersOf(batch.value) : [];
  if (orders.length === 0) return { failures: [{ code: "not_an_order" }] };
  return { failures: orders.filter((order) => !chain.take(order)).map(() => ({ code: "order_refused" })) };
}

function ordersOf({ type, payload, chainId }: Batch): readonly Order[] {
  const order = (validator: number, what: Order["order"]): Order => ({
    ...{ type: "order", validator, chainId, through: validator, order: what },
  });
  if (type === "validator")
    return decodeValidatorRecords(payload).flatMap((record) =>
      record.ok && record.value.kind === "leave" ? [order(record.value.validator, { kind: "leave" })] : [],
    );
  if (type !== "authority") return [];
  return decodeAuthorityRecords(payload).flatMap((signed) => {
    const record = signed.ok ? signed.value.record : undefined;
    if (record?.kind !== "join" && record?.kind !== "replace_vote_key") return [];
    const given = { voteKey: record.voteKey, serial: String(record.serial) };
    return [
      order(
        record.validator,
        record.kind === "join"
          ? { kind: "join", ...given, amount: String(record.amount) }
          : { kind: "replace", ...given },
      ),
    ];
  });
}
