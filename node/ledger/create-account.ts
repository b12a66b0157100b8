import type { Hex } from "../base/bytes.ts";
import { accountFlags, decodeAccountRecords, type SignedAccountRecord, verifyAccountRecord } from "../codec/account.ts";
import { U128_MAX } from "../codec/transfer.ts";
import { type Account, has, newAccount } from "./account.ts";
import { ACCOUNTS_MAX, findAccountId, idOf, ownerOf, SUM, tokenOf } from "./accounts.ts";
import { applyChains } from "./chains.ts";
import { numberOf, type RecordResult, type ResultCode } from "./codes.ts";
import { noteBatch, record } from "./journal.ts";
import { accountOf, book, type Ledger, type Moment, openAccount, systemAccount } from "./ledger.ts";
import { creditFault, debitFault } from "./limits.ts";
import { findOwner, hasRoomForOwner } from "./owners.ts";
import { SYSTEM_IDS_END, TOKENS, tokenLedgers } from "./tokens.ts";

const KNOWN_FLAGS = Object.values(accountFlags).reduce((all, flag) => all | flag, 0);

export type AccountMoment = Moment & {
  readonly chainId: Hex;
  /** What opening an account costs, in the smallest unit of FLX. */
  readonly accountFee: bigint;
};

/**
 * Executes the records of a batch of accounts and notes it in the journal; `batch` is its place in the block. Answers a
 * result number per record (codes.ts).
 */
export function executeAccounts(
  ledger: Ledger,
  { payload, batch, moment }: { payload: Uint8Array; batch: number; moment: AccountMoment },
): Uint8Array {
  const records = decodeAccountRecords(payload);
  const results = applyChains({
    ledger,
    count: records.length,
    linked: (index) => has(records[index]?.flags ?? 0, accountFlags.linked),
    apply: (index) => {
      ledger.journal.record = index;
      return numberOf(createAccount(ledger, records[index] as SignedAccountRecord, moment));
    },
  });
  noteBatch(ledger.journal, batch, results);
  return results;
}

/** Opens one account for a fee or says why not; nothing has changed unless it answers `applied`. */
function createAccount(ledger: Ledger, account: SignedAccountRecord, moment: AccountMoment): RecordResult {
  const malformed = formFault(account);
  if (malformed !== undefined) return malformed;
  const known = accountOf(ledger, account.id);
  if (known !== undefined) return differsFrom(known, account) ?? "exists";
  const { accounts, owners } = ledger;
  const { accountFee } = moment;
  const payer = findAccountId(accounts, account.payer);
  if (payer === -1) return "payer_not_found";
  if (tokenOf(accounts, payer) !== TOKENS.FLX) return "payer_must_hold_flx";
  if (ownerOf(accounts, payer) !== findOwner(owners, moment.signer)) return "signer_not_owner";
  const feeAccount = systemAccount(ledger, TOKENS.FLX, "fee");
  const fault = debitFault(accounts, payer, accountFee) ?? creditFault(accounts, feeAccount, accountFee);
  if (fault !== undefined) return fault;
  if (accounts.rows.count >= ACCOUNTS_MAX || !hasRoomForOwner(owners)) return "accounts_exhausted";
  if (!verifyAccountRecord(account, moment.chainId)) return "owner_signature_invalid";

  const { id, ledger: token, code, userData128, userData64, userData32 } = account;
  const flags = account.flags & ~accountFlags.linked;
  const words = { userData128, userData64, userData32, createdAt: moment.time };
  openAccount(ledger, newAccount({ id, owner: account.ownerKey, ledger: token, code, flags, ...words }));
  book(ledger, [
    { account: payer, sum: SUM.debitsPosted, change: accountFee },
    { account: feeAccount, sum: SUM.creditsPosted, change: accountFee },
  ]);
  record(ledger.journal, {
    kind: "account_fee",
    id,
    debit: account.payer,
    credit: idOf(accounts, feeAccount),
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

/** The first field in which a known account is sent again with something else; undefined for a plain repeat. */
function differsFrom(known: Account, sent: SignedAccountRecord): ResultCode | undefined {
  if (known.flags !== (sent.flags & ~accountFlags.linked)) return "exists_with_different_flags";
  if (known.owner !== sent.ownerKey) return "exists_with_different_owner";
  if (known.userData128 !== sent.userData128) return "exists_with_different_user_data_128";
  if (known.userData64 !== sent.userData64) return "exists_with_different_user_data_64";
  if (known.userData32 !== sent.userData32) return "exists_with_different_user_data_32";
  if (known.ledger !== sent.ledger) return "exists_with_different_ledger";
  return known.code === sent.code ? undefined : "exists_with_different_code";
}
