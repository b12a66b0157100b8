import { assert } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import { PPM } from "../base/units.ts";
import type { Conversion } from "../codec/conversion.ts";
import type { Account } from "../ledger/account.ts";
import type { ResultCode } from "../ledger/codes.ts";
import { accountOf, type Ledger } from "../ledger/ledger.ts";
import { type SystemMove, systemMove } from "../ledger/system-move.ts";
import { systemAccountId, TOKENS, tokenLedgers, validatorAccountId } from "../ledger/tokens.ts";
import type { Scene } from "./execute-validator.ts";
import type { Governance } from "./governance.ts";
import type { GovernanceCode } from "./governance-codes.ts";
import { creditable, issuable, type SupplyCaps, spendable, systemAccount } from "./supply.ts";
import type { Validator } from "./validator.ts";

/** What one of the burned token gives of the other: a constant, and a part that goes with Ψ (domain.md, "Tokens"). */
type Rate = {
  readonly from: number;
  readonly to: number;
  readonly basePpm: number;
  /** `own`: of the validator that owns the account; `mean`: Ψ̄. */
  readonly psi?: { readonly whose: "own" | "mean"; readonly partPpm: number };
};
const RATES: readonly Rate[] = [
  { from: TOKENS.CHR, to: TOKENS.ATR, basePpm: 500_000, psi: { whose: "own", partPpm: 500_000 } },
  { from: TOKENS.CHR, to: TOKENS.RES, basePpm: 100_000 },
  { from: TOKENS.FLX, to: TOKENS.PSY, basePpm: 300_000, psi: { whose: "mean", partPpm: 400_000 } },
  { from: TOKENS.PSY, to: TOKENS.ATR, basePpm: 800_000 },
  { from: TOKENS.ATR, to: TOKENS.RES, basePpm: 500_000 },
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
  const psi = rate.psi?.whose === "own" ? ownPsiPpm(governance, payer.id, signer) : governance.coherence.meanPsiPpm;
  if (psi === undefined) return "validators_only";
  if (amount === 0n) return "amount_must_not_be_zero";
  // 10¹² times the rate: multiplied first, divided once.
  const times = BigInt(rate.basePpm * PPM + (rate.psi?.partPpm ?? 0) * psi);
  const issued = (amount * times) / BigInt(PPM * PPM);
  if (issued === 0n) return "converts_to_nothing";
  if (amount > spendable(payer)) return "exceeds_credits";
  if (issued > creditable(payee)) return "overflows_credits";
  if (issued > issuable(ledger, rate.to, scene.supplyCaps)) return "supply_cap_reached";
  const kinds = { burn: "convert_burn", issue: "convert_issue" } as const;
  burnAndIssue({ kinds, burned: { from: payer, amount }, issued: { to: payee, amount: issued } }, scene);
  return "applied";
}

/**
 * Ψ of the validator that owns the account: the one whose five accounts it is of; else the lowest of those that the owner
 * has, so that nobody can choose. Undefined for who has none.
 */
function ownPsiPpm({ validators }: Governance, account: bigint, owner: Hex): number | undefined {
  const owned = [...validators.values()].filter(({ ownerKey }) => ownerKey === owner);
  const isOf = ({ id }: Validator): boolean => tokenLedgers.some((token) => validatorAccountId(id, token) === account);
  const counted = owned.some(isOf) ? owned.filter(isOf) : owned;
  return counted.length === 0 ? undefined : Math.min(...counted.map(({ psiPpm }) => psiPpm));
}

/**
 * Each closing block turns what the PSY fee account holds into eight tenths of it on the ATR pool (domain.md, "Ledger"), as
 * far as ATR's cap lets it; what does not fit waits.
 */
export function convertFees(
  ledger: Ledger,
  { height, supplyCaps }: Pick<Scene, "height"> & { supplyCaps: SupplyCaps },
): void {
  const fees = systemAccount(ledger, TOKENS.PSY, "fee");
  const pool = systemAccount(ledger, TOKENS.ATR, "pool");
  const held = spendable(fees);
  const fits = (issuable(ledger, TOKENS.ATR, supplyCaps) * BigInt(PPM)) / POOL_PPM;
  const amount = held < fits ? held : fits;
  const issued = (amount * POOL_PPM) / BigInt(PPM);
  if (issued === 0n || issued > creditable(pool)) return;
  const kinds = { burn: "pool_burn", issue: "pool_issue" } as const;
  const place = { ledger, cause: BigInt(height) };
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
  { ledger, cause }: Pick<Scene, "ledger" | "cause">,
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
  for (const move of moves) assert(systemMove(ledger, move) === "applied", "a conversion is whole");
}
