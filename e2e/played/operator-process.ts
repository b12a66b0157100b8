import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cachePath } from "../cluster/cache.ts";
import { tie } from "../kit/children.ts";

const MAIN = join(import.meta.dirname, "../../operator/main.ts");

/** How an operator comes to its API server: as a pod of it does, or by a kubeconfig. */
export type Way =
  | { readonly kubeconfig: string }
  | { readonly account: { readonly folder: string; readonly port: number } };

/** The operator as a process of its own. */
export type OperatorProcess = {
  readonly pid: number;
  readonly ended: Promise<number | null>;
  /** As an outage of its host would: without a word to anybody. */
  kill(): void;
  /** As Kubernetes does: it may end what it is doing. */
  stop(): Promise<number | null>;
  log(): string;
};

export function startOperatorProcess(options: {
  readonly way: Way;
  /** Empty: all. */
  readonly namespaces: readonly string[];
  readonly lease: { readonly name: string; readonly namespace: string };
  readonly logPath: string;
  readonly port?: number;
  readonly flags?: readonly string[];
  /** The file that is run; without it the operator's own. */
  readonly main?: string;
}): OperatorProcess {
  const { way, namespaces, lease, logPath, port = 0, flags = [], main = MAIN } = options;
  const log = openSync(logPath, "a");
  const child: ChildProcess = spawn(
    process.execPath,
    [
      ...["--disable-warning=ExperimentalWarning", main],
      ...("account" in way ? ["--service-account", way.account.folder] : ["--kubeconfig", way.kubeconfig]),
      ...["--namespaces", namespaces.join(","), "--host", "127.0.0.1", "--port", String(port)],
      ...["--lease-name", lease.name, "--lease-namespace", lease.namespace, ...flags],
    ],
    // Stripping the types of the same files takes most of a start; what is compiled starts as it does in an image.
    {
      stdio: ["ignore", log, log],
      env: {
        ...process.env,
        ...(main.endsWith(".ts") ? { NODE_COMPILE_CACHE: cachePath("compiled") } : {}),
        ...("account" in way
          ? { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: `${way.account.port}` }
          : {}),
      },
    },
  );
  closeSync(log);
  tie(child);
  const ended = new Promise<number | null>((resolve) => {
    child.once("error", () => resolve(null));
    child.once("exit", (code) => resolve(code));
  });
  return {
    pid: child.pid ?? 0,
    ended,
    kill: () => void child.kill("SIGKILL"),
    stop: () => {
      child.kill("SIGTERM");
      return ended;
    },
    log: () => readFileSync(logPath, "utf8"),
  };
}
