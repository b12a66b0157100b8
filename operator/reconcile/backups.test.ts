import { describe, expect, test } from "vitest";
import type { BackupStatus } from "../api/backup.ts";
import type { ClusterSpecInput } from "../api/cluster.ts";
import { API_VERSION } from "../api/group.ts";
import { waitOf } from "../backup/outcome.ts";
import { createWorld, type World } from "./world.ts";
import { createRunner, type Runner } from "./world-run.ts";

const spec: ClusterSpecInput = {
  version: "1.0.0",
  image: { reference: "hmn-node:1.0.0" },
  network: "payments",
  rollout: { phases: [{ percent: 100, soakSeconds: 8 }], settleSeconds: 2, intervalSeconds: 4, minimumSamples: 10 },
};
const source = { cluster: "payments", target: { claimName: "backups" }, encryptionSecret: "backup-key" };

/** A cluster that runs, under an operator that dies between any two writes if there is a seed. */
function running(
  seed: number,
  backedUp?: Parameters<typeof createWorld>[0]["backedUp"],
): { world: World; run: Runner } {
  const behaviour = () => ({ latencySeconds: 0.004, pullable: true });
  const world = createWorld({ spec, behaviour, ...(backedUp === undefined ? {} : { backedUp }) });
  const run = createRunner(world, { seed: BigInt(seed), faults: seed > 0 });
  run.until("deployed", () => world.rollouts().at(-1)?.status.state === "Succeeded");
  return { world, run };
}
const backup = (world: World, name: string): void =>
  world.create({
    ...{ apiVersion: API_VERSION, kind: "HmnBackup", metadata: { name } },
    spec: { ...source, schedule: "", keep: 0 },
  });
const schedule = (world: World, fields: object = {}): void =>
  world.create({
    ...{ apiVersion: API_VERSION, kind: "HmnBackupSchedule", metadata: { name: "minutes" } },
    spec: { ...source, schedule: "* * * * *", suspend: false, keep: 2, objectiveSeconds: 180, ...fields },
  });
const statusOf = (world: World, name: string) => (world.find("HmnBackup", name)?.status ?? {}) as BackupStatus;
const current = (world: World) => world.status().conditions?.find(({ type }) => type === "BackupCurrent");

test("it is written by the release that the validator runs, whatever the spec wants, and fits on a host that is full", () => {
  const { world, run } = running(0);
  world.edit((before) => ({
    ...before,
    version: "9.0.0",
    image: { ...before.image, reference: "no:such" },
    paused: true,
  }));
  backup(world, "once");
  run.until("a Job", () => world.find("Job", "once-job") !== undefined);
  const job = JSON.stringify(world.find("Job", "once-job"));
  expect(job).toContain('"image":"hmn-node:1.0.0"');
  expect(job).not.toContain("no:such");
  expect(job).toContain('"requests":{"cpu":"50m","memory":"512Mi"},"limits":{"cpu":"500m","memory":"512Mi"}');
});

test("a claim that one host alone reaches is written from there again; another target from the lightest", () => {
  const { world, run } = running(0);
  const ended = (name: string, validator: number, claimName: string) =>
    world.create({
      ...{ apiVersion: API_VERSION, kind: "HmnBackup", metadata: { name } },
      spec: { ...source, target: { claimName }, schedule: "", keep: 0 },
      status: { state: "Succeeded", completionTime: "2026-01-01T00:00:00Z", validator, height: 1, verified: true },
    });
  ended("before", 1, "backups");
  ended("elsewhere", 2, "others");
  backup(world, "once");
  run.until("backed up", () => statusOf(world, "once").state === "Succeeded");
  expect(statusOf(world, "once").validator).toBe(1);
  world.create({
    ...{ apiVersion: API_VERSION, kind: "HmnBackup", metadata: { name: "anew" } },
    spec: { ...source, target: { claimName: "new" }, schedule: "", keep: 0 },
  });
  run.until("backed up", () => statusOf(world, "anew").state === "Succeeded");
  expect(statusOf(world, "anew").validator).toBe(3);
});

