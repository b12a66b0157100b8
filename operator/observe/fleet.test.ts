import { expect, test } from "vitest";
import { validCluster, validRollout } from "../api/valid-examples.ts";
import { fakeItem } from "../runtime/fake-api.ts";
import type { Item } from "../runtime/resource.ts";
import { createFleets } from "./fleet.ts";
import type { KindName } from "./resources.ts";

const cluster = (name: string, status: object = {}, deleted = false): Item => {
  const item = fakeItem(name, "1", { fields: { spec: Object(validCluster()).spec, status } });
  return deleted ? { ...item, metadata: { ...item.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } } : item;
};
const rollout = (of: string, number: number, kind: string, status: object): Item =>
  fakeItem(`${of}-${number}`, "1", {
    fields: { spec: Object(validRollout({ cluster: of, clusterUID: `uid-${of}`, number, kind })).spec, status },
  });
const waiting = (reason: string, since: string) => ({
  waitingFor: { reason, since, message: "m", who: "Operator", command: "c" },
});

const items: Partial<Record<KindName, readonly Item[]>> = {
  HmnCluster: [
    cluster("me", waiting("FleetLimit", "2026-01-01T00:00:00Z")),
    cluster("rolls"),
    cluster("over"),
    cluster("new"),
    cluster("waits", waiting("FleetLimit", "2026-01-02T00:00:00Z")),
    cluster("soaks", waiting("WindowClosed", "2026-01-02T00:00:00Z")),
    cluster("leaves", waiting("FleetLimit", "2026-01-02T00:00:00Z"), true),
  ],
  HmnRollout: [
    rollout("rolls", 2, "Upgrade", { state: "Soaking" }),
    rollout("over", 2, "Upgrade", { state: "Succeeded", completionTime: "2026-01-01T00:00:00Z" }),
    rollout("new", 1, "FirstDeployment", { state: "Moving" }),
    rollout("gone", 1, "Upgrade", { state: "Moving" }),
  ],
};

test("those that roll out and those that wait for their turn are rivals, and nobody else", () => {
  const fleets = createFleets({ items: (kind) => items[kind] ?? [] }, { freeze: true, maxConcurrentRollouts: 2 });
  const fleet = fleets.of("a/me");
  expect(fleet).toMatchObject({ frozen: true, maxConcurrentRollouts: 2 });
  const rolls = { cluster: "a/rolls", waitingSince: undefined };
  const waits = { cluster: "a/waits", waitingSince: "2026-01-02T00:00:00Z" };
  expect(fleet.rivals()).toEqual([rolls, waits]);
  // Decided on, and not in the caches yet.
  fleets.begun("a/waits");
  fleets.begun("a/me");
  expect(fleet.rivals()).toEqual([rolls, { ...waits, waitingSince: undefined }]);
  fleets.shown("a/waits");
  expect(fleet.rivals()).toEqual([rolls, waits]);
});
