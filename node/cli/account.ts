import { LEDGERS, PORTS } from "../api/contract.ts";
import { refuse } from "../base/result.ts";
import { openApiReader } from "../client/api-reader.ts";
import { type Account, createLookups, type HistoryPage } from "../client/lookups.ts";
import { command } from "./command.ts";
import { bigints } from "./numbers.ts";
import { REACH_FLAGS, reachOf } from "./reach.ts";
import { table } from "./table.ts";

const HISTORY_MAX = 1_000;

/** `hmn-node account`: an account as one node knows it; 1 if there is none. */
export const account = command(
  {
    command: "account",
    summary: `an account's balance, from a node's JSON API (port ${PORTS.api})`,
    flags: {
      ...REACH_FLAGS,
      history: { value: "N", help: `and its newest N movements, up to ${HISTORY_MAX}` },
      json: { help: "as JSON" },
    },
    positionals: ["ID"],
  },
  async (flags, world) => {
    const [text = ""] = flags.positionals;
    if (!/^[0-9]{1,39}$/.test(text)) return refuse("usage", `ID: ${JSON.stringify(text)} is no decimal number`);
    const wanted = flags.text("history") ?? "0";
    if (!/^[0-9]{1,4}$/.test(wanted) || Number(wanted) > HISTORY_MAX)
      return refuse("usage", `--history: up to ${HISTORY_MAX}`);
    const reach = reachOf(flags, world, PORTS.api);
    if (!reach.ok) return reach;
    const reader = openApiReader([reach.value.address], reach.value.ca);
    try {
      const lookups = createLookups(reader);
      const found = await lookups.account(BigInt(text));
      if (found === undefined) {
        world.error(`hmn-node account: there is no account ${text}\n`);
        return 1;
      }
      const page = wanted === "0" ? undefined : await lookups.history(BigInt(text), { limit: Number(wanted) });
      const entries = page?.entries ?? [];
      if (flags.on("json")) world.out(`${JSON.stringify({ account: found, entries }, bigints, 2)}\n`);
      else world.out(`${table(accountRows(found))}${entries.length === 0 ? "" : `\n${table(historyRows(entries))}`}`);
      return 0;
    } finally {
      reader.close();
    }
  },
);

type Sum = "creditsPosted" | "debitsPosted" | "creditsPending" | "debitsPending";

/** An account for people, whoever vouches for it. */
export function accountRows(
  found: Pick<Account, "id" | "ledger" | "code" | "flags" | Sum> & { readonly owner?: string | null | undefined },
): string[][] {
  const token = Object.entries(LEDGERS).find(([, ledger]) => ledger === found.ledger)?.[0] ?? `ledger ${found.ledger}`;
  return [
    ["account", `${found.id}`],
    ["owner", found.owner ?? "the system"],
    ["balance", `${found.creditsPosted - found.debitsPosted} millionths of ${token}`],
    ["posted", `${found.creditsPosted} credits, ${found.debitsPosted} debits`],
    ["pending", `${found.creditsPending} credits, ${found.debitsPending} debits`],
    ["code, flags", `${found.code}, ${found.flags}`],
  ];
}

const historyRows = (entries: HistoryPage["entries"]): string[][] => [
  ["block", "kind", "debit", "credit", "amount", "id"],
  ...entries.map(({ height, kind, debit, credit, amount, id }) =>
    [height, kind, debit, credit, amount, id].map((cell) => `${cell}`),
  ),
];
