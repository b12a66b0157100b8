import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { found, Hopeless, instead, waitFor } from "../kit/wait.ts";
import {
  type Built,
  binFolderOf,
  buildBinaries,
  FOR_API,
  KUBERNETES_MINORS,
  type KubernetesMinor,
} from "./binaries.ts";
import { binary } from "./cache.ts";
import { type Issued, makeAuthority, makeKeyPair } from "./certificates.ts";
import type { Cluster, UpOptions } from "./cluster.ts";
import { renderKubeconfig } from "./kubeconfig.ts";
import { kubectlParts } from "./kubectl.ts";
import { freePorts } from "./relays.ts";
import { onPath } from "./run.ts";

/** A real API server with its controllers and scheduler; hosts and pods are played by kwok, so no image is ever run. */
export type ApiCluster = Cluster & {
  readonly port: number;
  /** PEM of the authority under which the API server and its clients know each other. */
  readonly authority: string;
  /** What a user of this name and group shows to the API server. */
  readonly client: (name: string, group: string) => Promise<Issued>;
  /** A certificate by which somebody else on loopback is taken for the API server. */
  readonly server: () => Promise<Issued>;
  /** One line of JSON for each request, as `auditPolicy` says; empty without one. */
  readonly auditLog: string;
  stop(): Promise<void>;
};

export type ApiOptions = UpOptions & {
  /** False: whoever starts it plays the pods itself. */
  readonly playPods?: boolean;
  /** A Policy of audit.k8s.io; without it nothing is noted. */
  readonly auditPolicy?: object;
  /** Of which minor the API server, the controllers and the scheduler are; the newest one without. */
  readonly minor?: KubernetesMinor;
};

const STAGES = join(import.meta.dirname, "stages.yaml");
const POD_STAGES = join(import.meta.dirname, "pod-stages.yaml");
const ADDRESSES = ["localhost", "127.0.0.1"];
const READY_MS = 60_000;
const ENDPOINTS = ["endpoints-controller", "endpointslice-controller", "endpointslice-mirroring-controller"];
const WORKERS = 4;

/** Starts it on free ports of loopback, in a folder of its own: any number can run at once. Ends with this process at the latest. */
export async function startApi(options: ApiOptions): Promise<ApiCluster> {
  const { progress } = options;
  const own: Built | undefined = options.minor === undefined ? undefined : KUBERNETES_MINORS[options.minor];
  await buildBinaries(own === undefined ? FOR_API : [...FOR_API, own], progress);
  const folder = mkdtempSync(join(tmpdir(), "hmn-api-server-"));
  const running: Running[] = [];
  const stop = async (): Promise<void> => {
    process.off("exit", killAll);
    // The API server first: what is left would only log that etcd went away.
    await Promise.all(running.map((program) => program.stop()));
    rmSync(folder, { recursive: true, force: true });
  };
  const killAll = (): void => {
    for (const { child } of running) child.kill("SIGKILL");
  };
  process.on("exit", killAll);
  try {
    return await start(options, { folder, running, stop, own });
  } catch (error) {
    await stop();
    throw error;
  }
}

type Start = {
  readonly folder: string;
  readonly running: Running[];
  readonly stop: () => Promise<void>;
  readonly own: Built | undefined;
};

