import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ClusterObject, RolloutObject } from "../observe/snapshot.ts";
import { type FakeApi, type Reply, status as refusal, startFakeApi } from "../runtime/fake-api.ts";
import type { Command, World } from "./command.ts";
import { runCommand } from "./command.ts";
import { incident } from "./incident.ts";
import { plan } from "./plan.ts";
import { list, show, verb } from "./rollout.ts";
import { status } from "./status.ts";
import {
  atGate,
  clusterObject,
  firstDeployment,
  NOW,
  onVersion,
  quarantineOf,
  rolledBack,
  specInput,
} from "./test-objects.ts";

let api: FakeApi;
let folder: string;
beforeEach(async () => {
  api = await startFakeApi();
  folder = mkdtempSync(join(tmpdir(), "hmn-cli-"));
});
afterEach(async () => {
  rmSync(folder, { recursive: true });
  await api.close();
});

const KINDS = "/apis/hmn.dev/v1alpha1/namespaces/hmn-demo";
const put = (plural: string, objects: readonly (ClusterObject | RolloutObject)[]) => {
  for (const object of objects) api.objects.set(`${KINDS}/${plural}/${object.metadata.name}`, { ...object });
};

/** Runs a command as a user at that API server would, and gives what they see. */
async function typed(command: Command, args: readonly string[], world: Partial<World> = {}) {
  const seen = { out: "", error: "", code: 0 };
  let now: number = NOW;
  seen.code = await runCommand(command, ["-n", "hmn-demo", ...args], {
    environment: {},
    folder,
    // A clock of its own, so that what waits for an answer gives up after as many looks, however fast they are.
    now: () => (now += 100),
    out: (text) => {
      seen.out += text;
    },
    error: (text) => {
      seen.error += text;
    },
    columns: undefined,
    liveErrors: false,
    input: async () => "",
    connect: async () => api.connection,
    ...world,
  });
  return seen;
}

const ada: Reply = { status: 201, body: { status: { userInfo: { username: "ada" } } } };
/** The API server knows the user as ada; `answer` says what becomes of the approvals. */
function asAda(answer: (approval: Record<string, unknown>) => unknown, onCreate?: () => Reply) {
  api.intercept = ({ method, path }) => {
    if (path.endsWith("/selfsubjectreviews")) return ada;
    if (!path.includes("/hmnapprovals")) return undefined;
    if (method === "POST") return onCreate?.();
    const object = api.objects.get(path);
    return object === undefined ? undefined : { status: 200, body: { ...object, status: answer(object) } };
  };
}
const used = () => ({ result: "Used", time: new Date(NOW).toISOString(), message: "Promote of payments-2" });
const approvals = () => api.requests.filter(({ method, path }) => method === "POST" && path.endsWith("/hmnapprovals"));

function gated() {
  put("hmnclusters", [clusterObject({ phase: "RollingOut", rollout: "payments-2" }, onVersion("1.1.0"))]);
  put("hmnrollouts", [firstDeployment(), atGate()]);
}

test("status: one cluster in full, several in a line each, one that is not there", async () => {
  put("hmnclusters", [clusterObject()]);
  put("hmnrollouts", [firstDeployment()]);
  const one = await typed(status, []);
  expect([one.code, one.error]).toEqual([0, ""]);
  expect(one.out).toContain("a quorum serves: weight 400 of 400 votes");
  expect(JSON.parse((await typed(status, ["payments", "-o", "json"])).out)).toMatchObject({
    name: "payments",
    quorum: { totalWeight: 400, needed: 267, serves: true, bearable: 1 },
    rollout: null,
  });
  const other = clusterObject();
  put("hmnclusters", [{ ...other, metadata: { ...other.metadata, name: "savings", uid: "uid-savings" } }]);
  expect((await typed(status, [])).out.split("\n")).toHaveLength(4);
  expect(await typed(status, ["nowhere"])).toMatchObject({
    code: 1,
    out: "",
    error: expect.stringContaining("has no HmnCluster nowhere"),
  });
});

