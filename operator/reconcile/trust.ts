import { EPOCH_PROOFS_MAX } from "../../node/api/contract.ts";
import type { TrustStatus } from "../api/trust.ts";
import { isHealthy } from "../rollout/replace.ts";
import type { View } from "../rollout/view.ts";
import { agreed } from "./agreed.ts";
import { observersOf } from "./observers.ts";

/** From a younger anchor a node still finds its way: a snapshot proves sets twice as far back. */
const EPOCHS_OLD = EPOCH_PROOFS_MAX / 2;

/**
 * The closing block for which `network.json` vouches (rule 10). Only a node that does not vote may need a newer one: while
 * all vote the old one stands, and a steady cluster costs no write. A running node reads the file again.
 */
export function trustOf(view: View, held: TrustStatus | undefined): TrustStatus | undefined {
  if (view.nodes.every(({ voting }) => voting) && observersOf(view).every(isHealthy)) return held;
  const told = agreed(view, ({ trustAnchor }) => trustAnchor);
  if (told === undefined) return held;
  return told.epoch - (held?.epoch ?? 1) < EPOCHS_OLD ? held : told;
}
