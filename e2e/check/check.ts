import { recompute, wrongBalances, wrongIssues, wrongMints } from "./balances.ts";
import {
  type Entry,
  type Genesis,
  type NodeBooks,
  type Promises,
  type Transfer,
  USER_KINDS,
  type Violation,
} from "./books.ts";

export type CheckInput = {
  readonly promises: Promises;
  readonly genesis: Genesis;
  readonly nodes: readonly NodeBooks[];
  readonly wanted: { readonly validators: number; readonly version: string };
  /** What every validator had executed before it was read; mints go on behind it. */
  readonly commonHeight: number;
};

const SHOWN_PER_KIND = 5;

/** Everything that is wrong, judged from outside. An empty answer is the only good one. */
export function findViolations({ promises, genesis, nodes, wanted, commonHeight }: CheckInput): Violation[] {
  const violations: Violation[] = [];
  const add = (kind: Violation["kind"], validator: number | undefined, details: readonly string[]): void => {
    for (const detail of details.slice(0, SHOWN_PER_KIND)) violations.push({ kind, validator, detail });
    if (details.length > SHOWN_PER_KIND)
      violations.push({ kind, validator, detail: `and ${details.length - SHOWN_PER_KIND} more` });
  };

  const missing = Array.from({ length: wanted.validators }, (_, id) => id).filter(
    (id) => !nodes.some((node) => node.validator === id),
  );
  add(
    "release",
    undefined,
    missing.map((id) => `validator ${id} was not read`),
  );

  for (const node of nodes) {
    const { validator } = node;
    const byId = new Map<bigint, Entry>();
    const moves = node.entries.filter((entry) => USER_KINDS.includes(entry.kind));
    for (const entry of moves) {
      if (byId.has(entry.id))
        add("twice", validator, [
          `transfer ${entry.id} stands at ${byId.get(entry.id)?.position} and ${entry.position}`,
        ]);
      byId.set(entry.id, entry);
    }
    add("gap", validator, gaps(node.entries));
    const acknowledged = new Set(promises.acknowledged.map((transfer) => transfer.id));
    const asked = new Map(
      [...promises.acknowledged, ...promises.unanswered].map((transfer) => [transfer.id, transfer]),
    );
    add(
      "lost",
      validator,
      [...acknowledged].filter((id) => !byId.has(id)).map((id) => `acknowledged transfer ${id} is not in the journal`),
    );
    add(
      "changed",
      validator,
      [...asked.values()].flatMap((transfer) => difference(transfer, byId.get(transfer.id))),
    );
    add(
      "refused-but-applied",
      validator,
      promises.refused
        .filter((transfer) => byId.has(transfer.id))
        .map((transfer) => `refused transfer ${transfer.id} is in the journal`),
    );
    const known = new Set([...asked.keys(), ...promises.refused.map((transfer) => transfer.id)]);
    add(
      "unexpected",
      validator,
      moves
        .filter((entry) => !known.has(entry.id))
        .map((entry) => `nobody asked for the transfer ${entry.id} at ${entry.position}`),
    );
    add("issue", validator, [...wrongIssues(genesis, node.entries), ...wrongMints(node.entries)]);
    const recomputed = recompute(node.entries);
    add("unsupported", validator, recomputed.unsupported);
    add("balance", validator, wrongBalances(recomputed, node.accounts));
    if (node.version !== wanted.version)
      add("release", validator, [`runs version ${node.version}, wanted is ${wanted.version}`]);
  }

  const [first, ...others] = nodes.map((node) => ({
    ...node,
    entries: node.entries.filter(({ height }) => height <= commonHeight),
  }));
  for (const node of others) if (first !== undefined) compare(first, node, add);
  return violations;
}

/** Positions are counted from 1 without a hole, or the reader missed something. */
function gaps(entries: readonly Entry[]): string[] {
  return entries.flatMap((entry, index) =>
    entry.position === index + 1 ? [] : [`position ${entry.position} stands where ${index + 1} is due`],
  );
}

function difference(asked: Transfer, entry: Entry | undefined): string[] {
  if (entry === undefined) return [];
  return (["debit", "credit", "amount"] as const)
    .filter((field) => asked[field] !== entry[field])
    .map((field) => `transfer ${asked.id}: ${field} is ${entry[field]}, asked for was ${asked[field]}`);
}

function compare(
  one: NodeBooks,
  other: NodeBooks,
  add: (kind: Violation["kind"], validator: number, details: readonly string[]) => void,
): void {
  if (one.chainId !== other.chainId)
    add("chain", other.validator, [`chain ${other.chainId} instead of ${one.chainId}`]);
  const line = (entry: Entry | undefined): string =>
    entry === undefined
      ? "nothing"
      : [entry.id, entry.debit, entry.credit, entry.amount, entry.ledger, entry.kind, entry.height].join("/");
  const length = Math.max(one.entries.length, other.entries.length);
  const at = Array.from({ length }, (_, index) => index).find(
    (index) => line(one.entries[index]) !== line(other.entries[index]),
  );
  if (at !== undefined)
    add("journals-differ", other.validator, [
      `from position ${at + 1}: ${line(other.entries[at])}, validator ${one.validator} has ${line(one.entries[at])}`,
    ]);
  for (const head of one.heads) {
    const twin = other.heads.find((candidate) => candidate.height === head.height);
    if (twin?.resultsHash !== head.resultsHash)
      add("results-hash", other.validator, [
        `height ${head.height}: ${twin?.resultsHash ?? "unknown"}, validator ${one.validator} has ${head.resultsHash}`,
      ]);
    if (twin?.stateRoot !== head.stateRoot)
      add("state-root", other.validator, [
        `height ${head.height}: ${twin?.stateRoot ?? "unknown"}, validator ${one.validator} has ${head.stateRoot ?? "none"}`,
      ]);
  }
}
