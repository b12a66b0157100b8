import { expect, test } from "vitest";
import { encodeAnchors } from "../codec/anchor.ts";
import { signRotation } from "../codec/rotation.ts";
import { encodeValidatorRecords } from "../codec/validator-record.ts";
import { TOKENS, validatorAccountId } from "../ledger/tokens.ts";
import { chainId, heightOf, resultsHashOf } from "./chain.ts";
import { EPOCH_ANCHORS_MAX } from "./execute-anchor.ts";
import { VALIDATORS_KNOWN_MAX } from "./execute-authority.ts";
import { governanceCodes } from "./governance-codes.ts";
import { HEADS_IN_STATE } from "./heads.ts";
import { keyOf, publicKeyOf, TREASURY } from "./test-genesis.ts";
import {
  ATR,
  anchor,
  anchorOf,
  announce,
  authority,
  BOND,
  bondRecord,
  caughtUp,
  closeEpoch,
  convert,
  expectConserved,
  five,
  join,
  joinOf,
  offend,
  order,
  ownerOf,
  replicasOf,
  report,
  say,
  send,
  setFee,
  setParameter,
  step,
  type TestNetwork,
  testNetwork,
  treasury,
  treasuryIn,
  unbond,
  validatorIn,
  voteKeyOf,
} from "./test-governance.ts";
import { UNBONDINGS_MAX, type Validator } from "./validator.ts";

const raw = (payload: Uint8Array, at: number): Uint8Array => payload.map((byte, i) => (i === at ? byte ^ 0x80 : byte));

