import { expect, test } from "vitest";
import { OBSERVER_IDS } from "../api/contract.ts";
import { nanos } from "../base/units.ts";
import { type AuthorityRecord, signAuthorityRecord } from "../codec/authority-record.ts";
import { signRotation } from "../codec/rotation.ts";
import { TOKENS, validatorAccountId } from "../ledger/tokens.ts";
import { accountOf, chainId, closingAt, epochOf, heightOf, parametersOf, validatorsOf, voteKeyAt } from "./chain.ts";
import { dutiesOf } from "./duties.ts";
import { atMs, keyHex } from "./test-chain.ts";
import { keyOf, publicKeyOf, TREASURY } from "./test-genesis.ts";
import {
  ATR,
  admit,
  announce,
  approve,
  authority,
  BOND,
  bondRecord,
  closeEpoch,
  expectConserved,
  five,
  join,
  offend,
  open,
  order,
  ownerOf,
  say,
  send,
  setFee,
  setParameter,
  step,
  testNetwork,
  treasury,
  unbond,
  validatorIn,
  voteKeyOf,
  weights,
} from "./test-governance.ts";
import { JAIL_NS, UNBONDING_NS } from "./validator.ts";
import { validatorViews } from "./validator-view.ts";

test("stake goes in, comes out after seven days, and is the owner's again", () => {
  const net = testNetwork();
  const atr = validatorAccountId(0, TOKENS.ATR);
  // The only ATR that an owner can get hold of here: what it unbonded.
  expect(say(net, unbond(0, 300n * ATR), ownerOf(0))).toBe("applied");
  expect(validatorIn(net, 0)).toMatchObject({ bond: 700n * ATR, unbonding: [{ amount: 300n * ATR }] });
  const releaseAt = validatorIn(net, 0).unbonding[0]?.releaseAt ?? 0n;
  const leftMs = Number(releaseAt / 1_000_000n) - atMs(net.nowMs);
  expect(BigInt(leftMs) * 1_000_000n).toBe(UNBONDING_NS);
  step(net, [], { afterMs: leftMs - 1, kind: "normal", next: "0".repeat(64) });
  expect(accountOf(net.chain, atr)?.creditsPosted).toBe(0n);
  step(net, [], { afterMs: 1, kind: "normal", next: "0".repeat(64) });
  expect(accountOf(net.chain, atr)?.creditsPosted).toBe(300n * ATR);
  expect(say(net, { ...bondRecord, account: atr, amount: 100n * ATR }, ownerOf(0))).toBe("applied");
  expect(validatorIn(net, 0)).toMatchObject({ bond: 800n * ATR, unbonding: [] });
  expectConserved(net);
});

test("a joiner enters with a tenth of the weight once it is approved and has caught up, and grows by a tenth", () => {
  const net = testNetwork();
  expect(weights(net)).toEqual({ 0: 10_000, 1: 10_000, 2: 10_000, 3: 10_000 });
  expect(join(net, 9, 10n * BOND)).toBe("applied");
  expect(accountOf(net.chain, validatorAccountId(9, TOKENS.FLX))).toMatchObject({ owner: publicKeyOf("treasury") });
  closeEpoch(net);
  expect(weights(net)[9]).toBeUndefined();
  admit(net, 9, [0, 1]);
  closeEpoch(net);
  expect(weights(net)[9]).toBeUndefined();
  approve(net, 9, publicKeyOf("consensus 9"), [2]);
  expect(validatorIn(net, 9).join?.approvals).toEqual([0, 1, 2]);
  closeEpoch(net);
  expect(weights(net)).toEqual({ 0: 10_000, 1: 10_000, 2: 10_000, 3: 10_000, 9: 4_000 });
  expect(validatorIn(net, 9).join).toBeUndefined();
  closeEpoch(net);
  expect(weights(net)[9]).toBe(4_400);
  closeEpoch(net);
  expect(weights(net)[9]).toBe(4_840);
  expectConserved(net);
});

