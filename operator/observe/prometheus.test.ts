import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { metricSourceSchema, readCounters } from "./prometheus.ts";
import { nodeMetrics } from "./test-node-metrics.ts";

/** Debian's package `prometheus` has one; HMN_PROMETHEUS names another. */
const program = process.env.HMN_PROMETHEUS ?? "prometheus";
const there = spawnSync(program, ["--version"]).status === 0;
const READY_MS = 30_000;

describe.skipIf(!there && process.env.HMN_PROMETHEUS === undefined)("a real Prometheus", () => {
  const folder = mkdtempSync(join(tmpdir(), "hmn-prometheus-"));
  let nodes: Server;
  let child: ChildProcess;
  let url = "";
  /** Validator 1 is down while this is false. */
  let secondAnswers = true;
  let batches = 10;
  let uptimeSeconds = 100;

  beforeAll(async () => {
    nodes = createServer((request, response) => {
      if (request.url === "/1/metrics" && !secondAnswers) return void response.writeHead(500).end();
      uptimeSeconds += 1;
      response.end(nodeMetrics({ batches, latencySeconds: 0.004, uptimeSeconds }));
    });
    await new Promise<void>((resolve) => nodes.listen(0, "127.0.0.1", resolve));
    const { port } = nodes.address() as AddressInfo;
    const job = (id: number, name: string) => ({
      job_name: name,
      scrape_interval: "1s",
      metrics_path: `/${id}/metrics`,
      static_configs: [{ targets: [`127.0.0.1:${port}`], labels: { namespace: "a", pod: `c-${id}-0-0` } }],
    });
    // The first pod is scraped by two jobs, as happens where a PodMonitor and annotations both name it.
    const config = { scrape_configs: [job(0, "zero"), job(0, "zero-again"), job(1, "one")] };
    writeFileSync(join(folder, "prometheus.yml"), JSON.stringify(config));
    child = spawn(
      program,
      [
        `--config.file=${join(folder, "prometheus.yml")}`,
        `--storage.tsdb.path=${join(folder, "data")}`,
        "--web.listen-address=127.0.0.1:0",
        "--log.format=json",
      ],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    url = await new Promise<string>((resolve, reject) => {
      let said = "";
      child.stderr?.setEncoding("utf8").on("data", (text: string) => {
        said += text;
        const address = /"Listening on","address":"([^"]+)"|"address":"(127[^"]+)"[^\n]*"Listening on"/.exec(said);
        if (address !== null) resolve(`http://${address[1] ?? address[2]}`);
      });
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`prometheus ended with ${code}: ${said.slice(-500)}`)));
    });
  }, READY_MS);
  afterAll(() => {
    child.removeAllListeners("exit");
    child.kill("SIGKILL");
    nodes.closeAllConnections();
    nodes.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const pods = ["c-0-0-0", "c-1-0-0"];
  const read = async () => {
    const answer = await readCounters(metricSourceSchema.parse({ name: "prom", url }), "a", pods);
    expect(answer).toMatchObject({ ok: true });
    return answer.ok ? answer.value : new Map<string, never>();
  };

  test(
    "counters arrive whole, once for each pod, with the time of their scrape; a node that went silent has none",
    async () => {
      await vi.waitFor(async () => expect([...(await read()).keys()].toSorted()).toEqual(pods), {
        timeout: READY_MS,
        interval: 200,
      });
      const first = (await read()).get("c-0-0-0");
      expect(first?.scrape.batches).toEqual({ accepted: 10, refused: 0, failed: 0 });
      expect(first?.scrape.latencyCumulative.at(-1)).toBe(10);
      batches = 25;
      await vi.waitFor(
        async () => {
          const later = (await read()).get("c-0-0-0");
          expect(later?.scrape.batches.accepted).toBe(25);
          expect(later?.at).toBeGreaterThan(first?.at ?? 0);
        },
        { timeout: READY_MS, interval: 200 },
      );
      // Prometheus marks the series of a failed scrape as stale, so that none of them is answered any more.
      secondAnswers = false;
      await vi.waitFor(async () => expect([...(await read()).keys()]).toEqual(["c-0-0-0"]), {
        timeout: READY_MS,
        interval: 200,
      });
    },
    3 * READY_MS,
  );

  test("a query that it refuses is an answer that says so", async () => {
    const source = metricSourceSchema.parse({ name: "prom", url: `${url}/nowhere` });
    expect(await readCounters(source, "a", pods)).toMatchObject({
      ok: false,
      detail: expect.stringContaining("it answers 404"),
    });
  });
});