test("what its pod waits for is told", () => {
  const conditions = [
    { type: "PodScheduled", status: "False", message: "0/5 nodes are available: 1 Insufficient cpu" },
  ];
  const waiting = { metadata: { name: "once-job-x" }, status: { conditions } };
  expect(waitOf([waiting])).toBe("Its pod once-job-x waits: 0/5 nodes are available: 1 Insufficient cpu");
  const state = { waiting: { reason: "CreateContainerConfigError", message: 'secret "backup-key" not found' } };
  const containerStatuses = [{ name: "check", state, image: "", imageID: "", ready: false, restartCount: 0 }];
  expect(waitOf([{ ...waiting, status: { containerStatuses } }])).toContain('secret "backup-key" not found');
  expect(waitOf([{ metadata: waiting.metadata, status: {} }])).toBe("");
});

describe.each([0, 1, 2])("seed %i", (seed) => {
  test("a backup is made by one Job, beside the node of a validator, and its end is a record", () => {
    const { world, run } = running(seed);
    backup(world, "once");
    backup(world, "twice");
    run.until("backed up", () => statusOf(world, "once").state === "Succeeded");
    expect(statusOf(world, "once")).toMatchObject({ height: 100, verified: true, restoreSeconds: 2, bytes: 4_096 });
    run.until("the other one after it", () => statusOf(world, "twice").state === "Succeeded");
    expect(Date.parse(statusOf(world, "twice").startTime ?? "")).toBeGreaterThanOrEqual(
      Date.parse(statusOf(world, "once").completionTime ?? ""),
    );
    expect(world.objects("Job").map(({ metadata }) => metadata.name)).toEqual(["once-job", "twice-job"]);
    const job = JSON.stringify(world.find("Job", "once-job"));
    expect(job).toContain(`"claimName":"data-payments-${statusOf(world, "once").validator}-0-0","readOnly":true`);
    expect(job).toContain('"automountServiceAccountToken":false');
    expect(world.status().backup).toMatchObject({ name: expect.stringMatching(/once|twice/), height: 100 });
    // Nobody takes the pods of backups for nodes.
    expect(world.status().totalValidators).toBe(4);
    expect(run.look().actions).toEqual([]);
  });

  test("a schedule makes one backup each time, keeps so many, and says when the newest is too old", () => {
    const { world, run } = running(seed);
    schedule(world);
    run.until("backed up five times", () => made(world) >= 5, 900);
    run.until("old ones are gone", () => world.objects("HmnBackup").length <= 3);
    expect(current(world)).toMatchObject({ status: "True", reason: "WithinObjective" });
    const last = world.objects("HmnBackup").map(({ metadata }) => metadata.name);
    expect(new Set(last).size).toBe(last.length);
    world.meddle("HmnBackupSchedule", "minutes", "ada", (thing) => {
      thing.spec = { ...(thing.spec as object), suspend: true };
    });
    run.until("it says so", () => current(world)?.status === "False", 600);
    expect(current(world)).toMatchObject({ reason: "TooOld" });
    const names = world.objects("HmnBackup").length;
    run.pass(180);
    expect(world.objects("HmnBackup").length).toBeLessThanOrEqual(names);
  });

  test("what failed says why, and does not end the schedule", () => {
    let broken = true;
    const { world, run } = running(seed, () =>
      broken
        ? { error: "the store refuses: AccessDenied" }
        : { height: 7, timeNs: `${BigInt(world.now()) * 1_000_000n}` },
    );
    schedule(world);
    const states = () => world.objects("HmnBackup").map(({ metadata }) => statusOf(world, metadata.name));
    run.until("it failed", () => states().some(({ state }) => state === "Failed"), 300);
    expect(states().find(({ state }) => state === "Failed")?.message).toBe(
      "BackoffLimitExceeded: backup: the store refuses: AccessDenied",
    );
    expect(current(world)).toMatchObject({ status: "False", reason: "NoBackup" });
    broken = false;
    run.until("the next one is good", () => current(world)?.status === "True", 300);
  });

  test("a schedule that never comes says so, and makes nothing", () => {
    const { world, run } = running(seed);
    schedule(world, { schedule: "61 * * * *" });
    run.pass(60);
    expect(world.find("HmnBackupSchedule", "minutes")?.status).toMatchObject({
      message: expect.stringContaining("cron"),
    });
    expect(made(world)).toBe(0);
  });
});

/** Names tell how many were made, those that are gone included. */
const made = (world: World): number => world.objects("Job").length;
