import { describe, expect, test } from "vitest";
import type { Restored } from "../../node/api/contract-restored.ts";
import type { ClusterSpecInput } from "../api/cluster.ts";
import { API_VERSION, LABELS } from "../api/group.ts";
import { createWorld, type World } from "./world.ts";
import type { Brought } from "./world-restores.ts";
import { createRunner, type Runner } from "./world-run.ts";

const hash = (digit: string): string => digit.repeat(64);
const OWNER = hash("7");
const held = (height: number, ids: readonly number[] = [0, 1, 2, 3]): Restored => ({
  network: "old",
  from: {
    ...{ chainId: hash("a"), height, blockHash: hash("b"), timeNs: `${Date.parse("2025-12-31T23:58:00Z")}000000` },
    subroots: { accounts: hash("1"), ids: hash("2"), pending: hash("3"), validators: hash("4") },
  },
  parameters: { epochLengthMs: 10_000, ofALaterRelease: 7 },
  validators: ids.map((id) => ({ id, ownerKey: OWNER, bond: "5" })),
});
const s3 = { bucket: "backups", prefix: "p", region: "us-east-1", credentialsSecret: "s3" };
const store = { backup: "daily-1", target: { s3 }, encryptionSecret: "backup-key" };
const specOf = (restoreFrom: ClusterSpecInput["restoreFrom"], replicas = 4): ClusterSpecInput => ({
  version: "1.0.0",
  image: { reference: "hmn-node:1.0.0" },
  network: "payments",
  validators: { replicas },
  storage: { replaceLostVolumes: { policy: "After", afterSeconds: 60 } },
  restoreFrom,
  rollout: { phases: [{ percent: 100, soakSeconds: 8 }], settleSeconds: 2, intervalSeconds: 4, minimumSamples: 10 },
});
const restoring = (seed: number, spec: ClusterSpecInput, restores: (args: readonly string[]) => Brought) => {
  const world = createWorld({ spec, restores, behaviour: () => ({ latencySeconds: 0.004, pullable: true }) });
  return { world, run: createRunner(world, { seed: BigInt(seed), faults: seed > 0 }) };
};
const isReady = (world: World) =>
  world.status().conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
const stalled = (world: World) => world.status().conditions?.find(({ type }) => type === "Stalled");
const genesis = (world: World) => {
  const map = world.find("ConfigMap", "payments-genesis");
  return map === undefined ? undefined : JSON.parse((map.data as Record<string, string>)["genesis.json"] ?? "");
};
const templates = (world: World): string[] => world.objects("StatefulSet").map(({ spec }) => JSON.stringify(spec));
/** In a second without faults of the operator nothing is left to do. */
const settled = (run: Runner) => run.until("nothing is left to do", () => run.look().actions.length === 0, 60);

describe.each([0, 1, 2])("seed %i", (seed) => {
  test("every volume gets the backup once, the genesis goes on from it, and the store is not asked for again", () => {
    let brought = 0;
    const { world, run } = restoring(seed, specOf({ ...store, chainId: hash("a") }), (args) => {
      expect(args).toEqual([
        ...["restore", "s3://backups/p", "daily-1", "--data", "/var/lib/hmn", "--key", "/etc/hmn/backup/key"],
        ...["--region", "us-east-1", "--chain-id", hash("a"), "--report", "/dev/termination-log"],
      ]);
      brought += 1;
      return held(100);
    });
    run.until("a pod that restores", () => world.objects("Pod").length > 0);
    expect(templates(world)[0]).toContain('"secretName":"backup-key"');
    run.until("restored", () => world.status().restore?.state === "Restored" && isReady(world));
    expect(genesis(world)).toMatchObject({
      ...{ network: "payments", accounts: [], restoredFrom: held(100).from, parameters: held(100).parameters },
      validators: [0, 1, 2, 3].map((id) => ({ id, ownerKey: OWNER, bond: "5" })),
    });
    expect(new Set(genesis(world).validators.map((one: { consensusKey: string }) => one.consensusKey)).size).toBe(4);
    expect(world.status().restore).toMatchObject({
      ...{ chainId: hash("a"), height: 100, blockTime: "2025-12-31T23:58:00.000Z", lostSeconds: 120 },
      message: expect.stringContaining("owned by another key"),
    });
    expect(world.status().restore?.recoverySeconds).toBeGreaterThan(5);
    settled(run);
    expect(templates(world).some((text) => text.includes("initContainers") || text.includes("backup-key"))).toBe(false);
    expect(world.objects("Pod").map(({ metadata }) => metadata.labels[LABELS.restoring])).toEqual(
      Array.from({ length: 4 }, () => "false"),
    );
    const before = brought;
    const pods = world.objects("Pod").map(({ metadata }) => metadata.uid);
    run.pass(60);
    expect(world.objects("Pod").map(({ metadata }) => metadata.uid)).toEqual(pods);
    expect(brought).toBe(before);

    // A volume that is lost later begins with the same backup.
    world.volumes.lose("data-payments-2-0-0");
    world.remove("Pod", "payments-2-0-0");
    run.until("another volume", () => world.find("StatefulSet", "payments-2-1") !== undefined, 300);
    expect(JSON.stringify(world.find("StatefulSet", "payments-2-1"))).toContain('"initContainers"');
    run.until("it votes again", () => isReady(world) && world.status().replacement === undefined, 600);
    expect(brought).toBeGreaterThan(before);
    settled(run);
    expect(templates(world).some((text) => text.includes("initContainers"))).toBe(false);
  });

  test.each([
    ["Missing", "BackupMissing"],
    ["WrongKey", "BackupKeyWrong"],
    ["WrongNetwork", "BackupOfAnotherNetwork"],
    ["Damaged", "BackupDamaged"],
  ] as const)("%s is told as %s, and ends when the spec is corrected", (fault, reason) => {
    const { world, run } = restoring(seed, specOf(store), (args) =>
      args.includes("daily-1") ? { fault, detail: "what the store said" } : held(9),
    );
    run.until("told", () => stalled(world)?.reason === reason);
    expect(stalled(world)?.message).toMatch(/Validator 0 .* daily-1: what the store said\. [A-Z]/);
    run.pass(60);
    expect(genesis(world)).toBeUndefined();
    world.edit((spec) => ({ ...spec, restoreFrom: { ...store, backup: "daily-2" } }));
    run.until("restored", () => isReady(world), 300);
    expect(world.status().restore).toMatchObject({ state: "Restored", height: 9, source: { backup: "daily-2" } });
    expect(stalled(world)).toBeUndefined();
  });
});

