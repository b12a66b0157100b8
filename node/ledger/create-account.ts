import { present } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import { accountFlags, type SignedAccountRecord, verifyAccountRecord } from "../codec/account.ts";
import { U128_MAX } from "../codec/transfer.ts";
import { type Account, creditFault, debitFault, has, openAccount } from "./account.ts";
import type { RecordResult, ResultCode } from "./codes.ts";
import { commonDifference } from "./exists.ts";
import { record } from "./journal.ts";
import { addAccount, book, type Ledger, type Moment } from "./ledger.ts";
import { SYSTEM_IDS_END, systemAccountId, TOKENS, tokenLedgers } from "./tokens.ts";

const KNOWN_FLAGS = Object.values(accountFlags).reduce((all, flag) => all | flag, 0);

/** Opens one account for a fee or says why not; nothing has changed unless it answers `applied`. */
export function createAccount(
  ledger: Ledger,
  account: SignedAccountRecord,
  moment: Moment & { readonly chainId: Hex; readonly accountFee: bigint },
): RecordResult {
  const { accountFee } = moment;
  const malformed = formFault(account);
  if (malformed !== undefined) return malformed;
  const known = ledger.accounts.get(account.id);
  if (known !== undefined) return differsFrom(known, account) ?? "exists";
  const payer = ledger.accounts.get(account.payer);
  if (payer === undefined) return "payer_not_found";
  if (payer.ledger !== TOKENS.FLX) return "payer_must_hold_flx";
  if (payer.owner !== moment.signer) return "signer_not_owner";
  const feeAccount = present(ledger.accounts.get(systemAccountId(TOKENS.FLX, "fee")), "fee account is there");
  const fault = debitFault(payer, accountFee) ?? creditFault(feeAccount, accountFee);
  if (fault !== undefined) return fault;
  if (!verifyAccountRecord(account, moment.chainId)) return "owner_signature_invalid";

  addAccount(
    ledger,
    openAccount({
      id: account.id,
      owner: account.ownerKey,
      ledger: account.ledger,
      code: account.code,
      flags: account.flags & ~accountFlags.linked,
      userData128: account.userData128,
      userData64: account.userData64,
      userData32: account.userData32,
      createdAt: moment.time,
    }),
  );
  book(ledger, [
    { account: payer, sum: "debitsPosted", change: accountFee },
    { account: feeAccount, sum: "creditsPosted", change: accountFee },
  ]);
  record(ledger, {
    height: moment.height,
    time: moment.time,
    kind: "account_fee",
    id: account.id,
    debit: payer.id,
    credit: feeAccount.id,
    amount: accountFee,
    ledger: TOKENS.FLX,
  });
  return "applied";
}

function formFault(account: SignedAccountRecord): ResultCode | undefined {
  if (!account.reservedZero) return "reserved_field";
  if ((account.flags & ~KNOWN_FLAGS) !== 0) return "reserved_flag";
  if (account.id === 0n) return "id_must_not_be_zero";
  if (account.id === U128_MAX) return "id_must_not_be_int_max";
  if (account.id < SYSTEM_IDS_END) return "id_reserved_for_system";
  if (account.ledger === 0) return "ledger_must_not_be_zero";
  if (!tokenLedgers.includes(account.ledger)) return "ledger_unknown";
  if (account.code === 0) return "code_must_not_be_zero";
  if (has(account.flags, accountFlags.creditsMustNotExceedDebits))
    return has(account.flags, accountFlags.debitsMustNotExceedCredits)
      ? "flags_are_mutually_exclusive"
      : "debit_limit_required";
  // An account that could be overdrawn would issue tokens.
  return has(account.flags, accountFlags.debitsMustNotExceedCredits) ? undefined : "debit_limit_required";
}

function differsFrom(known: Account, sent: SignedAccountRecord): ResultCode | undefined {
  if (known.flags !== (sent.flags & ~accountFlags.linked)) return "exists_with_different_flags";
  if (known.owner !== sent.ownerKey) return "exists_with_different_owner";
  return commonDifference(known, sent);
}
