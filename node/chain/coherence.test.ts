import { describe, expect, test } from "vitest";
import { epochOf } from "./chain.ts";
import { NOT_MEASURED } from "./coherence.ts";
import {
  admit,
  BOND,
  closeEpoch,
  five,
  join,
  report,
  say,
  step,
  testNetwork,
  validatorIn,
  voteKeyOf,
  weights,
} from "./test-governance.ts";

const coherence = ({ chain }: ReturnType<typeof testNetwork>) => chain.governance.coherence;
const FLAWLESS = { coherencePpm: 1_000_000, meanPsiPpm: 1_000_000, quorumCoherencePpm: 1_000_000 };

test("nothing is measured until epoch 2 closes, then the epoch before the one that closes", () => {
  const net = testNetwork();
  for (const epoch of [1, 2]) {
    expect(epochOf(net.chain)).toMatchObject({ number: epoch, lengthNs: 42_000_000_000n });
    expect(coherence(net)).toEqual(NOT_MEASURED);
    closeEpoch(net);
  }
  // λ goes a fifth of the way from 0.7 to 0.9.
  expect(coherence(net)).toMatchObject({ epoch: 1, ...FLAWLESS, stability: { lambdaPpm: 740_000 } });
  expect(epochOf(net.chain)).toMatchObject({ number: 3, lengthNs: 44_400_000_000n });
  closeEpoch(net);
  expect(coherence(net)).toMatchObject({ epoch: 2, ...FLAWLESS, stability: { lambdaPpm: 772_000 } });
});

test("who is silent for an epoch loses a tenth of its weight at the boundary after the next, and comes back", () => {
  const net = testNetwork();
  net.absent = [3];
  closeEpoch(net);
  step(net);
  net.absent = [];
  expect(weights(net)).toEqual({ 0: 10_000, 1: 10_000, 2: 10_000, 3: 10_000 });
  closeEpoch(net);
  // Ω₃ = (0, 1, 1, 1, 1): size √0.8, a = 4/5 beside Ω_ref = 1, so A = 0.8·0.894427, Ψ₃ = 2A − 1.
  expect(coherence(net).standings.get(3)).toMatchObject({
    ...{ sizePpm: 894_427, alignmentPpm: 715_541, disorderPpm: 0, variancePpm: 0, psiPpm: 431_082 },
    omega: { participationPpm: 0, agreementPpm: 1_000_000 },
  });
  // Three of six pairs are 1, three 0.8·0.894427; the best three are flawless; Ψ̄ = (3 + 0.431082)/4.
  expect(coherence(net)).toMatchObject({
    ...{ coherencePpm: 857_770, meanPsiPpm: 857_770, quorumCoherencePpm: 1_000_000 },
    // 0.7 + 0.2·(0.5 + 0.4·0.857770² − 0.7)
    stability: { lambdaPpm: 718_861, emergency: { active: false } },
  });
  // Its target is 7 724 ppm: ⌊10⁹·(6·10¹¹ + 4·10⁵·431 082)/10¹⁷⌋.
  expect(weights(net)).toEqual({ 0: 10_000, 1: 10_000, 2: 10_000, 3: 9_000 });
  closeEpoch(net);
  expect(weights(net)[3]).toBe(9_900);
  closeEpoch(net);
  expect(weights(net)[3]).toBe(10_000);
});

test("a contradiction counts as the epoch's that it was about, if the state after E knows it", () => {
  const offending = (late: boolean) => {
    const net = five();
    step(net);
    closeEpoch(net);
    for (let at = 0; at < 8; at++) step(net);
    const publicKey = epochOf(net.chain).members[0]?.publicKey ?? "";
    const evidence = [{ validator: 0, epoch: 1, view: 3, kind: "notarize-twice" as const, publicKey }];
    const executedHeight = net.chain.height;
    step(net, [], { evidence });
    // The closing block names an E before the evidence, or after it.
    step(net, [], { afterMs: 50_000, executedHeight: executedHeight + (late ? 0 : 1) });
    return coherence(net).standings.get(0);
  };
  // Nine blocks, one of them contradicted: H = (log₂ 9 − 8/9·3)/2 = 0.2516.
  expect(offending(false)).toMatchObject({ disorderPpm: 251_629 });
  expect(offending(true)).toMatchObject({ disorderPpm: 0 });
});

