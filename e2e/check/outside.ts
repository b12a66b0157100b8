import { z } from "zod";
import { genesisFileSchema, nodeIdentity, PORTS } from "../../node/api/contract.ts";
import { forwardPort } from "../kit/forward.ts";
import { readHistory } from "../kit/history.ts";
import type { Progress } from "../kit/progress.ts";
import type { View } from "../kit/view.ts";
import { found, instead, waitFor } from "../kit/wait.ts";
import type { Genesis, NodeBooks, Violation } from "./books.ts";
import { findViolations } from "./check.ts";
import { parseHistory } from "./history.ts";
import { type NodeApi, openNodeApi, type Status } from "./node-api.ts";
import { orderViolations } from "./real-time.ts";

/** What was read from outside, and everything that was wrong with it. */
export type Books = {
  readonly violations: readonly Violation[];
  readonly acknowledged: number;
  readonly refused: number;
  readonly unanswered: number;
  readonly validators: number;
  readonly accounts: number;
  readonly commonHeight: number;
  readonly commonCheckpoint: number;
};

export type CheckOptions = { readonly version: string; readonly validators: number; readonly progress: Progress };

const SETTLED_TIMEOUT_MS = 180_000;

/**
 * Reads history, genesis and every validator's whole books, and judges them by arithmetic of its own. The clients have to
 * be paused: while transfers go on, no two pages of a ledger are of the same moment.
 */
export async function checkFromOutside(view: View, { version, validators, progress }: CheckOptions): Promise<Books> {
  const history = await readHistory(view, (bytes) => progress.detail(`history: ${bytes} bytes read`));
  const promises = parseHistory(history);
  const { nodes, genesis, commonHeight, commonCheckpoint } = await readNodes(view, { after: 0, progress });
  return {
    violations: [
      ...findViolations({ promises, genesis, nodes, commonHeight, wanted: { validators, version } }),
      ...orderViolations(history),
    ],
    acknowledged: promises.acknowledged.length,
    refused: promises.refused.length,
    unanswered: promises.unanswered.length,
    validators: nodes.length,
    accounts: nodes[0]?.accounts.length ?? 0,
    commonHeight,
    commonCheckpoint,
  };
}

/** The whole books of every validator, its journal behind the position `after`. */
export async function readNodes(view: View, { after, progress }: { after: number; progress: Progress }) {
  const { network, genesis, ca } = await readNetwork(view);
  const pods = (await view.pods()).filter((pod) => !pod.deleting);
  const opened: { validator: number; api: NodeApi; close: () => void }[] = [];
  try {
    for (const pod of pods) {
      const forward = await forwardPort(view.cluster, { namespace: view.namespace, pod: pod.name, port: PORTS.api });
      const api = openNodeApi({ port: forward.port, ca, identity: nodeIdentity(pod.validator, network) });
      const close = (): void => {
        api.close();
        forward.close();
      };
      opened.push({ validator: pod.validator, api, close });
    }
    const statuses = await untilSettled(opened, progress);
    const commonHeight = Math.min(...statuses.map((status) => status.height));
    const commonCheckpoint = Math.min(...statuses.map((status) => status.checkpoint.height));
    const nodes: NodeBooks[] = [];
    for (const { validator, api } of opened) {
      const tell = (read: string): void => progress.detail(`validator ${validator}: ${read}`);
      const { entries, accounts } = await readBooks(api, after, tell);
      const heads = [await api.head(commonCheckpoint), await api.head(commonHeight)].filter(
        (head) => head !== undefined,
      );
      const status = await api.status();
      nodes.push({ validator, version: status.version, chainId: status.chainId, entries, accounts, heads });
    }
    return { nodes, genesis, commonHeight, commonCheckpoint };
  } finally {
    for (const one of opened) one.close();
  }
}

/** A closing block may mint while the accounts are read: then both are read on, until they are of one moment. */
async function readBooks(
  api: NodeApi,
  after: number,
  tell: (read: string) => void,
): Promise<Pick<NodeBooks, "entries" | "accounts">> {
  const entries = await api.journalAfter(after, (read) => tell(`${read} entries of the journal read`));
  for (;;) {
    tell("accounts");
    const accounts = await api.accounts();
    const more = await api.journalAfter(entries.at(-1)?.position ?? after);
    if (more.length === 0) return { entries, accounts };
    entries.push(...more);
  }
}

/** Until every validator has executed everything that was going on when the clients were paused. */
function untilSettled(nodes: readonly { validator: number; api: NodeApi }[], progress: Progress): Promise<Status[]> {
  let before: number | undefined;
  return waitFor(
    "all validators to come to rest at one state",
    async () => {
      const statuses = await Promise.all(nodes.map(({ api }) => api.status()));
      const heights = statuses.map((status) => status.height);
      const resting = statuses.every((status) => status.state === "Voting");
      // Empty blocks go on for ever: a rest is everybody within two blocks and past where anybody was before.
      const level = Math.max(...heights) - Math.min(...heights) <= 2;
      const passed = before !== undefined && Math.min(...heights) > before;
      if (resting && level && passed) return found(statuses);
      before ??= Math.max(...heights);
      return instead(statuses.map((status) => `${status.validator} ${status.state} at ${status.height}`).join(", "));
    },
    { progress, timeoutMs: SETTLED_TIMEOUT_MS },
  );
}

const configMapSchema = z.object({ data: z.record(z.string(), z.string()) });

async function readNetwork(view: View): Promise<{ network: string; genesis: Genesis; ca: string }> {
  const read = async (name: string, key: string): Promise<string> => {
    const value = await view.reader.read(`/api/v1/namespaces/${view.namespace}/configmaps/${name}`);
    const text = configMapSchema.parse(value).data[key];
    if (text === undefined) throw new Error(`ConfigMap ${view.namespace}/${name} has no key ${key}`);
    return text;
  };
  const file = genesisFileSchema.parse(JSON.parse(await read(`${view.name}-genesis`, "genesis.json")));
  const accounts = file.accounts.map(({ id, ledger, balance }) => ({
    id: BigInt(id),
    ledger,
    balance: BigInt(balance),
  }));
  const bonds = file.validators.reduce((sum, validator) => sum + BigInt(validator.bond), 0n);
  return { network: file.network, genesis: { accounts, bonds }, ca: await read(`${view.name}-ca`, "ca.crt") };
}