async function start(
  { progress, workers = WORKERS, playPods = true, auditPolicy }: ApiOptions,
  { folder, running, stop, own }: Start,
): Promise<ApiCluster> {
  const [api = 0, etcd = 0, peer = 0, controllers = 0, scheduler = 0, kwok = 0] = await freePorts(6);
  const file = (name: string, content?: string): string => {
    const path = join(folder, name);
    if (content !== undefined) writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  const authority = await makeAuthority();
  const server = await authority.server(ADDRESSES);
  const admin = await authority.client("admin", "system:masters");
  const accounts = await makeKeyPair();
  const root = file("ca.crt", authority.certificate);
  const accountKey = file("accounts.key", accounts.privateKey);
  const kubeconfig = file("kubeconfig", renderKubeconfig(api, authority.certificate, admin));
  const auditLog = join(folder, "audit.log");
  // A process that is killed outright takes these with it (setpriv, util-linux): no API server is left behind.
  const tied = (await onPath("setpriv")) ? ["setpriv", "--pdeathsig", "KILL"] : [];
  const run = (name: string, ...args: string[]): void => {
    const program = name.startsWith("kube-") && own !== undefined ? binary(name, binFolderOf(own)) : binary(name);
    running.push(startProgram(name, [...tied, program, ...args], folder));
  };
  const alive = (): void => {
    for (const program of running)
      if (program.ended()) throw new Hopeless(`${program.name} ended:\n${program.logTail()}`);
  };

  run(
    "etcd",
    ...[`--data-dir=${file("etcd")}`, "--unsafe-no-fsync"],
    ...[`--listen-client-urls=http://127.0.0.1:${etcd}`, `--advertise-client-urls=http://127.0.0.1:${etcd}`],
    `--listen-peer-urls=http://127.0.0.1:${peer}`,
  );
  run(
    "kube-apiserver",
    ...[`--etcd-servers=http://127.0.0.1:${etcd}`, "--endpoint-reconciler-type=none"],
    ...["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", `--secure-port=${api}`],
    ...[`--client-ca-file=${root}`, `--tls-cert-file=${file("server.crt", server.certificate)}`],
    `--tls-private-key-file=${file("server.key", server.key)}`,
    ...[
      `--service-account-key-file=${file("accounts.pub", accounts.publicKey)}`,
      `--service-account-signing-key-file=${accountKey}`,
    ],
    ...["--service-account-issuer=https://kubernetes.default.svc", "--service-cluster-ip-range=10.96.0.0/16"],
    "--authorization-mode=Node,RBAC",
    // As OpenShift has it: who blocks an owner's deletion needs a right on its finalizers.
    "--enable-admission-plugins=OwnerReferencesPermissionEnforcement",
    ...(auditPolicy === undefined
      ? []
      : [
          `--audit-policy-file=${file("audit-policy.json", JSON.stringify(auditPolicy))}`,
          ...[`--audit-log-path=${auditLog}`, "--audit-log-mode=blocking-strict"],
        ]),
  );
  const parts = kubectlParts(binary("kubectl"), kubeconfig);
  await waitFor(
    "the API server",
    async () => {
      alive();
      const ready = await parts.kubectl(["get", "--raw", "/readyz"]);
      return ready.code === 0 ? found(true) : instead("starting");
    },
    { progress, timeoutMs: READY_MS, everyMs: 150 },
  );
  // The client library's default limits are for clusters whose users can wait.
  const fast = [`--kubeconfig=${kubeconfig}`, "--leader-elect=false", "--kube-api-qps=500", "--kube-api-burst=1000"];
  run(
    "kube-controller-manager",
    ...[...fast, `--secure-port=${controllers}`, "--bind-address=127.0.0.1", `--root-ca-file=${root}`],
    ...[`--service-account-private-key-file=${accountKey}`, "--use-service-account-credentials"],
    // Whoever plays the pods gives them addresses of loopback, which no Endpoints may have: they would be tried again for ever.
    ...(playPods ? [] : [`--controllers=*,${ENDPOINTS.map((name) => `-${name}`).join(",")}`]),
  );
  run("kube-scheduler", ...fast, `--secure-port=${scheduler}`, "--bind-address=127.0.0.1");
  run(
    "kwok",
    ...[`--kubeconfig=${kubeconfig}`, "--manage-all-nodes=true", "--node-lease-duration-seconds=40"],
    ...[STAGES, ...(playPods ? [POD_STAGES] : [])].map((stages) => `--config=${stages}`),
    `--server-address=127.0.0.1:${kwok}`,
  );
  const names = Array.from({ length: workers }, (_, index) => `w${index + 1}`);
  const nodes = { apiVersion: "v1", kind: "List", items: names.map(renderNode) };
  await waitFor(
    "the played nodes",
    async () => {
      alive();
      const applied = await parts.kubectl(["apply", "--filename=-"], { input: JSON.stringify(nodes) });
      if (applied.code !== 0) return instead(applied.stderr.trim().slice(0, 120));
      const ready = await parts.kubectl(["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=2s"]);
      return ready.code === 0 ? found(true) : instead("not Ready");
    },
    { progress, timeoutMs: READY_MS, everyMs: 150 },
  );
  return {
    name: "api",
    provider: "api",
    ...parts,
    // Played pods run no image; there is nothing to bring anywhere.
    loadImages: async () => {},
    exec: undefined,
    engine: undefined,
    port: api,
    authority: authority.certificate,
    client: authority.client,
    server: () => authority.server(ADDRESSES),
    auditLog,
    stop,
  };
}

const renderNode = (name: string, index: number): object => {
  const size = { cpu: "1k", memory: "1Ti", pods: "10k" };
  const labels = { "topology.kubernetes.io/zone": `z${index + 1}`, "kubernetes.io/hostname": name };
  return { apiVersion: "v1", kind: "Node", metadata: { name, labels }, status: { allocatable: size, capacity: size } };
};

type Running = {
  readonly name: string;
  readonly child: ChildProcess;
  ended(): boolean;
  logTail(): string;
  stop(): Promise<void>;
};

function startProgram(name: string, command: readonly string[], folder: string): Running {
  const logPath = join(folder, `${name}.log`);
  const log = openSync(logPath, "w");
  const [program = "", ...args] = command;
  const child = spawn(program, args, { stdio: ["ignore", log, log] });
  let ended = false;
  const end = new Promise<void>((resolve) => {
    child.on("error", () => resolve());
    child.on("exit", () => resolve());
  }).then(() => {
    ended = true;
  });
  return {
    name,
    child,
    ended: () => ended,
    logTail: () => readFileSync(logPath, "utf8").trimEnd().split("\n").slice(-6).join("\n"),
    // Its data is thrown away: there is nothing that a graceful end would save.
    stop: async () => {
      child.kill("SIGKILL");
      await end;
    },
  };
}
