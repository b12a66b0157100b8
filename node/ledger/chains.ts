import { assert } from "../base/assert.ts";
import type { RecordResult } from "./codes.ts";
import type { Ledger } from "./ledger.ts";

/**
 * Applies records in order. Records with the flag `linked` form a chain with the next one: all of a chain or none of it.
 * Answers one result per record: the record that broke a chain has its own code, the others `linked_event_failed`.
 */
export function applyChains<T>({
  ledger,
  records,
  linked,
  apply,
}: {
  ledger: Ledger;
  records: readonly T[];
  linked: (record: T) => boolean;
  apply: (record: T) => RecordResult;
}): RecordResult[] {
  const results: RecordResult[] = [];
  let chain: T[] = [];
  for (const record of records) {
    if (chain.length === 0 && !linked(record)) {
      results.push(apply(record));
      continue;
    }
    chain.push(record);
    if (linked(record)) continue;
    results.push(...applyChain(ledger, chain, apply));
    chain = [];
  }
  results.push(...chain.map((_, at) => (at === chain.length - 1 ? "linked_event_chain_open" : "linked_event_failed")));
  assert(results.length === records.length, "one result per record");
  return results;
}

function applyChain<T>(ledger: Ledger, chain: readonly T[], apply: (record: T) => RecordResult): RecordResult[] {
  assert(ledger.undo === undefined, "chains do not nest");
  const undo: (() => void)[] = [];
  ledger.undo = undo;
  const results: RecordResult[] = [];
  for (const record of chain) {
    const result = apply(record);
    results.push(result);
    // A repeat of what was applied before does not break a chain, so that a whole chain can be repeated.
    if (result !== "applied" && result !== "exists") break;
  }
  ledger.undo = undefined;
  const broken = results.findIndex((result) => result !== "applied" && result !== "exists");
  if (broken === -1) return results;
  for (const back of undo.toReversed()) back();
  return chain.map((_, at) => (at === broken ? (results[broken] ?? "linked_event_failed") : "linked_event_failed"));
}
