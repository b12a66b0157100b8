/**
 * Why a record of the batch types `validator`, `authority`, `conversions`, `rotations`, `reports` and `anchors` was refused; one code per cause.
 * Those of the ledger (`exceeds_credits` …) come beside them where such a record moves tokens.
 */
export const governanceCodes = [
  "record_kind_unknown",
  "reserved_field",
  "amount_must_not_be_zero",
  // Who speaks.
  "signer_not_owner",
  "signer_not_vote_key",
  "authority_not_signed",
  "serial_not_above_last",
  "vote_key_signature_invalid",
  "owner_signature_invalid",
  // Stake.
  "validator_unknown",
  "account_not_found",
  "account_must_hold_atr",
  "exceeds_bond",
  "too_many_unbondings",
  // Coming and going.
  "already_a_member",
  "owner_differs",
  "vote_key_in_use",
  "bond_below_minimum",
  "too_many_validators",
  "not_joining",
  "height_unknown",
  "results_differ",
  "not_a_member",
  "nothing_to_approve",
  "nothing_to_release",
  "not_jailed",
  "jailed",
  "jail_not_over",
  "jailed_for_ever",
  // Parameters.
  "parameter_unknown",
  "parameter_out_of_bounds",
  "parameter_unchanged",
  "parameter_step_too_large",
  "parameter_cooldown",
  "parameter_change_pending",
  // Conversions and rotations.
  "accounts_must_have_the_same_owner",
  "conversion_unknown",
  "validators_only",
  "converts_to_nothing",
  "supply_cap_reached",
  "account_moved_by_system_only",
  // Reports.
  "report_epoch_not_over",
  "report_epoch_settled",
  "reporter_not_a_member",
  "subject_unknown",
  "subject_not_a_member",
  "reported_itself",
  "reported_already",
  "ratio_out_of_range",
  // Anchors.
  "entry_id_invalid",
  "anchor_epoch_not_current",
  "attested_by_one",
  "attester_not_a_replica",
  "attestation_invalid",
  "anchored_already",
  "anchor_limit_reached",
] as const;

export type GovernanceCode = (typeof governanceCodes)[number];
