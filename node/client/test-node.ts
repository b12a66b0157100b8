import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { UNLIMITED } from "../api/allowance.ts";
import type { NodeStatus } from "../api/contract.ts";
import { startIntake } from "../api/intake.ts";
import { type JsonApiOptions, startJsonApi } from "../api/json-api.ts";
import { createMetrics } from "../api/metrics.ts";
import { testJournal } from "../api/test-journal.ts";
import { testMemory } from "../api/test-memory.ts";
import { refuse } from "../base/result.ts";
import { type Chain, chainId, heightOf, validatorsOf } from "../chain/chain.ts";
import { type Material, watchCredentials } from "../transport/credentials.ts";
import { writeMaterial } from "../transport/test-authority.ts";
import type { NodeAddress } from "./open.ts";
import { type Behaviour, type TestServer, testServer } from "./test-server.ts";

export type TestNode = { readonly address: NodeAddress; readonly server: TestServer; close(): Promise<void> };

/** Both doors of one node for clients, in front of a chain that tests share or don't: client protocol and JSON API. */
export async function testNode(options: {
  readonly validator: number;
  readonly chain: Chain;
  readonly material: Material;
  readonly behaviour?: Behaviour;
  readonly prove?: JsonApiOptions["prove"];
}): Promise<TestNode> {
  const { validator, chain, material } = options;
  const server = await testServer(options);
  const folder = mkdtempSync(join(tmpdir(), "hmn-test-node-"));
  writeMaterial(folder, material);
  const credentials = watchCredentials(folder, () => {});
  const metrics = createMetrics();
  const log = pino({ level: "silent" });
  const intake = startIntake({
    ...{ metrics, allowance: UNLIMITED, slowMs: 0, log },
    ...{ height: () => 0, submit: () => "not here" },
  });
  const api = await startJsonApi({
    listen: { host: "127.0.0.1", port: 0 },
    ...{
      credentials,
      intake,
      metrics,
      version: "1.2.3",
      log,
      chain: () => chain,
      journal: testJournal(() => chain),
      prove: options.prove ?? (() => refuse("not_found")),
      memory: testMemory(chainId(chain)),
      status: () => statusOf(validator, chain),
    },
  });
  return {
    address: { validator, host: "127.0.0.1", port: server.port, apiPort: api.port },
    server,
    close: async () => {
      await Promise.all([server.close(), api.close()]);
      intake.close();
      credentials.close();
      rmSync(folder, { recursive: true });
    },
  };
}

const statusOf = (validator: number, chain: Chain): NodeStatus => ({
  ...{ version: "1.2.3", wireVersion: 1, network: "test", chainId: chainId(chain), validator },
  ...{ publicKey: "ab".repeat(32), state: "Voting", reason: "", ready: true, role: "Voter" },
  ...{ height: heightOf(chain), certifiedHeight: heightOf(chain), resultsHash: "cd".repeat(32), lastBlockAtMs: 0 },
  checkpoint: { height: 0, stateRoot: "ef".repeat(32) },
  ...{ view: 1, epoch: 1, validators: [...validatorsOf(chain)], connectedPeers: [] },
  finality: null,
  storage: { writable: true, reason: "", freeBytes: 1 },
  coherence: { measured: false, psiPpm: 1_000_000, lambdaPpm: 700_000 },
  ...{ caBundleHash: "00".repeat(32), faults: [] },
});
