import { describe, expect, test } from "vitest";
import type { ClusterSpec, ClusterSpecInput } from "../api/cluster.ts";
import { deletionPolicy, deletionPolicyBinding } from "../api/deletion-policy.ts";
import type { KubeObject } from "./actions.ts";
import { createWorld, type World } from "./world.ts";
import { createRunner, type Runner } from "./world-run.ts";

const GOOD = { latencySeconds: 0.004, pullable: true };
const soakSeconds = 8;
const spec: ClusterSpecInput = {
  version: "1.0.0",
  image: { reference: "hmn-node:1.0.0" },
  network: "payments",
  rollout: {
    phases: [
      { percent: 20, soakSeconds, gate: true },
      { percent: 80, soakSeconds },
      { percent: 100, soakSeconds },
    ],
    observeSeconds: 0,
    settleSeconds: 2,
    intervalSeconds: 4,
    progressDeadlineSeconds: 90,
    minimumSamples: 10,
  },
};
const to = (version: string) => (before: ClusterSpec) => ({
  ...before,
  version,
  image: { ...before.image, reference: `hmn-node:${version}` },
});

const last = (world: World) => world.rollouts().at(-1);
const state = (world: World) => last(world)?.status.state;
const answer = (world: World, name: string) =>
  world.find("HmnApproval", name)?.status as { result?: string; message?: string } | undefined;

/** A cluster on 1.0.0 whose upgrade to 1.1.0 stands at the gate behind its first phase. */
function atGate(seed: number): { world: World; run: Runner } {
  const world = createWorld({ spec, behaviour: () => GOOD });
  const run = createRunner(world, { seed: BigInt(seed), faults: seed > 0 });
  run.until("deployed, without a gate", () => state(world) === "Succeeded");
  world.edit(to("1.1.0"));
  run.until("the upgrade stands at its gate", () => state(world) === "AtGate");
  return { world, run };
}

describe.each([0, 1, 2])("seed %i", (seed) => {
  test("a gate stays closed until somebody promotes, however long that takes", () => {
    const { world, run } = atGate(seed);
    run.pass(300);
    expect(last(world)?.status).toMatchObject({ state: "AtGate", phase: 1, moved: [0] });
    expect(world.status().waitingFor).toMatchObject({ reason: "GateClosed", who: "User" });
    expect(world.status().waitingFor?.command).toContain("rollout: payments-2, action: Promote, phase: 1");
    const word = world.approve({ rollout: "payments-2", action: "Promote", phase: 1, reason: "looks good" });
    run.until("upgraded", () => state(world) === "Succeeded");
    expect(last(world)?.status.timeline?.map(({ event, message }) => `${event}: ${message}`)).toContain(
      "Promoted: phase 1, by ada: looks good",
    );
    expect(last(world)?.status.approvals).toMatchObject([{ name: word, action: "Promote", username: "ada" }]);
    run.until("answered", () => answer(world, word)?.result === "Used");
    run.pass(20);
    expect(run.look().actions).toEqual([]);
  });

  test("an abort at the gate goes back and quarantines; Retry for that rollout lifts it, once", () => {
    const { world, run } = atGate(seed);
    world.approve({ rollout: "payments-2", action: "Abort", reason: "wrong day" });
    run.until("rolled back", () => state(world) === "RolledBack");
    expect(last(world)?.status).toMatchObject({
      rollbackCause: "Aborted",
      rollbackReason: "aborted by ada: wrong day",
    });
    run.until("quarantined", () => world.status().waitingFor?.reason === "Quarantined");
    const retry = world.approve({ rollout: "payments-2", action: "Retry" });
    run.until("tried again", () => last(world)?.name === "payments-3" && state(world) === "AtGate");
    expect(answer(world, retry)?.result).toBe("Used");
    world.approve({ rollout: "payments-3", action: "Abort" });
    run.until("rolled back again", () => state(world) === "RolledBack");
    run.pass(30);
    expect(world.rollouts().length).toBe(3);
    expect(world.status().waitingFor?.reason).toBe("Quarantined");
  });

  test("a pause stops one rollout, and the watchdog goes on; Resume lets it go on", () => {
    const { world, run } = atGate(seed);
    world.approve({ rollout: "payments-2", action: "Promote", phase: 1 });
    run.until("phase 2", () => last(world)?.status.phase === 2);
    world.approve({ rollout: "payments-2", action: "Pause" });
    run.until("paused", () => state(world) === "Paused");
    const moved = last(world)?.status.moved?.length;
    run.pass(200);
    expect(last(world)?.status).toMatchObject({ state: "Paused", pauseReason: "Approval" });
    expect(last(world)?.status.moved?.length).toBe(moved);
    expect(world.status().waitingFor?.reason).toBe("PausedByApproval");
    world.approve({ rollout: "payments-2", action: "Resume" });
    run.until("upgraded", () => state(world) === "Succeeded");
  });
});

