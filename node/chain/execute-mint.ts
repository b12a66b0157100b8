import { present } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import { accountOf, type Ledger } from "../ledger/ledger.ts";
import { systemMove } from "../ledger/system-move.ts";
import { compareBigints } from "../ledger/timers.ts";
import { systemAccountId, TOKENS, validatorAccountId } from "../ledger/tokens.ts";
import { mintDue } from "../mint/budget.ts";
import { type MintInput, mint } from "../mint/mint.ts";
import { mintId } from "../mint/mint-id.ts";
import type { Share } from "../mint/share.ts";
import type { Coherence } from "./coherence.ts";
import { type MintRecord, mintCause, type mintedTokens, recentChrOf } from "./mint-record.ts";
import { creditable, issuable, type SupplyCaps, spendable, systemAccount } from "./supply.ts";

export type MintScene = {
  readonly ledger: Ledger;
  readonly chainId: Hex;
  readonly supplyCaps: SupplyCaps;
  readonly height: number;
};

/**
 * The mint of a boundary, if one is due: decided by what was measured up to E, within what caps and pool leave at the
 * closing block. `members` are those of the next epoch: who has left by now gets nothing.
 */
export function executeMint(
  coherence: Coherence,
  members: readonly { readonly id: number }[],
  scene: MintScene,
): MintRecord | undefined {
  const { epoch, mints, stability, coherencePpm, meanPsiPpm, standings } = coherence;
  const { lambdaPpm, emergency } = stability;
  const due = mintDue({
    ...{ coherencePpm, lambdaPpm, emergency: emergency.active },
    epochsSinceLast: epoch - (mints.at(-1)?.epoch ?? 0),
    measuredEpochs: epoch,
  });
  if (!due) return undefined;
  const still = members.map(({ id }) => ({ id, recentChr: recentChrOf(mints, id) }));
  const input: MintInput = {
    ...{ coherencePpm, lambdaPpm, meanPsiPpm },
    candidates: still.flatMap(({ id, recentChr }) => {
      const standing = standings.get(id);
      return standing === undefined ? [] : [{ id, weight: standing.weight, psiPpm: standing.psiPpm, recentChr }];
    }),
    highestRecentChr:
      still
        .map(({ recentChr }) => recentChr)
        .toSorted(compareBigints)
        .at(-1) ?? 0n,
    headroom: headroomOf(scene),
  };
  const record = { ...input, ...mint(input), id: mintId(scene.chainId, epoch), epoch, height: scene.height };
  for (const { token, shares } of record.issues)
    for (const share of shares) pay(share, { ...scene, cause: mintCause(record), token: TOKENS[token] });
  return record;
}

/** ATR is paid from the pool first (domain.md, "Ledger"), so its room is the pool's too. */
function headroomOf({ ledger, supplyCaps }: MintScene): MintInput["headroom"] {
  const room = (token: (typeof mintedTokens)[number]): bigint => issuable(ledger, TOKENS[token], supplyCaps);
  const pool = spendable(systemAccount(ledger, TOKENS.ATR, "pool"));
  return { FLX: room("FLX"), CHR: room("CHR"), ATR: room("ATR") + pool, PSY: room("PSY"), RES: room("RES") };
}

function pay({ id, amount }: Share, scene: MintScene & { readonly cause: bigint; readonly token: number }): void {
  const { ledger, token, cause } = scene;
  const credit = validatorAccountId(id, token);
  // Sums of an account only grow: one that has turned over 2¹²⁸ takes nothing any more, and stops nobody else.
  if (amount > creditable(present(accountOf(ledger, credit), "a validator has its accounts"))) return;
  const pool = token === TOKENS.ATR ? spendable(systemAccount(ledger, token, "pool")) : 0n;
  const pooled = pool < amount ? pool : amount;
  const move = { id: cause, ledger: token, credit } as const;
  if (pooled > 0n)
    systemMove(ledger, { ...move, kind: "mint_pool", debit: systemAccountId(token, "pool"), amount: pooled });
  const issued = amount - pooled;
  if (issued > 0n)
    systemMove(ledger, { ...move, kind: "mint", debit: systemAccountId(token, "issuance"), amount: issued });
}
