import { recompute, wrongBalances } from "./balances.ts";
import type { Entry, NodeBooks, Violation } from "./books.ts";

/**
 * Whether a network goes on from the state that another one had after a block: to the last digit the balances that the old journal gives up to
 * there, and the new one's from there on. An acknowledged transfer that was lost, or came twice, would stand in some balance.
 */
export function restoredViolations(
  old: readonly Entry[],
  height: number,
  nodes: readonly Pick<NodeBooks, "validator" | "entries" | "accounts">[],
): readonly Violation[] {
  const kept = old.filter((entry) => entry.height <= height);
  return nodes.flatMap(({ validator, entries, accounts }) => {
    const recomputed = recompute([...kept, ...entries]);
    const gap = entries.findIndex(({ position }, index) => position !== kept.length + index + 1);
    const of = (kind: Violation["kind"], details: readonly string[]) =>
      details.map((detail) => ({ kind, validator, detail }));
    return [
      ...of("unsupported", recomputed.unsupported),
      ...of("balance", wrongBalances(recomputed, accounts)),
      ...of("gap", gap < 0 ? [] : [`entry ${gap + 1} of the new network stands at ${entries[gap]?.position}`]),
    ];
  });
}
