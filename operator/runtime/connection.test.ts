import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { connect, connectByKubeconfig, connectInCluster } from "./connection.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hmn-connection-"));
});
afterEach(() => rmSync(folder, { recursive: true }));
const write = (name: string, text: string) => writeFileSync(join(folder, name), text);

test("a pod speaks with its mounted token, and takes up the next one as it rotates", async () => {
  write("token", "first\n");
  write("ca.crt", "");
  write("namespace", "hmn-system\n");
  const environment = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "6443" };
  let time = 0;
  expect((await connect(environment, { kubeconfig: undefined, serviceAccount: folder })).namespace).toBe("hmn-system");
  const connection = connectInCluster(environment, folder, () => time);
  expect(connection.server.href).toBe("https://[fd00::1]:6443/");
  expect(connection.namespace).toBe("hmn-system");
  const first = await connection.options();
  write("token", "second");
  expect((await connection.options()).headers).toEqual({ authorization: "Bearer first" });
  time += 60_000;
  const second = await connection.options();
  expect(second.headers).toEqual({ authorization: "Bearer second" });
  expect(second.agent).toBe(first.agent);
});

const kubeconfig = (user: string) => `
apiVersion: v1
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: c, user: u, namespace: ns}}]
clusters: [{name: c, cluster: {server: "https://127.0.0.1:6443", certificate-authority-data: "Y2E="}}]
users: [{name: u, user: ${user}}]
`;

test("a kubeconfig gives server, namespace and token; connections are kept", async () => {
  write("config", kubeconfig("{token: secret}"));
  const connection = await connectByKubeconfig(join(folder, "config"));
  expect(connection.server.href).toBe("https://127.0.0.1:6443/");
  expect(connection.namespace).toBe("ns");
  const [one, two] = [await connection.options(), await connection.options()];
  expect(one.headers).toEqual({ Authorization: "Bearer secret" });
  expect(one.agent).toBe(two.agent);
  expect(one.agent).toMatchObject({ keepAlive: true, options: { ca: Buffer.from("ca") } });
});

test("an exec plugin is asked for its token", async () => {
  const credential = {
    apiVersion: "client.authentication.k8s.io/v1",
    kind: "ExecCredential",
    status: { token: "made" },
  };
  write("credential.json", JSON.stringify(credential));
  const exec = `{exec: {apiVersion: ${credential.apiVersion}, command: cat, args: ["${join(folder, "credential.json")}"]}}`;
  write("config", kubeconfig(exec));
  const connection = await connect({}, { kubeconfig: join(folder, "config"), serviceAccount: "" });
  expect((await connection.options()).headers).toEqual({ Authorization: "Bearer made" });
});

test("a context may be named; one that is not there is told", async () => {
  write(
    "config",
    `${kubeconfig("{token: secret}").replace("contexts: [", "contexts: [{name: there, context: {cluster: c, user: u, namespace: other}}, ")}`,
  );
  const file = join(folder, "config");
  expect((await connectByKubeconfig(file, "there")).namespace).toBe("other");
  await expect(connectByKubeconfig(file, "nowhere")).rejects.toThrow("has no context nowhere");
});
