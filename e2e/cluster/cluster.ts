import { unreachable } from "../../node/base/assert.ts";
import type { Progress } from "../kit/progress.ts";
import { startBuilt, stopBuilt } from "./built.ts";
import { chooseProvider } from "./choose.ts";
import type { Engine } from "./engine.ts";
import { openExisting } from "./existing.ts";
import { startKind, stopKind } from "./kind.ts";
import { takeLock } from "./lock.ts";
import type { Output, RunOptions } from "./run.ts";
import { forgetCluster, recallCluster, rememberProvider } from "./state.ts";

export type Provider = "existing" | "kind" | "kind-built" | "api";

/** A Kubernetes cluster that is up, and what tests and the demo do with it. */
export type Cluster = {
  readonly name: string;
  readonly provider: Provider;
  /** Usable by the reader's own kubectl on this machine; its current context is this cluster. */
  readonly kubeconfig: string;
  /** The kubectl that is used here. */
  readonly kubectlPath: string;
  /** Runs kubectl against this cluster. A code other than 0 is a result. */
  kubectl(args: readonly string[], options?: RunOptions): Promise<Output>;
  /** Brings images of the engine onto every worker. Throws where the cluster has to pull from a registry by itself. */
  loadImages(references: readonly string[], progress?: Progress): Promise<void>;
  /** Names of the nodes that run pods, sorted. */
  workers(): Promise<string[]>;
  /** Runs a command on the machine of a node (a container, with kind); undefined where there is no such door. */
  readonly exec: ((worker: string, command: readonly string[]) => Promise<Output>) | undefined;
  /** Builds our images; undefined where none is at hand. */
  readonly engine: Engine | undefined;
};

export type UpOptions = {
  readonly progress: Progress;
  /** One zone each: z1, z2, …; four by default. A cluster of ours with another number is made anew. */
  readonly workers?: number;
};

export const WORKERS = 4;

/** Brings the cluster up, or finds it up. Looks first; goes on with, or clears away, whatever an interrupted run left. */
export async function up({ progress, workers = WORKERS }: UpOptions): Promise<Cluster> {
  const release = await takeLock(progress);
  try {
    const choice = await chooseProvider(progress);
    switch (choice.provider) {
      case "existing":
        return await openExisting(choice.context);
      case "kind": {
        rememberProvider("kind");
        return await startKind(choice.engine, workers, progress);
      }
      case "kind-built": {
        rememberProvider("kind-built");
        return await startBuilt(workers, progress);
      }
      default:
        return unreachable(choice);
    }
  } finally {
    release();
  }
}

/** Removes what `up` made: never a cluster that was there before. Programs and images stay for the next time. */
export async function down(progress: Progress): Promise<void> {
  const release = await takeLock(progress);
  try {
    const remembered = recallCluster();
    if (remembered === undefined) return progress.say("no cluster of ours is known here; nothing to remove");
    switch (remembered.provider) {
      case "kind":
        await stopKind(progress);
        break;
      case "kind-built":
        await stopBuilt(progress);
        break;
      default:
        return unreachable(remembered.provider);
    }
    forgetCluster();
  } finally {
    release();
  }
}