describe("words that count for nothing are answered and change nothing", () => {
  test.each([
    ["for another phase", { rollout: "payments-2", action: "Promote", phase: 2 }, "phase 2 is neither at its gate"],
    ["for a finished rollout", { rollout: "payments-1", action: "Promote", phase: 1 }, "payments-1 is over"],
    ["for no rollout", { rollout: "payments-9", action: "Abort" }, "no HmnRollout payments-9"],
    ["resume of what is not paused", { rollout: "payments-2", action: "Resume" }, "not paused by an HmnApproval"],
    ["retry of what goes on", { rollout: "payments-2", action: "Retry" }, "not over"],
    ["retry without a quarantine", { rollout: "payments-1", action: "Retry" }, "left no quarantine"],
  ] as const)("%s", (_, word, message) => {
    const { world, run } = atGate(0);
    const name = world.approve(word);
    run.until("answered", () => answer(world, name)?.result !== undefined);
    expect(answer(world, name)).toMatchObject({ result: "Refused", message: expect.stringContaining(message) });
    expect(last(world)?.status).toMatchObject({ state: "AtGate", moved: [0] });
    expect(last(world)?.status.approvals ?? []).toEqual([]);
  });

  test("for another cluster of the same name: not even looked at", () => {
    const { world, run } = atGate(0);
    const name = world.approve({ rollout: "payments-2", action: "Abort", clusterUID: "an-earlier-one" });
    run.pass(30);
    expect([state(world), answer(world, name)]).toEqual(["AtGate", undefined]);
  });

  test.each([
    ["no policy", (world: World) => world.remove("ValidatingAdmissionPolicy", "hmn-approval-signer")],
    ["no binding", (world: World) => world.remove("ValidatingAdmissionPolicyBinding", "hmn-approval-signer")],
    [
      "a policy with an exception",
      (world: World) => {
        const policy = world.find("ValidatingAdmissionPolicy", "hmn-approval-signer");
        Object.assign((policy?.spec as object) ?? {}, { matchConditions: [{ name: "not-me", expression: "false" }] });
      },
    ],
    [
      "a binding that only warns",
      (world: World) => {
        const binding = world.find("ValidatingAdmissionPolicyBinding", "hmn-approval-signer");
        Object.assign((binding?.spec as object) ?? {}, { validationActions: ["Warn"] });
      },
    ],
  ])("%s proves no signer", (_, weaken) => {
    const { world, run } = atGate(0);
    weaken(world);
    const name = world.approve({ rollout: "payments-2", action: "Promote", phase: 1 });
    run.until("answered", () => answer(world, name)?.result !== undefined);
    expect(answer(world, name)?.message).toContain("SignerNotProven");
    expect(state(world)).toBe("AtGate");
  });

  test("a word older than the last change of the policy proves no signer", () => {
    const { world, run } = atGate(0);
    const name = world.approve({ rollout: "payments-2", action: "Promote", phase: 1 });
    const later = new Date(world.now() + 60_000).toISOString();
    const policy = world.find("ValidatingAdmissionPolicy", "hmn-approval-signer");
    Object.assign(policy?.metadata ?? {}, { managedFields: [{ manager: "somebody", time: later }] });
    run.until("answered", () => answer(world, name)?.result !== undefined);
    expect(answer(world, name)?.message).toContain("written after it");
  });
});

test("protection against deletion counts only while its policy stands as shipped", () => {
  const world = createWorld({ spec: { ...spec, deletionProtection: true }, behaviour: () => GOOD });
  const run = createRunner(world, { seed: 1n, faults: false });
  const protection = () => world.status().conditions?.find(({ type }) => type === "DeletionProtected");
  run.pass(3);
  expect(protection()).toMatchObject({ status: "False", reason: "PolicyMissing" });
  const put = (object: KubeObject) => world.carryOut([{ type: "apply", object }]);
  put(deletionPolicy);
  put(deletionPolicyBinding);
  run.pass(1);
  expect(protection()).toMatchObject({ status: "True", reason: "PolicyStands" });
  put({ ...deletionPolicyBinding, spec: { ...deletionPolicyBinding.spec, validationActions: ["Audit"] } });
  run.pass(1);
  expect(protection()).toMatchObject({ status: "False", reason: "PolicyMissing" });
  world.edit((before) => ({ ...before, deletionProtection: false }));
  run.pass(1);
  expect(protection()).toBeUndefined();
});
