import type { GenesisFile } from "../api/contract.ts";
import type { Hex } from "../base/bytes.ts";
import { accept, type Result } from "../base/result.ts";
import { parseGenesis } from "./genesis.ts";
import { createGovernance } from "./governance.ts";
import type { Trust } from "./proof.ts";

/** The validators of a network's first epoch, with which everything later can be checked, and what their set hashes to. */
export function trustOfGenesis(file: GenesisFile): Result<Trust & { readonly setHash: Hex }> {
  const genesis = parseGenesis(file);
  if (!genesis.ok) return genesis;
  const { number, members, setHash } = createGovernance(genesis.value).epoch;
  return accept({ chainId: genesis.value.chainId, epoch: number, members, setHash });
}
