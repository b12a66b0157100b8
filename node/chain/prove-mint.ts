import type { Hex } from "../base/bytes.ts";
import { mint } from "../mint/mint.ts";
import { mintId } from "../mint/mint-id.ts";
import type { Coherence } from "./coherence.ts";
import { MINTS_KEPT, type MintRecord, recentChrOf } from "./mint-record.ts";

/**
 * What is wrong with a mint of the state, computed again from committed values: its id, its inputs as far as what they are
 * made of still stands in the state, and every share. Undefined: nothing.
 */
export function mintFault(coherence: Coherence, record: MintRecord, chainId: Hex): string | undefined {
  const { epoch, candidates, budget, issues } = record;
  if (record.id !== mintId(chainId, epoch)) return "its id is another epoch's";
  if (coherence.epoch === epoch && !isMeasured(coherence, record)) return "its inputs are not what was measured";
  const before = coherence.mints.filter((one) => one.epoch < epoch);
  const complete = coherence.mints.length < MINTS_KEPT || record === coherence.mints.at(-1);
  if (complete && candidates.some(({ id, recentChr }) => recentChr !== recentChrOf(before, id)))
    return "its reputation is not what the mints before gave";
  const again = mint(record);
  if (again.budget !== budget) return `its budget is ${budget} instead of ${again.budget}`;
  return textOf(again.issues) === textOf(issues) ? undefined : "its shares are not what its inputs make";
}

function isMeasured(coherence: Coherence, record: MintRecord): boolean {
  const { coherencePpm, meanPsiPpm, stability, standings } = coherence;
  const same =
    record.coherencePpm === coherencePpm &&
    record.meanPsiPpm === meanPsiPpm &&
    record.lambdaPpm === stability.lambdaPpm;
  return (
    same &&
    record.candidates.every(({ id, weight, psiPpm }) => {
      const standing = standings.get(id);
      return standing?.weight === weight && standing.psiPpm === psiPpm;
    })
  );
}

const textOf = (issues: MintRecord["issues"]): string =>
  issues
    .map(({ token, total, shares }) => `${token} ${total}: ${shares.map((one) => `${one.id} ${one.amount}`)}`)
    .join();