test("joiners at one boundary share the tenth; the rest waits", () => {
  const net = testNetwork();
  for (const id of [7, 8, 9]) {
    expect(join(net, id, 300n * ATR)).toBe("applied");
    admit(net, id, [0, 1, 2]);
  }
  closeEpoch(net);
  // Six tenths of 3 000 ppm each: Ψ of a newcomer is 0.
  expect(weights(net)).toMatchObject({ 7: 1_800, 8: 1_800, 9: 400 });
  closeEpoch(net);
  expect(weights(net)).toMatchObject({ 7: 1_800, 8: 1_800, 9: 440 });
});

test("a joiner may think better of it", () => {
  const net = testNetwork();
  join(net, 9, BOND);
  admit(net, 9, [0, 1, 2]);
  expect(say(net, { kind: "leave", validator: 9 }, voteKeyOf(8))).toBe("signer_not_vote_key");
  expect(say(net, { kind: "leave", validator: 9 }, voteKeyOf(9))).toBe("applied");
  closeEpoch(net);
  expect(weights(net)[9]).toBeUndefined();
  expect(say(net, unbond(9, BOND), treasury)).toBe("applied");
  expectConserved(net);
});

test("leaves happen in the order they were asked for, a third at a time, and never below four", () => {
  const net = testNetwork({
    validators: Array.from({ length: 7 }, (_, id) => ({
      id,
      consensusKey: publicKeyOf(`consensus ${id}`),
      ownerKey: publicKeyOf(`owner ${id}`),
      bond: `${BOND}`,
    })),
  });
  for (const id of [6, 1, 4, 3]) say(net, { kind: "leave", validator: id }, id === 4 ? ownerOf(id) : voteKeyOf(id));
  const members = () => Object.keys(weights(net)).map(Number);
  closeEpoch(net);
  expect(members()).toEqual([0, 2, 3, 4, 5]);
  closeEpoch(net);
  expect(members()).toEqual([0, 2, 3, 5]);
  closeEpoch(net);
  expect(members()).toEqual([0, 2, 3, 5]);
  expect(order(net, { kind: "release", validator: 3 })).toBe("applied");
  closeEpoch(net);
  expect(members()).toEqual([0, 2, 5]);
  // Once there were four, fewer are no precedent for leaving by oneself.
  say(net, { kind: "leave", validator: 0 }, voteKeyOf(0));
  closeEpoch(net);
  expect(members()).toEqual([0, 2, 5]);
});

test("an offence burns a twentieth of all stake at once, and counts once in an epoch", () => {
  const net = five();
  say(net, unbond(4, 100n * ATR), ownerOf(4));
  offend(net, 4);
  const slashed = { bond: 855n * ATR, unbonding: [{ amount: 95n * ATR }] };
  expect(validatorIn(net, 4)).toMatchObject({ ...slashed, jail: { type: "due" } });
  offend(net, 4);
  offend(net, 4, 4);
  expect(validatorIn(net, 4)).toMatchObject({ ...slashed, offenceEpochs: [1] });
  expect(validatorIn(net, 4).offences).toHaveLength(2);
  expect(accountOf(net.chain, 770n)?.creditsPosted).toBe(50n * ATR);
  expectConserved(net);
  closeEpoch(net);
  expect(Object.keys(weights(net))).toEqual(["0", "1", "2", "3"]);
  expect(validatorIn(net, 4)).toMatchObject({ uncapped: 0, jail: { type: "until", wasMember: true } });
});

test("who comes back from jail enters like a joiner, without new approvals", () => {
  const net = five();
  offend(net, 4);
  closeEpoch(net);
  const day = Number(JAIL_NS / 1_000_000n);
  step(net, [], { afterMs: day, kind: "normal", next: "0".repeat(64) });
  expect(say(net, { kind: "unjail", validator: 4 }, voteKeyOf(4))).toBe("applied");
  closeEpoch(net);
  expect(weights(net)[4]).toBe(4_000);
});