test("colour is for terminals, and NO_COLOR forbids it", async () => {
  put("hmnclusters", [clusterObject()]);
  expect((await typed(status, [], { columns: 80 })).out).toContain("\x1b[32m");
  expect((await typed(status, [], { columns: 80, environment: { NO_COLOR: "1" } })).out).not.toContain("\x1b[");
  expect((await typed(status, [])).out).not.toContain("\x1b[");
});

test("promote: signs as the user, waits for the answer, and says what comes next", async () => {
  gated();
  asAda(used);
  const seen = await typed(verb("promote"), ["payments", "--reason", "looks good"]);
  expect(seen.code).toBe(0);
  expect(approvals()).toMatchObject([
    {
      body: {
        kind: "HmnApproval",
        metadata: { name: expect.stringMatching(/^payments-2-promote-[0-9a-f]{6}$/), namespace: "hmn-demo" },
        spec: {
          cluster: "payments",
          clusterUID: "uid-payments",
          rollout: "payments-2",
          action: "Promote",
          phase: 1,
          reason: "looks good",
          signer: { username: "ada" },
        },
      },
    },
  ]);
  expect(seen.out).toMatch(/^Promoted: payments-2, by ada at 14:30:00 UTC \(HmnApproval payments-2-promote-/);
  expect(seen.out).toContain("Follow it: kubectl hmn status payments -n hmn-demo");
});

test("what the operator would refuse is not even written; what it refuses is told", async () => {
  gated();
  asAda(() => ({ result: "Refused", time: new Date(NOW).toISOString(), message: "SignerNotProven: no policy" }));
  const resume = await typed(verb("resume"), ["payments-2"]);
  expect(resume).toMatchObject({
    code: 1,
    error: "kubectl hmn: payments-2: the rollout is not paused by an HmnApproval\n",
  });
  const retry = await typed(verb("retry"), ["payments-1"]);
  expect(retry.error).toContain("it left no quarantine");
  expect((await typed(verb("abort"), ["payments-1"])).error).toContain("it is over (Succeeded): only retry");
  expect(approvals()).toEqual([]);
  expect(await typed(verb("abort"), ["payments-2"])).toMatchObject({
    code: 1,
    error: expect.stringContaining("SignerNotProven"),
  });
});

test("retry lifts what a rolled-back rollout left", async () => {
  const back = rolledBack();
  put("hmnclusters", [clusterObject({ quarantine: [quarantineOf(back)] }, onVersion("1.2.0"))]);
  put("hmnrollouts", [firstDeployment(), back]);
  asAda(used);
  expect(await typed(verb("retry"), ["payments-3"])).toMatchObject({
    code: 0,
    out: expect.stringContaining("Quarantine lifted: payments-3"),
  });
});

test("a missing right is told with the rule to ask for", async () => {
  gated();
  const forbidden = (message: string): Reply => ({
    status: 403,
    body: { kind: "Status", reason: "Forbidden", message },
  });
  asAda(used, () =>
    forbidden(
      'hmnapprovals.hmn.dev is forbidden: User "ada" cannot create resource "hmnapprovals" in API group "hmn.dev" in the namespace "hmn-demo"',
    ),
  );
  const create = await typed(verb("promote"), ["payments-2"]);
  expect(create.code).toBe(1);
  expect(create.error).toContain("- {apiGroups: [hmn.dev], resources: [hmnapprovals], verbs: [create]}");
  asAda(used, () => forbidden("ada may not approve for this cluster: grant the verb approve on hmnclusters/payments"));
  expect((await typed(verb("promote"), ["payments-2"])).error).toContain(
    "- {apiGroups: [hmn.dev], resources: [hmnclusters], resourceNames: [payments], verbs: [approve]}",
  );
});

test("no answer in time: exit code 3, and where to look", async () => {
  gated();
  asAda(() => ({}));
  const seen = await typed(verb("promote"), ["payments-2", "--timeout", "1"]);
  expect(seen).toMatchObject({ code: 3, error: expect.stringContaining("the operator did not answer within 1 s") });
  expect((await typed(verb("promote"), ["payments-2", "--timeout", "0"])).code).toBe(0);
});

test("rollouts and incidents by the name of either", async () => {
  const back = rolledBack();
  put("hmnclusters", [clusterObject()]);
  put("hmnrollouts", [firstDeployment(), atGate()]);
  expect((await typed(list, [])).out).toContain("payments-2");
  expect((await typed(show, ["payments"])).out).toContain("ROLLOUT payments-2");
  expect(await typed(show, ["payments-9"])).toMatchObject({
    code: 1,
    error: expect.stringContaining("has no HmnRollout payments-9"),
  });
  expect(await typed(incident, [])).toMatchObject({ code: 0, out: "", error: expect.stringContaining("No incident") });
  put("hmnrollouts", [back]);
  expect((await typed(incident, [])).out).toContain("INCIDENT of hmn-demo/payments-3");
  expect((await typed(incident, ["payments"])).out).toContain("INCIDENT of hmn-demo/payments-3");
  expect((await typed(incident, ["payments-2"])).error).toContain("payments-2 was not rolled back");
});

test("plan: the API server checks by a dry run, and its refusals are told", async () => {
  gated();
  const object = {
    apiVersion: "hmn.dev/v1alpha1",
    kind: "HmnCluster",
    metadata: { name: "payments" },
    spec: specInput(),
  };
  writeFileSync(join(folder, "new.yaml"), JSON.stringify(object));
  let answer: Reply = { status: 200, body: {} };
  api.intercept = ({ query }) => (query.get("dryRun") === "All" ? answer : undefined);
  expect(await typed(plan, ["-f", "new.yaml"])).toMatchObject({
    code: 0,
    error: "",
    out: expect.stringContaining("payments-2 (1.1.0) ends as Superseded"),
  });
  const [dry] = api.requests.filter(({ method }) => method !== "GET");
  expect(dry).toMatchObject({ method: "PATCH", body: [{ op: "replace", path: "/spec", value: { version: "1.0.0" } }] });
  expect(JSON.parse((await typed(plan, ["-f", "new.yaml", "-o", "json"])).out)).toMatchObject({
    kind: "Upgrade",
    phases: [],
  });
  answer = { status: 422, body: { reason: "Invalid", message: "spec.network: Invalid value: cannot be changed" } };
  expect(await typed(plan, ["-f", "new.yaml"])).toMatchObject({
    code: 1,
    error: expect.stringContaining("spec.network: Invalid value"),
  });
  answer = refusal(403, "Forbidden");
  expect(await typed(plan, ["-f", "new.yaml"])).toMatchObject({
    code: 0,
    error: expect.stringContaining("Not checked"),
  });
});

test("what is asked wrongly is told with the help", async () => {
  const seen = await typed(verb("abort"), []);
  expect([seen.code, seen.error.split("\n")[0]]).toEqual([2, "kubectl hmn rollout abort: NAME is missing"]);
  expect(seen.error).toContain("Examples:");
  expect((await typed(status, ["--verbose"])).code).toBe(2);
});

test("the executable stands anywhere, and names files from where the user stands", async () => {
  const bad = {
    apiVersion: "hmn.dev/v1alpha1",
    kind: "HmnCluster",
    metadata: { name: "payments" },
    spec: { ...specInput(), version: "new" },
  };
  writeFileSync(join(folder, "bad.yaml"), JSON.stringify(bad));
  const run = promisify(execFile)(join(import.meta.dirname, "kubectl-hmn"), ["plan", "-f", "bad.yaml"], {
    cwd: folder,
  });
  await expect(run).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining("spec.version: ") });
});
