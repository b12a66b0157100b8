import { expect, test } from "vitest";
import { advance } from "../rollout/advance.ts";
import type { Situation } from "../rollout/situation.ts";
import { explore, type Machine } from "./explore.ts";

test.each([4, 5, 6, 7])("%i validators: every state is safe and has a way to an end", (n) => {
  const good = explore(n, "good");
  expect(good.violation).toBeUndefined();
  expect(good.states).toBeGreaterThan(1_000);
  expect(Object.keys(good.ends).toSorted()).toEqual(["Succeeded", "Superseded"]);
  const crashing = explore(n, "crashing");
  expect(crashing.violation).toBeUndefined();
  expect(crashing.ends.RolledBack).toBeGreaterThan(0);
  expect(crashing.ends.Succeeded).toBeUndefined();
});

test.each([4, 5])("%i validators and an observer before them: a bad release touches none of them", (n) => {
  const good = explore(n, "good", { observes: true });
  expect(good.violation).toBeUndefined();
  expect(Object.keys(good.ends).toSorted()).toEqual(["Succeeded", "Superseded"]);
  for (const release of ["crashing", "differing"] as const) {
    const bad = explore(n, release, { observes: true });
    expect(bad.violation).toBeUndefined();
    expect(Object.keys(bad.ends).toSorted()).toEqual(["RolledBack", "Superseded"]);
  }
});

const seeing =
  (change: (situation: Situation) => Situation): Machine =>
  (situation) =>
    advance(change(situation));

/** Deliberately broken machines, each of which has to be found. */
const CANARIES: Readonly<Record<string, readonly [Machine, string]>> = {
  "the gate takes everybody for a voter": [
    seeing((situation) => ({
      ...situation,
      view: {
        ...situation.view,
        nodes: situation.view.nodes.map((node) => ({ ...node, voting: true, caughtUp: !node.stopping })),
      },
    })),
    "others vote",
  ],
  "phases are not counted": [
    seeing((situation) => {
      const { rollout } = situation;
      const phases = rollout.spec.phases.map((phase) => ({ ...phase, percent: 100 }));
      return { ...situation, rollout: { ...rollout, spec: { ...rollout.spec, phases } } };
    }),
    "nodes at most",
  ],
  "the slot is given back at once": [(situation) => ({ ...advance(situation), slot: undefined }), "no fair way"],
  "nobody is brought back": [
    (situation) =>
      situation.rollout.status.state === "RollingBack" ? { slot: situation.slot, acts: [] } : advance(situation),
    "no fair way",
  ],
};

test.each(Object.entries(CANARIES))("canary: %s", (_, [machine, sign]) => {
  expect(explore(4, "crashing", { machine }).violation ?? explore(4, "good", { machine }).violation).toContain(sign);
});

/** Those of phase 0. */
const OBSERVER_CANARIES: Readonly<Record<string, readonly [Machine, string]>> = {
  "other results are not looked at": [
    seeing((situation) => {
      const { forerunner } = situation.view;
      const { status } = forerunner;
      if (status === undefined) return situation;
      return {
        ...situation,
        view: { ...situation.view, forerunner: { ...forerunner, status: { ...status, resultsDiffer: false } } },
      };
    }),
    "despite its observer",
  ],
  "it is never done": [
    (situation) => (situation.rollout.status.phase === 0 ? { slot: undefined, acts: [] } : advance(situation)),
    "no fair way",
  ],
};

test.each(Object.entries(OBSERVER_CANARIES))("canary: %s", (_, [machine, sign]) => {
  expect(explore(4, "differing", { machine, observes: true }).violation).toContain(sign);
});
