import { assert, present } from "../base/assert.ts";
import { PPM } from "../base/units.ts";
import type { Conversion } from "../codec/conversion.ts";
import { U128_MAX } from "../codec/transfer.ts";
import type { Account } from "../ledger/account.ts";
import type { ResultCode } from "../ledger/codes.ts";
import { accountOf, type Ledger } from "../ledger/ledger.ts";
import { type SystemMove, systemMove } from "../ledger/system-move.ts";
import { systemAccountId, TOKENS } from "../ledger/tokens.ts";
import type { Scene } from "./execute-validator.ts";
import { type Governance, PSI_PPM } from "./governance.ts";
import type { GovernanceCode } from "./governance-codes.ts";

/** Most of each token that may exist at a time, by ledger. */
export type SupplyCaps = ReadonlyMap<number, bigint>;

/** What a million of the burned token gives of the other one; rates with Ψ stand at Ψ = 1 until it is measured. */
const ofPsi = (base: number, share: number): bigint => BigInt(base + (share * PSI_PPM) / PPM);
const RATES: readonly { readonly from: number; readonly to: number; readonly ratePpm: bigint }[] = [
  { from: TOKENS.CHR, to: TOKENS.ATR, ratePpm: ofPsi(500_000, 500_000) },
  { from: TOKENS.CHR, to: TOKENS.RES, ratePpm: 100_000n },
  { from: TOKENS.FLX, to: TOKENS.PSY, ratePpm: ofPsi(300_000, 400_000) },
  { from: TOKENS.PSY, to: TOKENS.ATR, ratePpm: 800_000n },
  { from: TOKENS.ATR, to: TOKENS.RES, ratePpm: 500_000n },
];
const POOL_PPM = 800_000n;

/** Burns one token and issues another within its cap, rounding down. Both accounts have the same owner, who signs. */
export function executeConversion(
  governance: Governance,
  { debit, credit, amount }: Conversion,
  scene: Scene & { readonly supplyCaps: SupplyCaps },
): "applied" | GovernanceCode | ResultCode {
  const { ledger, signer } = scene;
  const payer = accountOf(ledger, debit);
  if (payer === undefined) return "debit_account_not_found";
  const payee = accountOf(ledger, credit);
  if (payee === undefined) return "credit_account_not_found";
  if (payer.owner !== signer) return "signer_not_owner";
  if (payee.owner !== signer) return "accounts_must_have_the_same_owner";
  const rate = RATES.find(({ from, to }) => from === payer.ledger && to === payee.ledger);
  if (rate === undefined) return "conversion_unknown";
  // The rate is that of the validator's own Ψ: who has none has no rate.
  const ownPsi = rate.from === TOKENS.CHR && rate.to === TOKENS.ATR;
  if (ownPsi && ![...governance.validators.values()].some(({ ownerKey }) => ownerKey === signer))
    return "validators_only";
  if (amount === 0n) return "amount_must_not_be_zero";
  const issued = (amount * rate.ratePpm) / BigInt(PPM);
  if (issued === 0n) return "converts_to_nothing";
  if (amount > spendable(payer)) return "exceeds_credits";
  if (issued > creditable(payee)) return "overflows_credits";
  if (issued > issuable(ledger, rate.to, scene.supplyCaps)) return "supply_cap_reached";
  const kinds = { burn: "convert_burn", issue: "convert_issue" } as const;
  burnAndIssue({ kinds, burned: { from: payer, amount }, issued: { to: payee, amount: issued } }, scene);
  return "applied";
}

/**
 * Each closing block turns what the PSY fee account holds into eight tenths of it on the ATR pool (domain.md, "Ledger"), as
 * far as ATR's cap lets it; what does not fit waits.
 */
export function convertFees(
  ledger: Ledger,
  { height, time, supplyCaps }: Pick<Scene, "height" | "time"> & { supplyCaps: SupplyCaps },
): void {
  const fees = system(ledger, TOKENS.PSY, "fee");
  const pool = system(ledger, TOKENS.ATR, "pool");
  const held = spendable(fees);
  const fits = (issuable(ledger, TOKENS.ATR, supplyCaps) * BigInt(PPM)) / POOL_PPM;
  const amount = held < fits ? held : fits;
  const issued = (amount * POOL_PPM) / BigInt(PPM);
  if (issued === 0n || issued > creditable(pool)) return;
  const kinds = { burn: "pool_burn", issue: "pool_issue" } as const;
  const place = { ledger, height, time, cause: BigInt(height) };
  burnAndIssue({ kinds, burned: { from: fees, amount }, issued: { to: pool, amount: issued } }, place);
}

function burnAndIssue(
  {
    kinds,
    burned,
    issued,
  }: {
    kinds: { readonly burn: SystemMove["kind"]; readonly issue: SystemMove["kind"] };
    burned: { readonly from: Readonly<Account>; readonly amount: bigint };
    issued: { readonly to: Readonly<Account>; readonly amount: bigint };
  },
  { ledger, height, time, cause }: Pick<Scene, "ledger" | "height" | "time" | "cause">,
): void {
  const { from, amount } = burned;
  const { to } = issued;
  const moves: readonly SystemMove[] = [
    {
      kind: kinds.burn,
      id: cause,
      ledger: from.ledger,
      debit: from.id,
      credit: systemAccountId(from.ledger, "burn"),
      amount,
    },
    {
      kind: kinds.issue,
      id: cause,
      ledger: to.ledger,
      debit: systemAccountId(to.ledger, "issuance"),
      credit: to.id,
      amount: issued.amount,
    },
  ];
  for (const move of moves) assert(systemMove(ledger, move, { height, time }) === "applied", "a conversion is whole");
}

/** How much may still be issued: up to the cap on what exists, and no further than the issuance account's sums reach. */
function issuable(ledger: Ledger, token: number, caps: SupplyCaps): bigint {
  const issuance = system(ledger, token, "issuance");
  const burn = system(ledger, token, "burn");
  const held = issuance.debitsPosted - issuance.creditsPosted - (burn.creditsPosted - burn.debitsPosted);
  const cap = present(caps.get(token), "every token has a cap") - held;
  const room = U128_MAX - issuance.debitsPosted;
  if (cap <= 0n) return 0n;
  if (room < cap) return room;
  return cap;
}

/** All of these accounts may be debited up to what they hold. */
const spendable = ({ creditsPosted, debitsPosted, debitsPending }: Readonly<Account>): bigint =>
  creditsPosted - debitsPosted - debitsPending;
const creditable = ({ creditsPosted, creditsPending }: Readonly<Account>): bigint =>
  U128_MAX - creditsPosted - creditsPending;

const system = (ledger: Ledger, token: number, name: "issuance" | "burn" | "fee" | "pool"): Account =>
  present(accountOf(ledger, systemAccountId(token, name)), "a system account is there");