describe("reports", () => {
  test("move a value by their weighted median once two thirds of the weight beside the subject speak", () => {
    const net = five();
    closeEpoch(net);
    for (const [reporter, timelinessPpm] of [
      [0, 910_000],
      [2, 930_000],
    ] as const)
      expect(report(net, { reporter, timelinessPpm })).toBe("applied");
    closeEpoch(net);
    // Half of what the other four weigh: the last value stands.
    expect(validatorIn(net, 1).omega).toMatchObject({ timelinessPpm: 1_000_000 });
    for (const [reporter, timelinessPpm] of [
      [0, 910_000],
      [2, 930_000],
      [4, 920_000],
    ] as const)
      report(net, { reporter, timelinessPpm, availabilityPpm: 800_000 });
    closeEpoch(net);
    expect(validatorIn(net, 1).omega).toMatchObject({ timelinessPpm: 920_000, availabilityPpm: 800_000 });
  });

  test("of a liar stay within what the honest say", () => {
    const net = five();
    closeEpoch(net);
    for (const subject of [0, 1, 2, 3]) {
      expect(report(net, { reporter: 4, subject, timelinessPpm: 0, availabilityPpm: 0 })).toBe("applied");
      for (const reporter of [0, 1, 2, 3].filter((id) => id !== subject))
        report(net, { reporter, subject, timelinessPpm: 950_000 + 1_000 * reporter });
    }
    closeEpoch(net);
    for (const id of [0, 1, 2, 3]) {
      const { timelinessPpm, availabilityPpm } = validatorIn(net, id).omega;
      expect(availabilityPpm).toBe(1_000_000);
      expect(timelinessPpm).toBeGreaterThanOrEqual(950_000);
      expect(timelinessPpm).toBeLessThanOrEqual(953_000);
    }
    expect(coherence(net).meanPsiPpm).toBeGreaterThan(950_000);
  });

  test("that are executed after E are too late, and are about nothing later", () => {
    const net = five();
    closeEpoch(net);
    for (let at = 0; at < 8; at++) step(net);
    const executedHeight = net.chain.height;
    for (const reporter of [0, 2, 3, 4]) expect(report(net, { reporter, timelinessPpm: 0 })).toBe("applied");
    step(net, [], { afterMs: 50_000, executedHeight });
    expect(epochOf(net.chain).number).toBe(3);
    expect(validatorIn(net, 1).omega).toMatchObject({ timelinessPpm: 1_000_000 });
    expect(net.chain.governance.reports.size).toBe(0);
  });
});

test("an emergency stops minting and weights and shortens epochs, until three calm epochs are over", () => {
  const net = testNetwork();
  const everyoneSays = (values: { timelinessPpm?: number; availabilityPpm?: number }): void => {
    for (const subject of [2, 3])
      for (const reporter of [0, 1, 2, 3].filter((id) => id !== subject))
        expect(report(net, { reporter, subject, ...values })).toBe("applied");
  };
  const minted = () => coherence(net).mints.map(({ epoch }) => epoch);
  for (let epoch = 1; epoch <= 4; epoch++) closeEpoch(net);
  step(net);
  net.absent = [2, 3];
  closeEpoch(net);
  expect(minted()).toEqual([3]);
  const frozen = { 0: 10_000, 1: 10_000, 2: 10_000, 3: 10_000 };
  expect(weights(net)).toEqual(frozen);
  everyoneSays({ timelinessPpm: 0, availabilityPpm: 0 });
  closeEpoch(net);
  // Half of them are (0, 0, 1, 1, 0), and so is the lower median: Ψ of 2 and 3 is 2·√0.4 − 1, of 0 and 1 nothing.
  expect(coherence(net)).toMatchObject({ epoch: 5, meanPsiPpm: 132_455 });
  step(net);
  net.absent = [];
  for (const calmEpochs of [0, 1, 2]) {
    expect(coherence(net).stability.emergency).toEqual({ active: true, calmEpochs });
    expect(epochOf(net.chain).lengthNs).toBe(10_000_000_000n);
    everyoneSays({});
    closeEpoch(net);
    if (calmEpochs < 2) expect(weights(net)).toEqual(frozen);
  }
  // Five epochs after the last one a mint is long due, whatever λ has come down to.
  expect(coherence(net)).toMatchObject({ epoch: 8, stability: { emergency: { active: false, calmEpochs: 0 } } });
  expect(minted()).toEqual([3, 8]);
  expect(epochOf(net.chain).lengthNs).toBeGreaterThan(10_000_000_000n);
});

test("Ω stays when a validator leaves, and is a newcomer's after seven days of block time", () => {
  const net = five();
  expect(join(net, 9, BOND)).toBe("applied");
  admit(net, 9, [0, 1, 2, 3]);
  closeEpoch(net);
  const newcomer = { psiPpm: 0, omega: { participationPpm: 500_000, timelinessPpm: 500_000 } };
  expect(validatorIn(net, 9)).toMatchObject(newcomer);
  expect(weights(net)[9]).toBe(5_000);
  expect(say(net, { kind: "leave", validator: 9 }, voteKeyOf(9))).toBe("applied");
  for (let epoch = 0; epoch < 3; epoch++) closeEpoch(net);
  expect(weights(net)[9]).toBeUndefined();
  // The vote for the last of its nine blocks is not carried: it is gone by then.
  const measured = { omega: { participationPpm: 888_888, timelinessPpm: 500_000 } };
  expect(validatorIn(net, 9)).toMatchObject(measured);
  expect(join(net, 9, BOND)).toBe("applied");
  closeEpoch(net);
  expect(validatorIn(net, 9)).toMatchObject(measured);
  step(net, [], { afterMs: 7 * 86_400_000 });
  closeEpoch(net);
  expect(validatorIn(net, 9)).toMatchObject(newcomer);
});
