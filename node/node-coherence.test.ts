import { expect, test } from "vitest";
import { present } from "./base/assert.ts";
import { checkpointOf, epochOf, resultsHashOf, validatorStates } from "./chain/chain.ts";
import { NODES, running } from "./test-network.ts";

type Network = ReturnType<typeof running>;
const parameters = { epochLengthMs: 10_000 };

/** What each node has committed of the newest measured epoch. */
const committed = (network: Network) =>
  NODES.map((id) => {
    const { coherence } = network.chain(id).governance;
    const { epoch, coherencePpm, meanPsiPpm, stability, standings } = coherence;
    return { epoch, coherencePpm, meanPsiPpm, stability, psi: [...standings].map(([of, { psiPpm }]) => [of, psiPpm]) };
  });
const untilEpoch = (network: Network, epoch: number): void => {
  network.until(() => NODES.every((id) => epochOf(network.chain(id)).number === epoch), 120_000);
};

test("all nodes commit the same λ, Ĉ and Ψ in every epoch, from what they saw of each other", () => {
  const network = running({ parameters, probeEveryMs: 2_000, delayMs: () => 30 });
  for (let epoch = 2; epoch <= 6; epoch++) {
    untilEpoch(network, epoch);
    const [first, ...others] = committed(network);
    expect(first?.epoch).toBe(epoch - 2);
    for (const other of others) expect(other).toEqual(first);
  }
  // To a leader a vote comes two ways after its proposal, 60 ms, and each leads more than a twentieth of the blocks.
  const { omega, psiPpm } = present(validatorStates(network.chain(0)).get(1), "it is a validator");
  expect(omega).toEqual({
    ...{ participationPpm: 1_000_000, agreementPpm: 1_000_000, meshPpm: 1_000_000, availabilityPpm: 1_000_000 },
    timelinessPpm: 940_000,
  });
  expect(psiPpm).toBeGreaterThan(950_000);
  expect(network.view(0).coherence.psi?.[1]).toEqual({
    validator: 1,
    psiPpm,
    voteDelayMs: 60,
    availabilityPpm: 1_000_000,
  });
  expect(new Set(NODES.map((id) => resultsHashOf(network.chain(id), 40))).size).toBe(1);
});

test("a slowed validator is reported late, loses a tenth of its weight at most at a boundary, and comes back", () => {
  let slow = true;
  const network = running({ parameters, probeEveryMs: 2_000, delayMs: (from) => (from === 3 && slow ? 700 : 5) });
  const weightOf = (): number => epochOf(network.chain(0)).members.find(({ id }) => id === 3)?.weight ?? 0;
  const weights = [weightOf()];
  for (let epoch = 2; epoch <= 5; epoch++) {
    untilEpoch(network, epoch);
    weights.push(weightOf());
  }
  const [begin = 0] = weights;
  const { omega } = present(validatorStates(network.chain(0)).get(3), "it is a validator");
  expect(omega.timelinessPpm).toBeLessThan(400_000);
  expect(omega.availabilityPpm).toBe(1_000_000);
  for (const [index, weight] of weights.entries()) {
    const before = weights[index - 1] ?? weight;
    expect(before - weight).toBeLessThanOrEqual(Math.floor(before / 10));
  }
  expect(weights.at(-1)).toBeLessThan(begin);
  slow = false;
  network.until(() => weightOf() > 0.99 * begin, 600_000);
  expect(network.chain(0).governance.coherence.stability.emergency.active).toBe(false);
});

test("a stopped validator is missed and unavailable by everyone's word, and mints go to the others alone", () => {
  const network = running({ parameters, probeEveryMs: 2_000 });
  network.stop(3);
  const others = [0, 1, 2];
  network.until(() => others.every((id) => network.chain(id).governance.coherence.mints.length > 0), 1_200_000);
  const { omega } = present(validatorStates(network.chain(0)).get(3), "it is a validator");
  expect(omega).toMatchObject({ participationPpm: 0, timelinessPpm: 0, availabilityPpm: 0 });
  const { coherence } = network.chain(1).governance;
  expect(
    new Set(coherence.mints.flatMap(({ issues }) => issues.flatMap(({ shares }) => shares.map(({ id }) => id)))),
  ).toEqual(new Set(others));
  // It comes back, executes all of it, and stands where the others stand.
  network.start(3);
  network.until(() => network.view(3).height === network.view(0).height && network.view(3).state === "Voting", 60_000);
  expect(network.chain(3).governance.coherence).toEqual(network.chain(0).governance.coherence);
  expect(checkpointOf(network.chain(3))).toEqual(checkpointOf(network.chain(0)));
});

test("what the mesh of the others found of a validator becomes its mesh agreement", () => {
  const network = running({ parameters, probeEveryMs: 2_000 });
  for (let epoch = 2; epoch <= 4; epoch++) {
    // Of four exchanges one ends equal.
    for (const id of [0, 1, 2]) {
      for (let exchange = 0; exchange < 4; exchange++)
        network.feed(id, { type: "mesh-exchange", peer: 3, equal: exchange === 0 });
    }
    untilEpoch(network, epoch);
  }
  const states = validatorStates(network.chain(0));
  expect(present(states.get(3), "it is a validator").omega.meshPpm).toBe(250_000);
  expect(present(states.get(0), "it is a validator").omega.meshPpm).toBe(1_000_000);
});
