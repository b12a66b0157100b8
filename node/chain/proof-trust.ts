import type { GenesisFile } from "../api/contract.ts";
import { accept, type Result } from "../base/result.ts";
import { parseGenesis } from "./genesis.ts";
import { createGovernance } from "./governance.ts";
import type { Trust } from "./proof.ts";

/** The validators of a network's first epoch, with which everything later can be checked. */
export function trustOfGenesis(file: GenesisFile): Result<Trust> {
  const genesis = parseGenesis(file);
  if (!genesis.ok) return genesis;
  const { number, members } = createGovernance(genesis.value).epoch;
  return accept({ chainId: genesis.value.chainId, epoch: number, members });
}
