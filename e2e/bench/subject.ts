import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { cpuOf, residentMb } from "../../node/bench/machine.ts";
import { resources } from "../../operator/observe/resources.ts";
import { freePorts } from "../cluster/relays.ts";
import { found, instead, waitFor } from "../kit/wait.ts";
import { OPERATOR_USER } from "../played/cutting-proxy.ts";
import { type OperatorProcess, startOperatorProcess } from "../played/operator-process.ts";
import { namespaces, type Stand } from "../played/stand.ts";

/** An operator that is measured: the real process, over all namespaces, with what it says of itself. */
export type Subject = OperatorProcess & {
  /** Value of one of its series; the sum where it has labels that this text does not name. */
  readonly metric: (series: string) => Promise<number>;
  readonly untilSynced: () => Promise<void>;
  readonly untilLeading: () => Promise<void>;
  readonly cpuSeconds: () => number;
  readonly residentMib: () => number;
  readonly logPath: string;
};

const LEASE = { name: "hmn-operator", namespace: "hmn-bench-lease" };
const MIB_PER_MB = 1e6 / 2 ** 20;
const PATIENCE_MS = 600_000;
const LOG_TAIL = 1_000;
/** Fine enough for figures of seconds. */
const LOOK_MS = 20;

const TOKEN_SECONDS = 86_400;

/** The folder that Kubernetes puts into a pod of this account, and a namespace for the Lease. */
export async function prepareAccount({ verbs, client, api, folder }: Stand): Promise<string> {
  const [, , namespace = "", name = ""] = OPERATOR_USER.name.split(":");
  for (const one of [LEASE.namespace, namespace])
    await verbs.create({ resource: namespaces }, { metadata: { name: one } });
  const place = { resource: resources.ServiceAccount, namespace };
  await verbs.create(place, { metadata: { name } });
  const body = {
    ...{ apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest" },
    spec: { expirationSeconds: TOKEN_SECONDS },
  };
  const answer = await client.json({ method: "POST", place: { ...place, name, subresource: "token" }, body });
  const account = join(folder, "account");
  mkdirSync(account, { mode: 0o700 });
  writeFileSync(join(account, "token"), tokenSchema.parse(answer).status.token, { mode: 0o600 });
  writeFileSync(join(account, "ca.crt"), api.authority);
  writeFileSync(join(account, "namespace"), namespace);
  return account;
}
const tokenSchema = z.object({ status: z.object({ token: z.string() }) });

let started = 0;

/** `main`: the operator's entry, compiled as for its image; `folder`: of its account. */
export async function startSubject(stand: Stand, folder: string, main: string): Promise<Subject> {
  const [port = 0] = await freePorts(1);
  started += 1;
  const logPath = join(stand.folder, `operator-${started}.log`);
  const way = { account: { folder, port: stand.api.port } };
  const operator = startOperatorProcess({ way, namespaces: [], lease: LEASE, logPath, port, main });
  const address = `http://127.0.0.1:${port}`;
  const metric = async (series: string): Promise<number> => {
    const text = await (await fetch(`${address}/metrics`)).text();
    const [name = "", labels] = series.split("{");
    const lines = text.split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    const wanted = lines.filter((line) => labels === undefined || line.includes(labels.slice(0, -1)));
    return wanted.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  };
  const until = (what: string, holds: () => Promise<boolean>): Promise<true> =>
    waitFor(what, async () => ((await holds()) ? found(true as const) : instead("not yet")), {
      ...{ progress: stand.progress, timeoutMs: PATIENCE_MS, everyMs: LOOK_MS },
    });
  let ending = false;
  void operator.ended.then(() => {
    // A Lease that could not be renewed in time, on a machine that is too busy for any figure.
    if (!ending) throw new Error(`an operator ended by itself:\n${operator.log().slice(-LOG_TAIL)}`);
  });
  return {
    ...operator,
    ...{ metric, logPath },
    kill: () => {
      ending = true;
      operator.kill();
    },
    stop: () => {
      ending = true;
      return operator.stop();
    },
    untilSynced: async () => {
      await until("an operator to fill its caches", async () => (await fetch(`${address}/readyz`)).status === 200);
    },
    untilLeading: async () => {
      await until("an operator to lead", async () => (await metric("leader_election_master_status")) === 1);
    },
    cpuSeconds: () => {
      const { user, system } = cpuOf(operator.pid);
      return (user + system) / 1e6;
    },
    residentMib: () => residentMb(operator.pid) * MIB_PER_MB,
  };
}

/** One line of the operator's log about something that it has carried out. */
export type CarriedOut = {
  readonly time: string;
  readonly cluster: string;
  readonly action: string;
  readonly kind?: string;
};

export const carriedOut = ({ logPath }: Subject): readonly CarriedOut[] =>
  readFileSync(logPath, "utf8")
    .split("\n")
    .filter((line) => line.includes('"msg":"carried out"'))
    .map((line) => JSON.parse(line) as CarriedOut);
