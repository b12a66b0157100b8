import { type ChildProcess, spawn } from "node:child_process";
import type { Cluster } from "../cluster/cluster.ts";
import { tie } from "./children.ts";

/** A port of a pod, reachable on this machine's loopback until it is closed. */
export type Forward = { readonly port: number; close(): void };

const OPEN_TIMEOUT_MS = 30_000;

export function forwardPort(
  cluster: Cluster,
  { namespace, pod, port }: { namespace: string; pod: string; port: number },
): Promise<Forward> {
  const child: ChildProcess = spawn(
    cluster.kubectlPath,
    ["--namespace", namespace, "port-forward", "--address", "127.0.0.1", `pod/${pod}`, `:${port}`],
    { env: { ...process.env, KUBECONFIG: cluster.kubeconfig }, stdio: ["ignore", "pipe", "pipe"] },
  );
  tie(child);
  return new Promise((resolve, reject) => {
    let said = "";
    const fail = (why: string): void => {
      clearTimeout(timer);
      child.kill();
      reject(new Error(`port-forward to ${namespace}/${pod}:${port} ${why}: ${said.trim().slice(-300)}`));
    };
    const timer = setTimeout(() => fail(`did not open within ${OPEN_TIMEOUT_MS / 1000} s`), OPEN_TIMEOUT_MS);
    child.on("error", (error) => fail(`could not be started (${error.message})`));
    child.on("exit", (code) => fail(`ended with ${code}`));
    child.stderr?.on("data", (chunk) => {
      said += chunk;
    });
    child.stdout?.on("data", (chunk) => {
      said += chunk;
      const local = /127\.0\.0\.1:(\d+)/.exec(said)?.[1];
      if (local === undefined) return;
      clearTimeout(timer);
      resolve({ port: Number(local), close: () => void child.kill() });
    });
  });
}