type Refusal = readonly [code: string, what: string, act: (network: TestNetwork) => string];
const refusals: readonly Refusal[] = [
  [
    "record_kind_unknown",
    "a record of another release",
    (net) => send(net, "validator", raw(encodeValidatorRecords([bondRecord]), 0), ownerOf(0)),
  ],
  [
    "reserved_field",
    "a field that the kind does not use",
    (net) => send(net, "validator", raw(encodeValidatorRecords([bondRecord]), 8), ownerOf(0)),
  ],
  ["amount_must_not_be_zero", "an unbond of nothing", (net) => say(net, unbond(0, 0n), ownerOf(0))],
  ["signer_not_owner", "an unbond by the vote key", (net) => say(net, unbond(0, ATR), voteKeyOf(0))],
  ["signer_not_owner", "a bond from a stranger's account", (net) => say(net, bondRecord, ownerOf(0))],
  ["signer_not_vote_key", "a leave by a stranger", (net) => say(net, { kind: "leave", validator: 0 }, ownerOf(1))],
  ["signer_not_vote_key", "an announcement by the owner", (net) => say(net, announce(0, 2), ownerOf(0))],
  ["authority_not_signed", "an order without signatures", (net) => order(net, setFee, { signers: new Map() })],
  [
    "authority_not_signed",
    "an order of a key that is none of the authority's",
    (net) => order(net, setFee, { signers: new Map([[0, keyOf("thief")]]) }),
  ],
  [
    "authority_not_signed",
    "a place that the authority does not have",
    (net) => order(net, setFee, { signers: new Map([...authority, [5, keyOf("thief")]]) }),
  ],
  [
    "serial_not_above_last",
    "an order that was executed already",
    (net) => {
      expect(order(net, setFee, { serial: 7n })).toBe("applied");
      return order(net, setParameter("emptyBlockMs", 700n), { serial: 7n });
    },
  ],
  ["vote_key_signature_invalid", "a join without the key's own signature", (net) => order(net, joinOf(9), {})],
  [
    "owner_signature_invalid",
    "a rotation that the new owner has not signed",
    (net) =>
      send(
        net,
        "rotations",
        raw(signRotation({ account: TREASURY, chainId: chainId(net.chain), owner: keyOf("new") }), 60),
        treasury,
      ),
  ],
  ["validator_unknown", "a record about nobody", (net) => say(net, unbond(99, 1n), ownerOf(0))],
  ["account_not_found", "a bond from no account", (net) => say(net, { ...bondRecord, account: 1n << 90n }, ownerOf(0))],
  [
    "account_must_hold_atr",
    "a bond of another token",
    (net) => say(net, { ...bondRecord, account: validatorAccountId(0, TOKENS.FLX) }, ownerOf(0)),
  ],
  [
    "exceeds_credits",
    "a bond of more than there is",
    (net) => say(net, { ...bondRecord, account: validatorAccountId(0, TOKENS.ATR) }, ownerOf(0)),
  ],
  ["exceeds_bond", "an unbond of more than is bonded", (net) => say(net, unbond(0, BOND + 1n), ownerOf(0))],
  [
    "too_many_unbondings",
    "one unbond too many",
    (net) => {
      for (let i = 0; i < UNBONDINGS_MAX; i++) expect(say(net, unbond(0, 1n), ownerOf(0))).toBe("applied");
      return say(net, unbond(0, 1n), ownerOf(0));
    },
  ],
  [
    "already_a_member",
    "a join of a member",
    (net) => order(net, { ...joinOf(0), ownerKey: publicKeyOf("owner 0") }, { by: ownerOf(0), voteKey: voteKeyOf(0) }),
  ],
  ["owner_differs", "an id that somebody else has had", (net) => join(net, 0, BOND, { voteKey: keyOf("new") })],
  ["vote_key_in_use", "a join with another's vote key", (net) => join(net, 9, BOND, { voteKey: voteKeyOf(0) })],
  [
    "vote_key_in_use",
    "a replacement by another's vote key",
    (net) =>
      order(
        net,
        { kind: "replace_vote_key", validator: 1, voteKey: publicKeyOf("consensus 0") },
        { voteKey: voteKeyOf(0) },
      ),
  ],
  ["bond_below_minimum", "a join with too little", (net) => join(net, 9, ATR - 1n)],
  ["not_joining", "a member that has caught up", (net) => say(net, caughtUp(net, 0), voteKeyOf(0))],
  [
    "height_unknown",
    "a joiner ahead of the chain",
    (net) => {
      join(net, 9, BOND);
      return say(net, { ...caughtUp(net, 9), height: 99 }, voteKeyOf(9));
    },
  ],
  [
    "height_unknown",
    "a height that a restored node would not know",
    (net) => {
      join(net, 9, BOND);
      const record = caughtUp(net, 9);
      while (heightOf(net.chain) < record.height + HEADS_IN_STATE) step(net, [], { afterMs: 1 });
      expect(resultsHashOf(net.chain, record.height)).toBe(record.resultsHash);
      return say(net, record, voteKeyOf(9));
    },
  ],
  [
    "results_differ",
    "a joiner with other results",
    (net) => {
      join(net, 9, BOND);
      return say(net, { ...caughtUp(net, 9), resultsHash: "ab".repeat(32) }, voteKeyOf(9));
    },
  ],
  [
    "not_a_member",
    "a leave of a stranger to the set",
    (net) => {
      join(net, 9, BOND);
      say(net, { kind: "leave", validator: 9 }, treasury);
      return say(net, { kind: "leave", validator: 9 }, treasury);
    },
  ],
  [
    "not_a_member",
    "an approval by a joiner",
    (net) => {
      join(net, 9, BOND);
      return say(net, { kind: "approve", validator: 9, subject: 9, key: publicKeyOf("consensus 9") }, voteKeyOf(9));
    },
  ],
  [
    "nothing_to_approve",
    "an approval of another key than the asked one",
    (net) => {
      join(net, 9, BOND);
      return say(net, { kind: "approve", validator: 0, subject: 9, key: publicKeyOf("x") }, voteKeyOf(0));
    },
  ],
  ["nothing_to_release", "a release of one that stays", (net) => order(net, { kind: "release", validator: 0 })],
  ["not_jailed", "an unjail of a free one", (net) => say(net, { kind: "unjail", validator: 0 }, voteKeyOf(0))],
  [
    "jail_not_over",
    "an unjail on the first day",
    (net) => {
      offend(net, 4);
      expect(say(net, { kind: "unjail", validator: 4 }, voteKeyOf(4))).toBe("jail_not_over");
      closeEpoch(net);
      return say(net, { kind: "unjail", validator: 4 }, voteKeyOf(4));
    },
  ],
  [
    "jailed",
    "a join out of jail",
    (net) => {
      offend(net, 4);
      closeEpoch(net);
      return order(net, { ...joinOf(4), ownerKey: publicKeyOf("owner 4") }, { by: ownerOf(4), voteKey: voteKeyOf(4) });
    },
  ],
  [
    "jailed_for_ever",
    "an unjail after the second offence",
    () => {
      const net = testNetwork();
      offend(net, 3);
      closeEpoch(net);
      offend(net, 3);
      expect(order(net, { kind: "release", validator: 3 })).toBe("applied");
      closeEpoch(net);
      expect(validatorIn(net, 3).jail).toEqual({ type: "final" });
      return say(net, { kind: "unjail", validator: 3 }, voteKeyOf(3));
    },
  ],
  [
    "too_many_validators",
    "an id beyond what a network ever knows",
    (net) => {
      const { governance } = net.chain;
      const one = validatorIn(net, 0);
      const strangers = Array.from({ length: VALIDATORS_KNOWN_MAX }, (_, id) => [id + 100, { ...one, id: id + 100 }]);
      net.chain.governance = { ...governance, validators: new Map(strangers as [number, Validator][]) };
      const refused = join(net, 9, BOND);
      net.chain.governance = governance;
      return refused;
    },
  ],
  ["parameter_unknown", "no parameter", (net) => order(net, { kind: "set_parameter", parameter: 99, value: 1n })],
  ["parameter_out_of_bounds", "a value below its bound", (net) => order(net, setParameter("epochLengthMs", 1n))],
  ["parameter_unchanged", "the value in force", (net) => order(net, setParameter("epochLengthMs", 60_000n))],
  ["parameter_step_too_large", "more than a step", (net) => order(net, setParameter("epochLengthMs", 20_000n))],
  ["parameter_step_too_large", "two versions at once", (net) => order(net, setParameter("stateVersion", 3n))],
  [
    "parameter_change_pending",
    "a second change before the first",
    (net) => {
      order(net, setFee);
      return order(net, setParameter("accountFee", 12_000n));
    },
  ],
  [
    "parameter_cooldown",
    "a second change too soon",
    (net) => {
      order(net, setFee);
      closeEpoch(net);
      return order(net, setParameter("accountFee", 12_000n));
    },
  ],
  [
    "accounts_must_have_the_same_owner",
    "a conversion into another's account",
    (net) => convert(net, { debit: treasuryIn(4), credit: validatorAccountId(0, TOKENS.ATR), amount: 10n }, treasury),
  ],
  [
    "conversion_unknown",
    "tokens without a rate",
    (net) => convert(net, { debit: treasuryIn(1), credit: treasuryIn(2), amount: 10n }, treasury),
  ],
  [
    "validators_only",
    "reputation of one who has no Ψ",
    (net) => convert(net, { debit: treasuryIn(2), credit: treasuryIn(3), amount: 10n }, treasury),
  ],
  [
    "converts_to_nothing",
    "less than the smallest unit",
    (net) => convert(net, { debit: treasuryIn(2), credit: treasuryIn(5), amount: 9n }, treasury),
  ],
  [
    "supply_cap_reached",
    "more than the cap lets be",
    () => {
      const capped = testNetwork({ supplyCaps: { RES: "1000000000010" } });
      expect(convert(capped, { debit: treasuryIn(3), credit: treasuryIn(5), amount: 20n }, treasury)).toBe("applied");
      return convert(capped, { debit: treasuryIn(3), credit: treasuryIn(5), amount: 2n }, treasury);
    },
  ],
  [
    "account_moved_by_system_only",
    "a rotation of a system account",
    (net) =>
      send(
        net,
        "rotations",
        signRotation({ account: 257n, chainId: chainId(net.chain), owner: keyOf("new") }),
        treasury,
      ),
  ],
];

