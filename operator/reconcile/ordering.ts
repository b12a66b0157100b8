import { type Millis, millis, seconds } from "../../node/base/units.ts";
import { timeOf } from "../rollout/time.ts";
import type { View } from "../rollout/view.ts";
import { agreed } from "./agreed.ts";

/** An order that no block has executed after this time is given again. */
const AGAIN = seconds(15);

/** Whether an order is to be given now that was last given then. */
export function isOrderDue(now: Millis, orderedAt: string | undefined): boolean {
  const last = timeOf(orderedAt);
  return last === undefined || now >= millis(last + AGAIN);
}

/** What stands in the chain about a validator; null where it knows none of that id. */
export const entryOf = (view: View, validator: number) =>
  agreed(view, ({ governance }) => governance?.validators.find(({ id }) => id === validator) ?? null);

/** Whose door an order about a validator goes in by. */
export const messenger = (view: View, validator: number): number | undefined =>
  view.nodes.find((node) => node.voting && node.id !== validator)?.id;

/** The serial of the next order of the authority. */
export function nextSerial(view: View): string | undefined {
  const last = agreed(view, ({ governance }) => governance?.serial);
  return last === undefined ? undefined : String(BigInt(last) + 1n);
}
