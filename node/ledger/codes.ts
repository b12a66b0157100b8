/**
 * Why a record was refused; one code per cause. Names and meaning are TigerBeetle's where it has the case; the last
 * group of each list is our own (docs/ledger.md tells the differences).
 */
export const resultCodes = [
  // Both record types.
  "linked_event_failed",
  "linked_event_chain_open",
  "timestamp_must_be_zero",
  "reserved_field",
  "reserved_flag",
  "id_must_not_be_zero",
  "id_must_not_be_int_max",
  "flags_are_mutually_exclusive",
  "ledger_must_not_be_zero",
  "code_must_not_be_zero",
  "exists_with_different_flags",
  "exists_with_different_user_data_128",
  "exists_with_different_user_data_64",
  "exists_with_different_user_data_32",
  "exists_with_different_ledger",
  "exists_with_different_code",
  "exceeds_credits",
  "exceeds_debits",
  "overflows_debits",
  "overflows_credits",
  "signer_not_owner",
  // Accounts.
  "id_reserved_for_system",
  "ledger_unknown",
  "debit_limit_required",
  "owner_signature_invalid",
  "payer_not_found",
  "payer_must_hold_flx",
  "exists_with_different_owner",
  "accounts_exhausted",
  "account_not_found",
  // Transfers.
  "exists_with_different_fields",
  "debit_account_id_must_not_be_zero",
  "debit_account_id_must_not_be_int_max",
  "credit_account_id_must_not_be_zero",
  "credit_account_id_must_not_be_int_max",
  "accounts_must_be_different",
  "pending_id_must_be_zero",
  "pending_id_must_not_be_zero",
  "pending_id_must_not_be_int_max",
  "pending_id_must_be_different",
  "timeout_reserved_for_pending_transfer",
  "debit_account_not_found",
  "credit_account_not_found",
  "accounts_must_have_the_same_ledger",
  "transfer_must_have_the_same_ledger_as_accounts",
  "pending_transfer_not_found",
  "pending_transfer_not_pending",
  "pending_transfer_has_different_debit_account_id",
  "pending_transfer_has_different_credit_account_id",
  "pending_transfer_has_different_ledger",
  "pending_transfer_has_different_code",
  "exceeds_pending_transfer_amount",
  "pending_transfer_has_different_amount",
  "pending_transfer_already_posted",
  "pending_transfer_already_voided",
  "pending_transfer_expired",
  "id_expired",
  "id_in_future",
  "agent_reserved_for_pending_transfer",
  "token_not_transferable",
  "credit_account_moved_by_system_only",
  "pending_exhausted",
] as const;

export type ResultCode = (typeof resultCodes)[number];

/** What became of one record: `exists` repeats an applied one and is a success for the client. */
export type RecordResult = "applied" | "exists" | ResultCode;

/** The number of a result is its place here: what execution answers per record, without an object for each. */
export const recordResults: readonly RecordResult[] = ["applied", "exists", ...resultCodes];

export const APPLIED = 0;
export const EXISTS = 1;
export const numberOf = (result: RecordResult): number => recordResults.indexOf(result);
export const isRefused = (result: number): boolean => result > EXISTS;
