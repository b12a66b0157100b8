import { isRefused, numberOf } from "./codes.ts";
import type { Ledger } from "./ledger.ts";
import { beginChain, commitChain, takeChainBack } from "./undo.ts";

const FAILED = numberOf("linked_event_failed");
const OPEN = numberOf("linked_event_chain_open");

/**
 * Applies records in order and answers a result number for each. Records with the flag `linked` form a chain with the next
 * one: all of a chain or none of it. The record that broke a chain has its own code, the others `linked_event_failed`.
 */
export function applyChains({
  ledger,
  count,
  linked,
  apply,
}: {
  ledger: Ledger;
  count: number;
  linked: (record: number) => boolean;
  apply: (record: number) => number;
}): Uint8Array {
  const results = new Uint8Array(count);
  for (let first = 0; first < count; ) {
    if (!linked(first)) {
      results[first] = apply(first);
      first += 1;
      continue;
    }
    let last = first;
    while (last < count && linked(last)) last += 1;
    if (last === count) {
      results.fill(FAILED, first);
      results[count - 1] = OPEN;
      break;
    }
    applyChain(ledger, results, { first, last, apply });
    first = last + 1;
  }
  return results;
}

function applyChain(
  ledger: Ledger,
  results: Uint8Array,
  { first, last, apply }: { first: number; last: number; apply: (record: number) => number },
): void {
  beginChain(ledger);
  for (let record = first; record <= last; record++) {
    const result = apply(record);
    results[record] = result;
    // A repeat of what was applied before does not break a chain, so that a whole chain can be repeated.
    if (!isRefused(result)) continue;
    takeChainBack(ledger);
    results.fill(FAILED, first, last + 1);
    results[record] = result;
    return;
  }
  commitChain(ledger);
}
