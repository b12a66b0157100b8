import { z } from "zod";
import { backupStatusSchema } from "../../operator/api/backup.ts";
import { API_VERSION, GROUP, VERSION } from "../../operator/api/group.ts";
import { parseHistory } from "../check/history.ts";
import { checkFromOutside, readNodes } from "../check/outside.ts";
import { restoredViolations } from "../check/restored.ts";
import { claim, claimEqual } from "../kit/claim.ts";
import { isReady, untilCluster } from "../kit/cluster-state.ts";
import { readHistory } from "../kit/history.ts";
import { kubectl } from "../kit/kubectl.ts";
import { pauseLoad, stopLoad, untilAcknowledged } from "../kit/load.ts";
import { parseNames } from "../kit/objects.ts";
import type { Progress } from "../kit/progress.ts";
import { FIRST } from "../kit/releases.ts";
import { STORE, startStore, storeFault, storeTarget } from "../kit/store.ts";
import type { View } from "../kit/view.ts";
import { found, Hopeless, instead, waitFor } from "../kit/wait.ts";
import { type Scenario, Skipped } from "./scenario.ts";
import { VALIDATORS } from "./stage.ts";

const TIMEOUT_MS = 10 * 60_000;
const BACKUP = "payments-once";
/** After the backup, so that something is lost with the cluster. */
const LATER_TRANSFERS = 300;

export const backupRestore: Scenario = {
  name: "backup-restore",
  on: "restores",
  tier: "second",
  asserts: [
    "under load: an HmnBackup into an S3 store in the cluster succeeds and is restored on trial",
    "the HmnCluster and its volumes are deleted; another key than the backup's is named for what it is, and corrected",
    "a new network begins from the store and the key: every account of every validator has, to the last digit, what the old journal gave it up to the backup's block; no acknowledged transfer up to there is lost",
    "its validators ask for store and key no more, its authority is the old one, and clients work on it",
  ],
  run: async ({ cluster, stage, progress }) => {
    const fault = await storeFault(cluster);
    if (fault !== undefined) throw new Skipped(fault);
    const view = await stage.ensure(progress);
    await startStore(cluster, view.namespace, progress);
    const target = storeTarget(view.namespace);
    await create(view, "HmnBackup", BACKUP, { cluster: view.name, target, encryptionSecret: STORE.keySecret });
    const { height = 0, bytes, restoreSeconds } = await untilBackedUp(view, progress);
    progress.say(`backed up after block ${height}: ${bytes} bytes, restored on trial in ${restoreSeconds} s`);
    await untilAcknowledged(
      view,
      parseHistory(await readHistory(view)).acknowledged.length + LATER_TRANSFERS,
      progress,
    );
    await pauseLoad(view, progress);
    const books = await checkFromOutside(view, { version: FIRST.version, validators: VALIDATORS, progress });
    claim(books.violations.length === 0, "the old network's books are right", books.violations);
    const promised = new Set(parseHistory(await readHistory(view)).acknowledged.map(({ id }) => id));
    const [old] = (await readNodes(view, { after: 0, progress })).nodes;
    claim(old !== undefined, "a validator was read", "none");
    const kept = old.entries.filter((entry) => promised.has(entry.id) && entry.height <= height).length;
    claim(kept > 0 && kept < promised.size, "transfers came before the backup and after it", [kept, promised.size]);

    const { spec } = specSchema.parse(await view.reader.read(pathOf(view, "hmnclusters", view.name)));
    await stopLoad(view);
    await remove(view, progress);
    const restoreFrom = { backup: BACKUP, target, encryptionSecret: "another-key", chainId: old.chainId };
    const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "another-key", namespace: view.namespace } };
    await apply(view, { ...secret, stringData: { key: "a5".repeat(32) } });
    const { genesis: _, ...rest } = spec;
    await create(view, "HmnCluster", view.name, { ...rest, restoreFrom });
    await untilCluster(
      view,
      "the wrong key to be told",
      ({ status }) => status.waitingFor?.reason === "BackupKeyWrong",
      {
        progress,
        timeoutMs: TIMEOUT_MS,
      },
    );
    await remove(view, progress);
    await create(view, "HmnCluster", view.name, {
      ...rest,
      restoreFrom: { ...restoreFrom, encryptionSecret: STORE.keySecret },
    });
    const { status } = await untilCluster(
      view,
      "the network to be restored",
      (one) => isReady(one) && one.status.restore?.state === "Restored",
      { progress, timeoutMs: TIMEOUT_MS },
    );
    const { restore } = status;
    claim(status.chainId !== old.chainId, "it is another network", status.chainId);
    claimEqual([restore?.height, restore?.chainId, restore?.message], [height, old.chainId, ""], "what was restored");
    const { nodes } = await readNodes(view, {
      after: old.entries.filter((one) => one.height <= height).length,
      progress,
    });
    const violations = restoredViolations(old.entries, height, nodes);
    claim(violations.length === 0 && nodes.length === VALIDATORS, "every account has what it had", violations);
    progress.say(
      `restored: ${kept} of ${promised.size} acknowledged transfers are older than the backup and all there, ${nodes[0]?.accounts.length} accounts equal; recovery point ${restore?.lostSeconds} s, recovery time ${restore?.recoverySeconds} s`,
    );
    const templates = JSON.stringify(await view.reader.read(`/apis/apps/v1/namespaces/${view.namespace}/statefulsets`));
    claim(!templates.includes(STORE.keySecret), "no template asks for the key any more", "it does");
    await stage.employ(progress);
  },
};

const specSchema = z.object({ spec: z.record(z.string(), z.unknown()) });
const pathOf = ({ namespace }: View, plural: string, name: string): string =>
  `/apis/${GROUP}/${VERSION}/namespaces/${namespace}/${plural}/${name}`;

/** As JSON: what the API server says is quoted as it is. */
const apply = (view: View, object: object): Promise<string> =>
  kubectl(view.cluster, ["apply", "-f", "-"], { input: JSON.stringify(object) });

const create = (view: View, kind: string, name: string, spec: unknown): Promise<string> =>
  apply(view, { apiVersion: API_VERSION, kind, metadata: { name, namespace: view.namespace }, spec });

function untilBackedUp(view: View, progress: Progress) {
  const schema = z.object({ status: backupStatusSchema.prefault({}) });
  return waitFor(
    "the backup",
    async () => {
      const { status } = schema.parse(await view.reader.read(pathOf(view, "hmnbackups", BACKUP)));
      if (status.state === "Failed") throw new Hopeless(`the backup failed: ${status.message}`);
      return status.state === "Succeeded" ? found(status) : instead(`${status.state}: ${status.message}`);
    },
    { progress, timeoutMs: TIMEOUT_MS },
  );
}

/** With its pods and volumes. */
async function remove(view: View, progress: Progress): Promise<void> {
  progress.say(`$ kubectl -n ${view.namespace} delete hmn ${view.name}`);
  await kubectl(view.cluster, ["-n", view.namespace, "delete", "hmn", view.name, "--timeout=120s"], {
    timeoutMs: 150_000,
  });
  await waitFor(
    "its pods and volumes to be gone",
    async () => {
      const claims = parseNames(
        await view.reader.read(`/api/v1/namespaces/${view.namespace}/persistentvolumeclaims`),
      ).length;
      const pods = (await view.pods()).length;
      return claims + pods === 0 ? found(true) : instead(`${pods} pods, ${claims} claims left`);
    },
    { progress, timeoutMs: TIMEOUT_MS },
  );
}