const unreported: readonly Refusal[] = [
  ["report_epoch_not_over", "a report about the epoch under way", (net) => report(net, { epoch: 2 })],
  ["report_epoch_settled", "a report about the epoch before the last", (net) => report(net, { epoch: 0 })],
  ["reporter_not_a_member", "a report of a stranger", (net) => report(net, { reporter: 9 })],
  ["signer_not_vote_key", "a report signed by the owner", (net) => report(net, {}, ownerOf(0))],
  ["subject_unknown", "a report about nobody", (net) => report(net, { subject: 99 })],
  [
    "subject_not_a_member",
    "a report about one who was no member then",
    (net) => {
      join(net, 9, BOND);
      return report(net, { subject: 9 });
    },
  ],
  ["reported_itself", "praise of oneself", (net) => report(net, { subject: 0 })],
  [
    "reported_already",
    "a second report",
    (net) => {
      expect(report(net)).toBe("applied");
      return report(net, { timelinessPpm: 0 });
    },
  ],
  ["ratio_out_of_range", "more than all", (net) => report(net, { availabilityPpm: 1_000_001 })],
];

test.each(unreported)("refuses with %s: %s", (code, _, act) => {
  const network = five();
  expect(report(network, { epoch: 0 })).toBe("report_epoch_settled");
  closeEpoch(network);
  const { reports } = network.chain.governance;
  expect(act(network)).toBe(code);
  // The first of two stands; any other refusal left nothing behind.
  expect(network.chain.governance.reports.size).toBe(code === "reported_already" ? 1 : reports.size);
  expect(report(network, { reporter: 2 })).toBe("applied");
});

