import type { V1ContainerStatus, V1Pod, V1PodCondition } from "@kubernetes/client-node";
import { expect, test } from "vitest";
import { EXIT_CODES } from "../../node/api/contract.ts";
import { millis } from "../../node/base/units.ts";
import { problemOf } from "./problem.ts";

const STARTED = Date.parse("2026-01-01T00:00:00Z");

const pod = (container: Partial<V1ContainerStatus>, conditions: readonly V1PodCondition[] = []): V1Pod => ({
  status: {
    startTime: new Date(STARTED),
    conditions: [...conditions],
    containerStatuses: [{ name: "node", image: "hmn:1", imageID: "", ready: false, restartCount: 0, ...container }],
  },
});
const after = (seconds: number) => millis(STARTED + seconds * 1000);
const unscheduled = (message: string): V1PodCondition => ({
  type: "PodScheduled",
  status: "False",
  reason: "Unschedulable",
  message,
  lastTransitionTime: new Date(STARTED),
});

test.each([
  ["a pull error at first", pod({ state: { waiting: { reason: "ErrImagePull" } } }), 5, "ImagePull", false],
  ["a pull error that lasts", pod({ state: { waiting: { reason: "ImagePullBackOff" } } }), 20, "ImagePull", true],
  [
    "one crash",
    pod({ restartCount: 1, state: { running: {} }, lastState: { terminated: { exitCode: 1 } } }),
    5,
    "CrashLoop",
    false,
  ],
  [
    "three crashes",
    pod({
      restartCount: 2,
      state: { waiting: { reason: "CrashLoopBackOff" } },
      lastState: { terminated: { exitCode: 1 } },
    }),
    5,
    "CrashLoop",
    true,
  ],
  [
    "data that is damaged",
    pod({ restartCount: 3, state: { running: {} }, lastState: { terminated: { exitCode: EXIT_CODES.dataDamaged } } }),
    5,
    "Damaged",
    true,
  ],
  ["no host at first", pod({}, [unscheduled("0/4 nodes are available")]), 10, "Unschedulable", false],
  ["no host for long", pod({}, [unscheduled("0/4 nodes are available")]), 60, "Unschedulable", true],
  ["a volume", pod({}, [unscheduled("pod has unbound immediate PersistentVolumeClaims")]), 60, "Volume", true],
  [
    "a cordoned host, the only one with its volume",
    pod({}, [unscheduled("1 node(s) were unschedulable, 3 node(s) had volume node affinity conflict")]),
    60,
    "Unschedulable",
    true,
  ],
] as const)("%s", (_, subject, seconds, kind, established) => {
  expect(problemOf(subject, undefined, after(seconds))).toMatchObject({ kind, established });
});

test("the words say what to do and carry the cause", () => {
  const crash = pod({
    restartCount: 3,
    state: { waiting: { reason: "CrashLoopBackOff" } },
    lastState: { terminated: { exitCode: 137, reason: "OOMKilled" } },
  });
  expect(problemOf(crash, undefined, after(1))?.message).toContain(
    "exit code 137 (out of memory: raise spec.resources.memory)",
  );
  const silent = pod({ ready: true, state: { running: {} } });
  expect(problemOf(silent, { unreachable: "connection refused" }, after(1))?.message).toContain("connection refused");
});

test("a healthy pod, a stopping one and none have no problem", () => {
  expect(problemOf(pod({ ready: true, state: { running: {} } }), undefined, after(1))).toBeUndefined();
  expect(
    problemOf({ ...pod({ restartCount: 9 }), metadata: { deletionTimestamp: new Date(STARTED) } }, undefined, after(1)),
  ).toBeUndefined();
  expect(problemOf(undefined, undefined, after(1))).toBeUndefined();
});