test("at four members a jail waits until a fifth votes", () => {
  const net = testNetwork();
  offend(net, 3);
  join(net, 9, BOND);
  admit(net, 9, [0, 1, 2]);
  closeEpoch(net);
  expect(Object.keys(weights(net))).toEqual(["0", "1", "2", "3", "9"]);
  closeEpoch(net);
  expect(Object.keys(weights(net))).toEqual(["0", "1", "2", "9"]);
  expect(validatorIn(net, 3).jail).toMatchObject({ type: "until" });
});

test("evidence counts only with the key that the validator had in that epoch", () => {
  const net = five();
  const evidence = { validator: 4, epoch: 1, view: 2, kind: "propose-twice", publicKey: publicKeyOf("x") } as const;
  step(net, [], { evidence: [evidence, { ...evidence, epoch: 2, publicKey: publicKeyOf("consensus 4") }] });
  expect(validatorIn(net, 4)).toMatchObject({ bond: BOND, offenceEpochs: [] });
});

test("a lost key is replaced at a boundary, one at a time, when more than two thirds agree", () => {
  const net = five();
  const fresh = (id: number) => keyOf(`fresh ${id}`);
  for (const id of [2, 1]) {
    const voteKey = keyHex(fresh(id));
    expect(order(net, { kind: "replace_vote_key", validator: id, voteKey }, { voteKey: fresh(id) })).toBe("applied");
  }
  approve(net, 1, keyHex(fresh(1)), [0, 3, 4, 1]);
  closeEpoch(net);
  approve(net, 2, keyHex(fresh(2)), [0, 3, 4]);
  expect(say(net, { kind: "leave", validator: 1 }, voteKeyOf(1))).toBe("signer_not_vote_key");
  expect(voteKeyAt(net.chain, { validator: 1, epoch: 1 })).toBe(publicKeyOf("consensus 1"));
  expect(voteKeyAt(net.chain, { validator: 1, epoch: 2 })).toBe(keyHex(fresh(1)));
  closeEpoch(net);
  expect(validatorIn(net, 2).voteKey).toBe(publicKeyOf("consensus 2"));
  approve(net, 2, keyHex(fresh(2)), []);
  expect(say(net, { kind: "approve", validator: 1, subject: 2, key: keyHex(fresh(2)) }, fresh(1))).toBe("applied");
  closeEpoch(net);
  expect(validatorsOf(net.chain).find(({ id }) => id === 2)?.publicKey).toBe(keyHex(fresh(2)));
  // An old key stays answerable for what it signed.
  const old = {
    validator: 1,
    epoch: 1,
    view: 2,
    kind: "notarize-twice",
    publicKey: publicKeyOf("consensus 1"),
  } as const;
  step(net, [], { evidence: [old] });
  expect(validatorIn(net, 1).offenceEpochs).toEqual([1]);
});

test("validators agree by themselves to joiners that have caught up, and to replace what is silent for two epochs", () => {
  const net = testNetwork();
  const kinds = (id: number) => dutiesOf(net.chain, id).map(({ kind }) => kind);
  join(net, 9, BOND);
  expect(kinds(0)).toEqual([]);
  expect(kinds(9)).toEqual(["caught_up"]);
  admit(net, 9, []);
  expect(dutiesOf(net.chain, 0)).toEqual([
    { kind: "approve", validator: 0, subject: 9, key: publicKeyOf("consensus 9") },
  ]);
  admit(net, 9, [0]);
  expect(kinds(0)).toEqual([]);
  join(net, OBSERVER_IDS.first, BOND);
  admit(net, OBSERVER_IDS.first, []);
  expect(validatorIn(net, OBSERVER_IDS.first).join?.caughtUp).toBe(true);
  expect(kinds(0)).toEqual([]);
  const voteKey = publicKeyOf("fresh");
  order(net, { kind: "replace_vote_key", validator: 3, voteKey }, { voteKey: keyOf("fresh") });
  net.absent = [3];
  for (let epoch = 1; epoch <= 3; epoch++) {
    expect(kinds(0)).toEqual([]);
    closeEpoch(net);
    step(net);
  }
  expect(dutiesOf(net.chain, 0)).toEqual([{ kind: "approve", validator: 0, subject: 3, key: voteKey }]);
  net.absent = [];
  step(net, [], { votes: [{ depth: 1, signer: 3 }] });
  expect(kinds(0)).toEqual([]);
});