test("an observer of a restored network begins with the backup, too", () => {
  const { world, run } = restoring(0, specOf(store), () => held(100));
  run.until("restored", () => isReady(world), 300);
  world.edit((spec) => ({ ...spec, observers: { ...spec.observers, replicas: 1 } }));
  run.until("an observer that restores", () => templates(world).some((text) => text.includes("initContainers")), 120);
  run.until("it follows", () => isReady(world) && world.objects("Pod").every((pod) => world.nodes.isReady(pod)), 300);
  expect(world.objects("Pod").length).toBe(5);
});

test("without a target it is the HmnBackup's of that name, for good, and only a good one's", () => {
  const { world, run } = restoring(0, specOf({ backup: "daily-1" }), () => held(100));
  run.until("missed", () => stalled(world)?.reason === "BackupMissing");
  expect(stalled(world)?.message).toContain("There is no HmnBackup daily-1");
  const backup = (state: string) => ({
    ...{ apiVersion: API_VERSION, kind: "HmnBackup", metadata: { name: "daily-1" } },
    spec: { cluster: "old", target: { claimName: "shared" }, encryptionSecret: "its-key", schedule: "", keep: 0 },
    status: { state, completionTime: "2025-12-31T23:59:00Z" },
  });
  world.create(backup("Failed"));
  run.until("it failed", () => stalled(world)?.message.includes("is Failed") === true);
  expect(world.objects("StatefulSet")).toEqual([]);
  world.remove("HmnBackup", "daily-1");
  world.create(backup("Succeeded"));
  run.until("pods", () => world.objects("Pod").length > 0);
  world.remove("HmnBackup", "daily-1");
  run.until("restored", () => isReady(world));
  expect(world.status().restore?.source).toEqual({
    ...{ backup: "daily-1", target: { claimName: "shared" }, encryptionSecret: "its-key" },
  });
});

test("volumes that hold different states, and validators that the backup does not know, begin no network", () => {
  let height = 0;
  const differing = restoring(0, specOf(store), () => {
    height += 1;
    return held(height);
  });
  differing.run.until("told", () => stalled(differing.world)?.reason === "BackupsDiffer");
  const { world, run } = restoring(0, specOf(store, 5), (args) =>
    args.includes("daily-1") ? held(100) : held(90, [0, 1, 2, 3, 4, 9]),
  );
  run.until("told", () => stalled(world)?.reason === "ValidatorsNotInBackup");
  expect(stalled(world)?.message).toContain("no validator 4 with a bond. Set spec.validators.replicas to 4");
  run.pass(30);
  expect([genesis(differing.world), genesis(world)]).toEqual([undefined, undefined]);
  world.edit((spec) => ({ ...spec, restoreFrom: { ...store, backup: "daily-0" } }));
  run.until("restored", () => isReady(world), 300);
  expect(genesis(world).validators.map(({ id }: { id: number }) => id)).toEqual([0, 1, 2, 3, 4]);
});
