import { describe, expect, test } from "vitest";
import type { BackupStatus } from "../api/backup.ts";
import type { ClusterSpecInput } from "../api/cluster.ts";
import { API_VERSION } from "../api/group.ts";
import { createWorld, type World } from "./world.ts";
import { createRunner, type Runner } from "./world-run.ts";

const spec: ClusterSpecInput = {
  version: "1.0.0",
  image: { reference: "hmn-node:1.0.0" },
  network: "payments",
  rollout: { phases: [{ percent: 100, soakSeconds: 8 }], settleSeconds: 2, intervalSeconds: 4, minimumSamples: 10 },
};

function running(
  seed: number,
  backedUp?: Parameters<typeof createWorld>[0]["backedUp"],
): { world: World; run: Runner } {
  const behaviour = () => ({ latencySeconds: 0.004, pullable: true });
  const world = createWorld({ spec, behaviour, ...(backedUp === undefined ? {} : { backedUp }) });
  const run = createRunner(world, { seed: BigInt(seed), faults: seed > 0 });
  run.until("deployed", () => isReady(world));
  return { world, run };
}
const statement = (world: World, type: string) => world.status().conditions?.find((one) => one.type === type);
const isReady = (world: World) => statement(world, "Ready")?.status === "True";
const sleep = (world: World, hibernate: boolean) => world.edit((before) => ({ ...before, hibernate }));
const claims = (world: World) =>
  world
    .objects("PersistentVolumeClaim")
    .map(({ metadata }) => metadata.uid)
    .toSorted();
const keys = (world: World) => world.chain.told().validators.map(({ publicKey }) => publicKey);
/** Once a night, which is not now. */
const schedule = (world: World) =>
  world.create({
    ...{ apiVersion: API_VERSION, kind: "HmnBackupSchedule", metadata: { name: "nightly" } },
    spec: {
      ...{ cluster: "payments", target: { claimName: "backups" }, encryptionSecret: "backup-key" },
      ...{ schedule: "0 12 * * *", suspend: false, keep: 2, objectiveSeconds: 172_800 },
    },
  });
const asleep = (world: World) => world.status().hibernation?.step === "Hibernated";

describe.each([0, 1, 2])("seed %i", (seed) => {
  test("after a backup all pods go and the volumes stay; it rests, and wakes as the network that it was", () => {
    const { world, run } = running(seed);
    schedule(world);
    const before = { claims: claims(world), keys: keys(world), height: world.nodes.height() };
    sleep(world, true);
    run.until("a backup", () => world.objects("HmnBackup").length === 1);
    expect(world.objects("Pod").filter(({ metadata }) => metadata.name.startsWith("payments-")).length).toBeGreaterThan(
      3,
    );
    run.until("asleep", () => asleep(world));
    const [backup] = world.objects("HmnBackup");
    expect(backup?.status as BackupStatus).toMatchObject({ state: "Succeeded" });
    expect(world.status()).toMatchObject({
      ...{ phase: "Hibernated", readyValidators: 0 },
      hibernation: { backup: backup?.metadata.name },
      waitingFor: {
        reason: "Hibernated",
        message: expect.stringContaining(`backup ${backup?.metadata.name} was made`),
      },
    });
    expect(world.status().hibernation?.height).toBeGreaterThanOrEqual(before.height);
    expect(statement(world, "Available")).toMatchObject({ status: "False", reason: "Hibernated" });
    expect([statement(world, "Stalled"), statement(world, "Reconciling")]).toEqual([undefined, undefined]);
    expect(world.nodes.voting()).toEqual([]);
    expect(claims(world)).toEqual(before.claims);
    // Longer than a lost volume or a missing node is waited for; and a release that is wanted meanwhile waits.
    world.edit((now) => ({ ...now, version: "1.1.0", image: { ...now.image, reference: "hmn-node:1.1.0" } }));
    run.pass(400);
    expect(run.look().actions).toEqual([]);
    expect([asleep(world), world.rollouts().length, world.nodes.voting()]).toEqual([true, 1, []]);
    sleep(world, false);
    run.until("awake", () => world.status().hibernation === undefined && world.nodes.voting().length === 4);
    expect(world.status().phase).not.toBe("Hibernated");
    run.until("the release that was wanted", () => isReady(world) && world.status().currentVersion === "1.1.0", 900);
    expect([claims(world), keys(world)]).toEqual([before.claims, before.keys]);
  });

  test("whoever changes their mind on the way is awake again, and nothing sleeps in a pause", () => {
    const { world, run } = running(seed);
    world.edit((now) => ({ ...now, paused: true, hibernate: true }));
    run.pass(30);
    expect([world.status().hibernation, world.nodes.voting().length]).toEqual([undefined, 4]);
    expect(world.status().waitingFor?.reason).toBe("Hibernating");
    world.edit((now) => ({ ...now, paused: false }));
    run.until("on the way", () => world.status().hibernation?.step === "Stopping");
    sleep(world, false);
    run.until("awake", () => isReady(world) && world.status().hibernation === undefined);
    expect(world.nodes.voting().length).toBe(4);
  });
});

test("without a schedule it sleeps without a backup, and says so", () => {
  const { world, run } = running(0);
  sleep(world, true);
  run.until("asleep", () => asleep(world));
  expect(world.status().waitingFor?.message).toContain("no backup was made: no HmnBackupSchedule names this cluster");
  expect(world.objects("HmnBackup")).toEqual([]);
});

test("who does not wake in time is a node that is missing like any other", () => {
  const { world, run } = running(0);
  sleep(world, true);
  run.until("asleep", () => asleep(world));
  for (const id of [1, 2]) world.nodes.cordoned.add(id);
  sleep(world, false);
  run.until("waking", () => world.status().hibernation?.step === "Waking");
  run.until("given up", () => world.status().hibernation === undefined, 1_000);
  expect(world.status()).toMatchObject({ phase: "Running", waitingFor: { reason: "NodesNotReady" } });
  world.nodes.cordoned.clear();
  run.until("awake", () => isReady(world));
});

test("while its backup fails it stays awake, and says so; deleting the record tries again", () => {
  let broken = true;
  const { world, run } = running(0, () =>
    broken ? { error: "AccessDenied" } : { height: 7, timeNs: `${BigInt(world.now()) * 1_000_000n}` },
  );
  schedule(world);
  sleep(world, true);
  run.until("told", () => statement(world, "Stalled")?.reason === "HibernationBackupFailed");
  expect(statement(world, "Stalled")?.message).toContain("AccessDenied");
  run.pass(60);
  expect(world.nodes.voting().length).toBe(4);
  broken = false;
  for (const { metadata } of world.objects("HmnBackup")) {
    world.remove("HmnBackup", metadata.name);
    world.remove("Job", `${metadata.name}-job`);
  }
  run.until("asleep", () => asleep(world));
});
