import type { Millis } from "../../node/base/units.ts";
import type { ApprovalSpec } from "../api/approval.ts";
import type { ClusterSpec, ClusterStatus } from "../api/cluster.ts";
import type { RolloutSpec, RolloutStatus } from "../api/rollout.ts";
import type { Snapshot } from "../observe/snapshot.ts";
import type { Action, KubeObject } from "./actions.ts";
import type { ModelCertificates } from "./world-certificates.ts";
import type { ModelChain } from "./world-chain.ts";
import type { ModelNodes } from "./world-nodes.ts";
import type { Thing } from "./world-store.ts";
import type { ModelVolumes } from "./world-volumes.ts";

/** A modelled API server with the controllers that matter here, in seconds of its own clock: the simulation's world. */
export type World = {
  now(): Millis;
  snapshot(): Snapshot;
  /** Carries out actions as apply.ts does: in order, until the first that fails. Returns how many were done. */
  carryOut(actions: readonly Action[]): number;
  /** One second passes. */
  tick(): void;
  edit(change: (spec: ClusterSpec) => ClusterSpec): void;
  status(): ClusterStatus;
  rollouts(): readonly { name: string; spec: RolloutSpec; status: RolloutStatus }[];
  objects(kind: string): readonly Thing[];
  find(kind: string, name: string): Thing | undefined;
  remove(kind: string, name: string): void;
  /** Another field manager changes an object. */
  meddle(kind: string, name: string, manager: string, change: (thing: Thing) => void): void;
  /** A person's word about a rollout, as its admission policy lets it through. */
  approve(word: Pick<ApprovalSpec, "rollout" | "action"> & Partial<ApprovalSpec>): string;
  /** A person creates an object. */
  create(object: KubeObject): void;
  nodes: ModelNodes;
  volumes: ModelVolumes;
  chain: ModelChain;
  certificates: ModelCertificates;
  /** Nodes that were Ready and are down because the operator evicted them. */
  downByUs: ReadonlySet<number>;
  events: readonly string[];
};