test("an epoch closes at its time, but not before its E is the eighth block", () => {
  const net = testNetwork();
  step(net);
  const { startTime, lengthNs } = epochOf(net.chain);
  expect(lengthNs).toBe(42_000_000_000n);
  expect(startTime).toBe(BigInt(atMs(10)) * 1_000_000n);
  const due = nanos(startTime + lengthNs);
  while (heightOf(net.chain) < 8) step(net);
  expect(closingAt(net.chain, { executedHeight: 8, time: nanos(due - 1n) })).toBeUndefined();
  expect(closingAt(net.chain, { executedHeight: 7, time: due })).toBeUndefined();
  expect(closingAt(net.chain, { executedHeight: 8, time: due })?.next).toMatch(/^[0-9a-f]{64}$/);
  closeEpoch(net);
  expect(epochOf(net.chain)).toMatchObject({ number: 2, firstHeight: 10 });
  expect(epochOf(net.chain).setHash).not.toBe("0".repeat(64));
});

test("a boundary counts the state after E alone; what came later counts at the next one", () => {
  const net = five();
  while (heightOf(net.chain) < 8) step(net);
  say(net, { kind: "leave", validator: 4 }, voteKeyOf(4));
  offend(net, 3);
  order(net, setFee);
  const endMs = 42_020;
  const { kind } = { ...step(net, [], { afterMs: endMs - net.nowMs, executedHeight: 8 }), kind: "closing" };
  expect(kind).toBe("closing");
  expect(epochOf(net.chain).number).toBe(2);
  expect(Object.keys(weights(net))).toEqual(["0", "1", "2", "3", "4"]);
  expect(parametersOf(net.chain).accountFee).toBe(10_000n);
  expect(validatorIn(net, 3).jail).toEqual({ type: "due" });
  closeEpoch(net);
  expect(parametersOf(net.chain).accountFee).toBe(14_000n);
  // Four have to stay: the jail comes before the wish.
  expect(Object.keys(weights(net))).toEqual(["0", "1", "2", "4"]);
});

test("a parameter takes effect at a boundary, and accounts cost what it says", () => {
  const net = testNetwork();
  expect(order(net, setFee)).toBe("applied");
  const balance = () => accountOf(net.chain, TREASURY)?.debitsPosted;
  expect(open(net, TREASURY + 50n, TOKENS.FLX, keyOf("a"))).toBe("applied");
  expect(balance()).toBe(10_000n);
  closeEpoch(net);
  expect(open(net, TREASURY + 51n, TOKENS.FLX, keyOf("b"))).toBe("applied");
  expect(balance()).toBe(24_000n);
  // Cooldown: an hour of block time.
  step(net, [], { afterMs: 3_600_000, kind: "normal", next: "0".repeat(64) });
  expect(order(net, setParameter("accountFee", 12_000n))).toBe("applied");
});

test("the state version rises only when everyone of the next set can run it", () => {
  const net = testNetwork();
  expect(order(net, setParameter("stateVersion", 2n))).toBe("applied");
  for (const id of [0, 1, 2]) expect(say(net, announce(id, 2), voteKeyOf(id))).toBe("applied");
  closeEpoch(net);
  expect(parametersOf(net.chain).stateVersion).toBe(1n);
  expect(dutiesOf(net.chain, 0)).toEqual([announce(0, 1)]);
  say(net, announce(3, 2), voteKeyOf(3));
  closeEpoch(net);
  expect(parametersOf(net.chain).stateVersion).toBe(2n);
  // This release does not know the rules of version 2.
  expect(() => step(net)).toThrow("runs the chain's state version");
});

