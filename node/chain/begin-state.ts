import { accept, type Result, refuse } from "../base/result.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { Genesis } from "./genesis.ts";
import { createGovernance, type Governance } from "./governance.ts";
import { openLedger } from "./open-ledger.ts";
import { restoreState } from "./restored-state.ts";

/** Ledger and governance before the first block: the genesis's own, or those of the network that it goes on from. */
export function beginState(
  genesis: Genesis,
  restored: Iterable<Uint8Array> | undefined,
): Result<{ readonly ledger: Ledger; readonly governance: Governance }> {
  const { restoredFrom } = genesis;
  if (restoredFrom === undefined) return accept({ ledger: openLedger(genesis), governance: createGovernance(genesis) });
  if (restored === undefined)
    return refuse(
      "restored_state_missing",
      `the state after block ${restoredFrom.height} of ${restoredFrom.chainId} is missing`,
    );
  return restoreState({ ...genesis, restoredFrom }, restored);
}
