import { expect, test } from "vitest";
import type { ValidatorStatus } from "../api/validator-status.ts";
import { FORERUNNER } from "../desired/names.ts";
import type { Snapshot } from "../observe/snapshot.ts";
import type { NodeView, View } from "../rollout/view.ts";
import { validatorStatuses } from "./validators.ts";

const node = (id: number, weight: number) =>
  ({ id, weight, host: "", pod: undefined, voting: true, stopping: false }) as unknown as NodeView;
const view = (...weights: number[]): View => ({
  nodes: weights.map((weight, id) => node(id, weight)),
  observers: [],
  forerunner: node(FORERUNNER, 0),
  voters: weights.map((weight, id) => ({ id, weight, publicKey: "" })),
  totalWeight: 0,
});
const told = (before: readonly number[], now: View) => {
  const validators = before.map((weight, id) => ({ id, weight }) as ValidatorStatus);
  const cluster = { metadata: { name: "c" }, status: { validators } };
  return validatorStatuses({ cluster, hosts: [] } as unknown as Snapshot, now).map(({ weight }) => weight);
};

test("weights that drift a little are no news; when one has moved by more than a tenth, all are told anew", () => {
  expect(told([1000, 1000, 1000, 1000], view(1010, 990, 1099, 1000))).toEqual([1000, 1000, 1000, 1000]);
  expect(told([1000, 1000, 1000, 1000], view(1010, 990, 1101, 1000))).toEqual([1010, 990, 1101, 1000]);
  expect(told([], view(1000, 1000))).toEqual([1000, 1000]);
  expect(told([1000, 1000], view(1000, 0))).toEqual([1000, 0]);
});

test("while nobody can be asked, what was last known stands", () => {
  expect(told([1000, 900], { ...view(0, 0), voters: [] })).toEqual([1000, 900]);
});
