import type { Account, Entry, Genesis } from "./books.ts";

/** Ledger numbers, from the published table of tokens (not from the ledger's code). */
const FLX = 1;
const ATR = 3;
/** Smaller account ids belong to the system (docs/ledger.md): `256 · ledger + kind`, from 2³² on `2³² + 8 · validator + ledger`. */
const FIRST_USER_ID = 1n << 64n;
const FIRST_VALIDATOR_ID = 1n << 32n;
const ISSUANCE = 1;
const POOL = 6;
const systemId = (ledger: number, kind: number): bigint => BigInt(256 * ledger + kind);

/** Shares of a mint, which is the same double entry in every token. */
const MINT_KINDS: readonly string[] = ["mint", "mint_pool"];

type Sums = { debitsPending: bigint; debitsPosted: bigint; creditsPending: bigint; creditsPosted: bigint };
const COLUMNS = ["debitsPending", "debitsPosted", "creditsPending", "creditsPosted"] as const;
const zero = (): Sums => ({ debitsPending: 0n, debitsPosted: 0n, creditsPending: 0n, creditsPosted: 0n });

export type Recomputed = {
  readonly sums: ReadonlyMap<bigint, Readonly<Sums>>;
  /** Entries that this check has no rule for: it says so instead of passing over them. */
  readonly unsupported: readonly string[];
};

/** Balances from nothing but the journal, by plain double entry. */
export function recompute(entries: readonly Entry[]): Recomputed {
  const sums = new Map<bigint, Sums>();
  const open = new Map<bigint, Entry>();
  const unsupported: string[] = [];
  const at = (id: bigint): Sums => {
    const known = sums.get(id) ?? zero();
    sums.set(id, known);
    return known;
  };
  const post = ({ debit, credit, amount }: Entry): void => {
    at(debit).debitsPosted += amount;
    at(credit).creditsPosted += amount;
  };
  const reserve = ({ debit, credit }: Entry, amount: bigint): void => {
    at(debit).debitsPending += amount;
    at(credit).creditsPending += amount;
  };

  for (const entry of entries) {
    const first = open.get(entry.pendingId);
    // Stake of a validator that joins moves like a mint.
    if (MINT_KINDS.includes(entry.kind) || entry.kind === "bond") {
      post(entry);
    } else if (entry.kind !== "issue" && entry.ledger !== FLX) {
      // Transfers of the other tokens follow rules of their own, which are not recomputed here.
      unsupported.push(`entry ${entry.position}: ledger ${entry.ledger}`);
    } else if (["issue", "transfer", "account_fee"].includes(entry.kind)) {
      post(entry);
    } else if (entry.kind === "pending") {
      open.set(entry.id, entry);
      reserve(entry, entry.amount);
    } else if (["post", "void", "expire"].includes(entry.kind) && first !== undefined) {
      open.delete(first.id);
      reserve(first, -first.amount);
      if (entry.kind === "post") post(entry);
    } else {
      unsupported.push(`entry ${entry.position}: kind ${entry.kind}, pending transfer ${entry.pendingId}`);
    }
  }
  return { sums, unsupported };
}

/** Accounts whose numbers are not the recomputed ones, in words. */
export function wrongBalances(recomputed: Recomputed, accounts: readonly Account[]): string[] {
  const shown = new Set(accounts.map((account) => account.id));
  return [
    ...accounts.flatMap((account) => {
      const expected = recomputed.sums.get(account.id) ?? zero();
      return COLUMNS.filter((column) => account[column] !== expected[column]).map(
        (column) => `account ${account.id}: ${column} is ${account[column]}, the journal makes it ${expected[column]}`,
      );
    }),
    ...[...recomputed.sums.keys()]
      .filter((id) => !shown.has(id))
      .map((id) => `account ${id} is in the journal but not among the accounts`),
  ];
}

/** Money that did not come from genesis, or that genesis promised and nobody got. */
export function wrongIssues(genesis: Genesis, entries: readonly Entry[]): string[] {
  const issues = entries.filter((entry) => entry.kind === "issue");
  const key = (one: { ledger: number; amount: bigint; to: bigint }): string =>
    `${one.amount} of ledger ${one.ledger} to account ${one.to}`;
  const given = issues
    .filter((entry) => entry.credit >= FIRST_USER_ID)
    .map((entry) => key({ ledger: entry.ledger, amount: entry.amount, to: entry.credit }));
  const promised = genesis.accounts
    .filter((account) => account.balance > 0n)
    .map((account) => key({ ledger: account.ledger, amount: account.balance, to: account.id }));
  const bonded = issues.filter((entry) => entry.credit < FIRST_USER_ID);
  const bonds = bonded.filter((entry) => entry.ledger === ATR).reduce((sum, entry) => sum + entry.amount, 0n);
  return [
    ...given.filter((one) => !promised.includes(one)).map((one) => `issued beside genesis: ${one}`),
    ...promised.filter((one) => !given.includes(one)).map((one) => `promised by genesis and not issued: ${one}`),
    ...(new Set(given).size === given.length ? [] : ["an account was given its genesis balance twice"]),
    ...issues.filter((entry) => entry.height !== 0).map((entry) => `issued at height ${entry.height}: ${entry.amount}`),
    ...(bonds === genesis.bonds ? [] : [`bonds are ${bonds}, genesis says ${genesis.bonds}`]),
    ...bonded
      .filter((entry) => entry.ledger !== ATR)
      .map((entry) => `issued to the system's account ${entry.credit}: ${entry.amount}`),
  ];
}

/** Mints that are none by the published rules: from another account, to another one than a validator's own, or one share twice. */
export function wrongMints(entries: readonly Entry[]): string[] {
  const mints = entries.filter(({ kind }) => MINT_KINDS.includes(kind));
  const seen = new Set<string>();
  return mints.flatMap((entry) => {
    const { id, kind, position, ledger, debit, credit } = entry;
    const share = `${kind} ${id} to account ${credit}`;
    const twice = seen.has(share);
    seen.add(share);
    const from = kind === "mint" ? systemId(ledger, ISSUANCE) : systemId(ATR, POOL);
    const own = credit >= FIRST_VALIDATOR_ID && credit < FIRST_USER_ID && credit % 8n === BigInt(ledger);
    return [
      ...(debit === from && own
        ? []
        : [`entry ${position}: ${kind} of ledger ${ledger} from account ${debit} to ${credit}`]),
      ...(twice ? [`entry ${position}: ${share} stands there twice`] : []),
    ];
  });
}