test.each(refusals)("refuses with %s: %s", (code, _, act) => {
  const network = five();
  expect(act(network)).toBe(code);
  expectConserved(network);
});

const stranger = (net: ReturnType<typeof five>): number =>
  [0, 1, 2, 3, 4].find((id) => !replicasOf(net, anchorOf(net)).includes(id)) ?? 0;
const twoOf = (net: ReturnType<typeof five>): readonly [number, number] => {
  const [first = 0, second = 0] = replicasOf(net, anchorOf(net));
  return [first, second];
};

const unanchored: readonly Refusal[] = [
  ["entry_id_invalid", "an id that no entry has", (net) => anchor(net, anchorOf(net, { id: "no/id" }))],
  [
    "reserved_field",
    "something behind the id",
    (net) => send(net, "anchors", raw(encodeAnchors([anchorOf(net)]), 100), voteKeyOf(twoOf(net)[0])),
  ],
  ["anchor_epoch_not_current", "an epoch to come", (net) => anchor(net, anchorOf(net, { epoch: 4 }))],
  ["anchor_epoch_not_current", "the epoch before the last", (net) => anchor(net, anchorOf(net, { epoch: 1 }))],
  [
    "attested_by_one",
    "the same replica twice",
    (net) => anchor(net, anchorOf(net, { by: [twoOf(net)[0], twoOf(net)[0]] })),
  ],
  [
    "attested_by_one",
    "two replicas in the other order",
    (net) => anchor(net, anchorOf(net, { by: [twoOf(net)[1], twoOf(net)[0]] })),
  ],
  [
    "attester_not_a_replica",
    "one who does not hold the shard",
    (net) => {
      const by = [stranger(net), twoOf(net)[1]].toSorted((a, b) => a - b);
      return anchor(net, anchorOf(net, { by: [by[0] ?? 0, by[1] ?? 0] }));
    },
  ],
  ["attester_not_a_replica", "nobody", (net) => anchor(net, anchorOf(net, { by: [twoOf(net)[0], 99] }))],
  ["signer_not_vote_key", "a stranger's batch", (net) => anchor(net, anchorOf(net), keyOf("anyone"))],
  [
    "signer_not_vote_key",
    "a batch of the replica that did not attest",
    (net) => anchor(net, anchorOf(net), voteKeyOf(replicasOf(net, anchorOf(net))[2] ?? 0)),
  ],
  [
    "attestation_invalid",
    "an owner's signature",
    (net) => anchor(net, anchorOf(net, { keys: [voteKeyOf(twoOf(net)[0]), ownerOf(twoOf(net)[1])] })),
  ],
  [
    "attestation_invalid",
    "signatures of other content",
    (net) => anchor(net, { ...anchorOf(net), contentHash: "cd".repeat(32) }),
  ],
  [
    "attestation_invalid",
    "signatures of another epoch",
    (net) => anchor(net, { ...anchorOf(net, { epoch: 2 }), epoch: 3 }),
  ],
  [
    "anchored_already",
    "the same version by other replicas",
    (net) => {
      const [, second = 0, third = 0] = replicasOf(net, anchorOf(net));
      expect(anchor(net, anchorOf(net, { epoch: 2 }))).toBe("applied");
      return anchor(net, anchorOf(net, { by: [second, third] }));
    },
  ],
  [
    "anchor_limit_reached",
    "one more than the epoch has room for",
    (net) => {
      for (let clock = 1n; clock <= EPOCH_ANCHORS_MAX; clock++)
        expect(anchor(net, anchorOf(net, { clock }))).toBe("applied");
      return anchor(net, anchorOf(net, { clock: 1_000n }));
    },
  ],
];

test.each(unanchored)("refuses with %s: %s", (code, _, act) => {
  const network = five();
  closeEpoch(network);
  closeEpoch(network);
  expect(act(network)).toBe(code);
  const { now } = network.chain.governance.anchors;
  // What stands was applied before; any other refusal left nothing behind.
  expect(now.length).toBe({ anchored_already: 1, anchor_limit_reached: EPOCH_ANCHORS_MAX }[code] ?? 0);
  if (code === "anchor_limit_reached") closeEpoch(network);
  expect(anchor(network, anchorOf(network, { id: "another" }))).toBe("applied");
});

test("every code of governance has a case above", () => {
  const told = new Set([...refusals, ...unreported, ...unanchored].map(([code]) => code));
  expect(governanceCodes.filter((code) => !told.has(code))).toEqual([]);
});