test("the threshold of the authority's keys counts", () => {
  const keys = ["a", "b", "c"].map((name) => keyOf(name)).toSorted((a, b) => (keyHex(a) < keyHex(b) ? -1 : 1));
  const net = testNetwork({ authority: { publicKeys: keys.map(keyHex).toReversed(), threshold: 2 } });
  const by = (...places: number[]) => new Map(places.map((place) => [place, keys[place] ?? keyOf("none")]));
  expect(order(net, setFee, { signers: by(1) })).toBe("authority_not_signed");
  expect(
    order(net, setFee, {
      signers: new Map([
        [0, keyOf("b")],
        [1, keyOf("b")],
      ]),
    }),
  ).toBe("authority_not_signed");
  expect(order(net, setFee, { signers: by(0, 2) })).toBe("applied");
});

test("an order for one network is none for another", () => {
  const [one, other] = [testNetwork(), testNetwork({ network: "other" })];
  const record: AuthorityRecord = { ...setFee, serial: 1n };
  const payload = signAuthorityRecord({ record, chainId: chainId(one.chain), authority });
  expect(send(other, "authority", payload, treasury)).toBe("authority_not_signed");
  expect(send(one, "authority", payload, treasury)).toBe("applied");
});

test("an account goes to a new owner; a validator's five go together", () => {
  const net = testNetwork();
  const rotate = (account: bigint, to: string, by = treasury) =>
    send(net, "rotations", signRotation({ account, chainId: chainId(net.chain), owner: keyOf(to) }), by);
  expect(rotate(TREASURY, "heir", keyOf("thief"))).toBe("signer_not_owner");
  expect(rotate(TREASURY, "heir")).toBe("applied");
  expect(rotate(TREASURY, "heir")).toBe("signer_not_owner");
  expect(accountOf(net.chain, TREASURY)?.owner).toBe(publicKeyOf("heir"));
  expect(accountOf(net.chain, TREASURY + 1n)?.owner).toBe(publicKeyOf("treasury"));
  expect(rotate(validatorAccountId(2, TOKENS.CHR), "heir", ownerOf(2))).toBe("applied");
  expect(accountOf(net.chain, validatorAccountId(2, TOKENS.ATR))?.owner).toBe(publicKeyOf("heir"));
  expect(say(net, unbond(2, 1n), ownerOf(2))).toBe("signer_not_owner");
  expect(say(net, unbond(2, 1n), keyOf("heir"))).toBe("applied");
});

test("an epoch is as long as its parameter times λ, and at least ten seconds", () => {
  const lengthOf = (epochLengthMs: number) => epochOf(testNetwork({ parameters: { epochLengthMs } }).chain).lengthNs;
  expect([10_000, 20_000, 600_000].map(lengthOf)).toEqual([10_000_000_000n, 14_000_000_000n, 420_000_000_000n]);
});

test("validators as people ask for them", () => {
  const net = testNetwork();
  say(net, unbond(0, 100n * ATR), ownerOf(0));
  say(net, { kind: "leave", validator: 1 }, voteKeyOf(1));
  join(net, 9, BOND);
  offend(net, 3);
  const views = validatorViews(net.chain);
  expect(views.map(({ id, weight, since, wants }) => [id, weight, since, wants])).toEqual([
    [0, 10_000, 1, undefined],
    [1, 10_000, 1, "leave"],
    [2, 10_000, 1, undefined],
    [3, 10_000, 1, undefined],
    [9, 0, undefined, "join"],
  ]);
  expect(views[0]).toMatchObject({ bond: 900n * ATR, unbonding: 100n * ATR, offences: 0, stateVersion: 1 });
  expect(views[3]).toMatchObject({ bond: 950n * ATR, jail: { type: "due" }, offences: 1 });
});
