import { spawn } from "node:child_process";
import { networkInterfaces } from "node:os";
import { present } from "../../node/base/assert.ts";
import type { Progress } from "../kit/progress.ts";
import { found, instead, waitFor } from "../kit/wait.ts";
import type { Cluster } from "./cluster.ts";
import { freePorts } from "./relays.ts";
import { CommandFailed } from "./run.ts";

const NAMESPACE = "hmn-verify";
const WAIT_MS = 60_000;
/** The built nodes' pause image is a busybox, so that this needs no image of its own. */
const IMAGE = "registry.k8s.io/pause:3.10.2";

/**
 * Proves on a built cluster what everything else relies on, from outside as a reader would: logs, exec, port-forward, a
 * Service by name across nodes, a volume that outlives its pod, and that nothing in it has a way out.
 */
export async function verifyBuilt(cluster: Cluster, progress: Progress): Promise<void> {
  const kubectl = async (...args: string[]): Promise<string> => {
    const output = await cluster.kubectl([`--namespace=${NAMESPACE}`, ...args], { timeoutMs: WAIT_MS });
    if (output.code !== 0) throw new CommandFailed(["kubectl", ...args].join(" "), output);
    return output.stdout;
  };
  const apply = async (objects: readonly object[]): Promise<void> => {
    const input = JSON.stringify({ apiVersion: "v1", kind: "List", items: objects });
    const output = await cluster.kubectl(["apply", "--filename=-"], { input });
    if (output.code !== 0) throw new CommandFailed("kubectl apply", output);
  };
  const ready = (name: string): Promise<string> =>
    kubectl("wait", "--for=condition=Ready", `pod/${name}`, `--timeout=${WAIT_MS / 1000}s`);
  const check = async (what: string, test: () => Promise<boolean>): Promise<void> => {
    progress.detail(what);
    if (!(await test())) throw new Error(`the cluster does not do what it must: ${what}`);
    progress.say(`true: ${what}`);
  };

  const [first = "", second = ""] = await cluster.workers();
  const hello =
    "echo hello from the log; mkdir -p /data; [ -e /data/index.html ] || echo first >/data/index.html; httpd -f -p 8080 -h /data";
  await cluster.kubectl(["delete", "namespace", NAMESPACE, "--ignore-not-found"], { timeoutMs: WAIT_MS });
  try {
    await apply([
      { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } },
      claim(),
      service(),
      pod("server", first, hello, true),
      pod("caller", second, "sleep 3600", false),
    ]);
    await ready("server");
    await ready("caller");
    await check("kubectl logs", async () => (await kubectl("logs", "server")).includes("hello from the log"));
    await check("kubectl exec, with a code other than 0 handed back", async () => {
      const output = await cluster.kubectl([
        `--namespace=${NAMESPACE}`,
        "exec",
        "caller",
        "--",
        "sh",
        "-c",
        "echo in; exit 7",
      ]);
      return output.stdout.includes("in") && output.code === 7;
    });
    await check("kubectl exec carries a megabyte of input", async () => {
      const args = [`--namespace=${NAMESPACE}`, "exec", "--stdin", "caller", "--", "wc", "-c"];
      const counted = await cluster.kubectl(args, { input: "x".repeat(1 << 20) });
      return counted.stdout.trim() === String(1 << 20);
    });
    const address = (await kubectl("get", "service", "server", "--output=jsonpath={.spec.clusterIP}")).trim();
    await check("the cluster's DNS knows a Service", async () => {
      // busybox' own resolver; its wget, linked statically, cannot look up names.
      const answer = await kubectl("exec", "caller", "--", "nslookup", `server.${NAMESPACE}.svc.cluster.local`);
      return answer.includes(address);
    });
    await check("a Service answers on another node", async () => {
      const fetch = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 10 ${address} 8080`;
      return (await kubectl("exec", "caller", "--", "sh", "-c", fetch)).trim().endsWith("first");
    });
    await check("kubectl port-forward", async () => (await overPortForward(cluster, progress)) === "first");
    await check("a volume outlives its pod", async () => {
      await kubectl("exec", "server", "--", "sh", "-c", "echo second >/data/index.html");
      await kubectl("delete", "pod", "server", "--grace-period=1");
      await apply([pod("server", first, hello, true)]);
      await ready("server");
      return (await kubectl("exec", "server", "--", "cat", "/data/index.html")).trim() === "second";
    });
    for (const target of outsideAddresses())
      await check(`no way out: ${target} is unreachable from a pod and from a node`, async () => {
        const attempt = ["nc", "-w", "3", target, "22"];
        const fromPod = await cluster.kubectl([`--namespace=${NAMESPACE}`, "exec", "caller", "--", ...attempt]);
        const route = await present(cluster.exec, "built nodes have a door")(first, ["ip", "route", "get", target]);
        const fromNode = await present(cluster.exec, "built nodes have a door")(first, [
          "bash",
          "-c",
          `timeout 5 bash -c 'echo >/dev/tcp/${target}/22'`,
        ]);
        progress.detail(`${fromPod.stderr.trim()} ${route.stdout.trim()}`);
        return fromPod.code !== 0 && fromNode.code !== 0 && /unreachable/i.test(fromNode.stderr);
      });
  } finally {
    await cluster.kubectl(["delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false"]);
  }
}

/** This machine's own outer address (which a leaky network would reach first), and one that is nowhere (RFC 5737). */
function outsideAddresses(): string[] {
  const own = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter((address) => address.family === "IPv4" && !address.internal)
    .map((address) => address.address);
  return [...own.slice(0, 2), "198.51.100.1"];
}

async function overPortForward(cluster: Cluster, progress: Progress): Promise<string> {
  const port = (await freePorts(1))[0] ?? 0;
  const args = [`--namespace=${NAMESPACE}`, "port-forward", "--address=127.0.0.1", "service/server", `${port}:8080`];
  const child = spawn(cluster.kubectlPath, args, {
    env: { ...process.env, KUBECONFIG: cluster.kubeconfig },
    stdio: "ignore",
  });
  child.on("error", () => {});
  try {
    return await waitFor(
      "an answer through kubectl port-forward",
      async () => {
        const answer = await fetch(`http://127.0.0.1:${port}/`);
        return answer.ok ? found((await answer.text()).trim()) : instead(`status ${answer.status}`);
      },
      { progress, timeoutMs: WAIT_MS, everyMs: 200 },
    );
  } finally {
    child.kill();
  }
}

const claim = (): object => ({
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name: "data", namespace: NAMESPACE },
  spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Mi" } } },
});

const service = (): object => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "server", namespace: NAMESPACE },
  spec: { selector: { app: "server" }, ports: [{ port: 8080 }] },
});

const pod = (name: string, node: string, script: string, withData: boolean): object => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: NAMESPACE, labels: { app: name } },
  spec: {
    // By selector and not by name: the volume's provisioner waits for the scheduler's word.
    nodeSelector: { "kubernetes.io/hostname": node },
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: "main",
        image: IMAGE,
        imagePullPolicy: "IfNotPresent",
        command: ["sh", "-c", script],
        ...(withData ? { volumeMounts: [{ name: "data", mountPath: "/data" }] } : {}),
      },
    ],
    ...(withData ? { volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }] } : {}),
  },
});
