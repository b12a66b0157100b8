import type { Cluster } from "../cluster/cluster.ts";
import type { Progress } from "../kit/progress.ts";
import type { ApiReader } from "../kit/proxy.ts";
import type { Stand } from "../played/stand.ts";
import type { Stage } from "./stage.ts";

/** Scenarios of one stage share one HmnCluster and follow each other on it; any of them also runs alone. */
export type StageName = "releases" | "losses" | "trouble" | "restores";

type Described = {
  readonly name: string;
  /** Each is asserted on objects, status and books, never on logs. */
  readonly asserts: readonly string[];
  /** Of the second tier: runs with `--all` or by its name, so that every change waits for the first tier only. */
  readonly tier?: "second";
};

export type Scenario = Described &
  (
    | { readonly on: StageName; readonly run: (scene: Scene) => Promise<void> }
    /** On the API server alone, without nodes. */
    | { readonly on: "api"; readonly run: (scene: ApiScene) => Promise<void> }
    /** On an API server with its controllers, where validators are played and the operator is real. */
    | { readonly on: "played"; readonly run: (scene: PlayedScene) => Promise<void> }
  );

/** Thrown by a scenario that cannot run here, with what is missing; it counts as neither passed nor failed. */
export class Skipped extends Error {
  override readonly name = "Skipped";
}

export type Scene = {
  readonly cluster: Cluster;
  readonly reader: ApiReader;
  readonly stage: Stage;
  readonly progress: Progress;
};

export type ApiScene = { readonly kubectl: Cluster["kubectl"]; readonly progress: Progress };

export type PlayedScene = {
  readonly stand: Stand;
  /** Of what is chosen by chance; a failure prints it. */
  readonly seed: number;
  readonly progress: Progress;
};
