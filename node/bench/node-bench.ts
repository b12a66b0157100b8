import { tmpdir } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { present } from "../base/assert.ts";
import { toHex } from "../base/bytes.ts";
import type { Baseline } from "./baseline.ts";
import { checkAll, checkReplay } from "./checks.ts";
import { type BenchCluster, compileNode, SEED, startCluster, TREASURY, untilAll, VALIDATORS } from "./cluster.ts";
import type { Measured } from "./generator-api.ts";
import { type Generator, startGenerator } from "./generator-process.ts";
import { memoryPerMillion, stagesUnder } from "./inside.ts";
import { type Costs, limitOf, measureCosts } from "./limit.ts";
import { isInMemory, loadAverage, residentMb, threadCpuOf } from "./machine.ts";
import type { BenchOptions } from "./options.ts";
import { postgres } from "./postgres.ts";
import { joinStages, type Stages } from "./profile.ts";
import { redis } from "./redis.ts";
import { median, type Samples, samples } from "./results.ts";
import { BASELINE_BATCHES, BASELINE_RATE, FIGURES, MAIN_ROW, ROWS, type Row } from "./rows.ts";

/** Keys of clients: each signs for as many accounts. */
const OWNERS = 64;
const MILLION = 1_000_000;
/** An idle network has come to rest after so long. */
const SETTLE_MS = 3_000;
/** Of the costliest files, after the profiled round. */
const FILES_TOLD = 25;
/** Pulses go on before and after the death of a validator. */
const PULSE = { beforeMs: 500, afterMs: 4_000 } as const;

export type Session = { readonly samples: Samples; readonly notes: readonly string[] };

type Bench = {
  readonly options: BenchOptions;
  readonly main: string;
  readonly samples: Samples;
  readonly notes: string[];
  readonly print: (line: string) => void;
};

/** Measures everything, round by round, so that what changes on this machine meanwhile meets every row alike. */
export async function benchNode(options: BenchOptions, print: (line: string) => void): Promise<Session> {
  const bench: Bench = { options, main: compileNode(), samples: samples(), notes: [], print };
  if (isInMemory(tmpdir())) note(bench, `${tmpdir()} is in memory: a sync costs nothing there, set TMPDIR to a disk`);
  note(bench, `load average before: ${loadAverage().toFixed(2)}`);
  for (let round = 1; round <= options.runs; round++) {
    print(`round ${round} of ${options.runs}, load average ${loadAverage().toFixed(2)}`);
    const costs = await measureCosts(tmpdir(), options.accounts);
    addLimits(bench, costs);
    if (wantsCluster(bench)) await clusterRound(bench, costs, round);
    for (const baseline of [postgres, redis]) await baselineRound(bench, baseline);
  }
  if (options.million && wants(bench, "memory")) await millionRound(bench);
  if (options.profileRow !== undefined && wants(bench, "cpu")) await profileRound(bench, options.profileRow);
  note(bench, `load average after: ${loadAverage().toFixed(2)}, the bench's own load included`);
  return bench;
}

const wants = ({ options }: Bench, name: string): boolean =>
  options.only.length === 0 || options.only.some((text) => name.includes(text));
const wantsCluster = (bench: Bench): boolean =>
  [...ROWS.map((row) => `node/${row.name}`), "node/idle", "node/leader", "node/replay"].some((name) =>
    wants(bench, name),
  );

function note({ notes, print }: Bench, line: string): void {
  if (notes.includes(line)) return;
  notes.push(line);
  print(line);
}

function addLimits({ samples, print }: Bench, costs: Costs): void {
  for (const batch of BASELINE_BATCHES) samples.add(`limit/${batch}`, FIGURES.limit, limitOf(costs, batch).perSecond);
  const { parts } = limitOf(costs, 1_000);
  for (const [part, us] of Object.entries(parts)) samples.add(`limit/1000/${part}`, FIGURES.cost, us);
  const told = Object.entries(parts).map(([part, us]) => `${part} ${us.toFixed(3)}`);
  print(`  limit at 1000: ${Math.round(limitOf(costs, 1_000).perSecond)}/s; µs per transfer: ${told.join(", ")}`);
}

/** Starts four validators and the load generator, and ends them whatever happens. */
async function withCluster(
  { main, print, options }: Bench,
  nodeOptions: readonly string[],
  work: (cluster: BenchCluster, generator: Generator) => Promise<void>,
): Promise<void> {
  const cluster = await startCluster(main, [...options.nodeOptions, ...nodeOptions]);
  const generator = startGenerator();
  try {
    await work(cluster, generator);
  } catch (error) {
    for (const node of cluster.test.nodes) print(`validator ${node.id} said last: ${node.log().slice(-500)}`);
    throw error;
  } finally {
    await generator.close();
    await cluster.close();
  }
}

const setUp = (cluster: BenchCluster, generator: Generator, accounts: number): Promise<void> =>
  generator.setUp({
    ...{ targets: cluster.test.targets, ca: cluster.test.ca, seed: toHex(SEED), treasury: TREASURY.toString() },
    ...{ accounts: accounts - (accounts % OWNERS), owners: OWNERS },
  });

async function clusterRound(bench: Bench, costs: Costs, round: number): Promise<void> {
  await withCluster(bench, [], async (cluster, generator) => {
    const { samples, options } = bench;
    if (wants(bench, "node/idle")) {
      await delay(SETTLE_MS);
      const resident = cluster.pids().map(residentMb);
      samples.add("node/idle memory", FIGURES.idleMemory, median(resident.toSorted((a, b) => a - b)));
    }
    await setUp(cluster, generator, options.accounts);
    for (const row of ROWS) {
      if (!wants(bench, `node/${row.name}`)) continue;
      const measured = await measure(bench, cluster, generator, row);
      addRow(bench, `node/${row.name}`, row, measured, costs);
      await checkAll(cluster);
    }
    if (wants(bench, "node/replay")) {
      const node = present(cluster.test.nodes[round % VALIDATORS], "there are four validators");
      const { seconds, height } = await checkReplay(cluster, node);
      bench.print(`  replay of ${height} blocks: ${seconds.toFixed(1)} s, the same root`);
      samples.add("node/restart with replay", FIGURES.replay, seconds);
    }
    if (wants(bench, "node/leader")) await leaderDeath(bench, cluster, generator, round);
    await checkAll(cluster);
  });
}

async function measure({ options }: Bench, cluster: BenchCluster, generator: Generator, row: Row): Promise<Measured> {
  const measured = await generator.run({
    ...row.load,
    warmMs: Math.ceil(options.measureMs / 3),
    measureMs: options.measureMs,
    pids: cluster.pids(),
  });
  // An answer that never came and one that is wrong make the figure worthless.
  if (measured.errors > 0)
    throw new Error(`${row.name}: ${measured.errors} wrong answers, the first: ${measured.firstError}`);
  return measured;
}

function addRow({ samples, print }: Bench, name: string, row: Row, measured: Measured, costs: Costs): void {
  const { figures, load } = row;
  const { transfers, windowMs, latencyMs, lateMsP99, generatorCpu, cpu } = measured;
  const perSecond = (transfers * 1_000) / windowMs;
  const add = (figure: keyof Row["figures"], value: number): void => {
    const found = figures[figure];
    if (found !== undefined) samples.add(`${name}/${figure}`, found, value);
  };
  add("rate", perSecond);
  add("ratio", perSecond / limitOf(costs, load.batch).perSecond);
  add("p50", latencyMs.p50);
  add("p95", latencyMs.p95);
  add("p99", latencyMs.p99);
  const usPerTransfer = (us: number): number => us / Math.max(1, transfers);
  const nodes = { user: sum(cpu.map(({ user }) => user)), system: sum(cpu.map(({ system }) => system)) };
  samples.add(`${name}/CPU of the validators, user`, FIGURES.cost, usPerTransfer(nodes.user));
  samples.add(`${name}/CPU of the validators, system`, FIGURES.cost, usPerTransfer(nodes.system));
  samples.add(`${name}/CPU of the generator`, FIGURES.cost, usPerTransfer(generatorCpu.user + generatorCpu.system));
  if ("perSecond" in load.pace) samples.add(`${name}/sent late p99`, FIGURES.late, lateMsP99);
  const cores = (nodes.user + nodes.system + generatorCpu.user + generatorCpu.system) / (windowMs * 1_000);
  print(
    `  ${name}: ${Math.round(perSecond)}/s, p50/p95/p99 ${latencyMs.p50.toFixed(1)}/${latencyMs.p95.toFixed(1)}/${latencyMs.p99.toFixed(1)} ms, ${cores.toFixed(2)} cores`,
  );
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/**
 * Kills one validator under small batches to the others. Its turn to lead comes within a few blocks: the longest time
 * without any commit afterwards is how long its death held up the network.
 */
async function leaderDeath(
  { samples, print }: Bench,
  cluster: BenchCluster,
  generator: Generator,
  round: number,
): Promise<void> {
  const victim = present(cluster.test.nodes[(round + 1) % VALIDATORS], "there are four validators");
  const others = cluster.test.nodes.filter(({ id }) => id !== victim.id);
  const targets = others.map((node) => cluster.test.nodes.indexOf(node));
  const pulses = generator.pulse(targets, PULSE.beforeMs + PULSE.afterMs);
  await delay(PULSE.beforeMs);
  const diedMs = Date.now();
  await victim.end("SIGKILL");
  const answeredAtMs = (await pulses).filter((atMs) => atMs >= diedMs && atMs <= diedMs + PULSE.afterMs);
  const times = [diedMs, ...answeredAtMs];
  const longestMs = Math.max(...times.slice(1).map((atMs, index) => atMs - (times[index] ?? atMs)));
  samples.add("node/leader dies, time without a commit", FIGURES.leaderDeath, longestMs / 1_000);
  print(`  a validator dies: ${longestMs} ms without a commit`);
  cluster.start(victim);
  await untilAll([victim], ({ state, ready }) => state === "Voting" && ready);
}

async function baselineRound(bench: Bench, baseline: Baseline): Promise<void> {
  const batches = BASELINE_BATCHES.filter((batch) => wants(bench, `${baseline.name}/${batch}`));
  if (batches.length === 0) return;
  const { measureMs, accounts } = bench.options;
  const server = await baseline.start(accounts);
  if ("missing" in server) return note(bench, `${baseline.name}: ${server.missing}`);
  try {
    note(bench, `${baseline.name}: version ${server.version}`);
    for (const batch of batches) {
      const perSecond = await server.perSecond(batch, { warmMs: Math.ceil(measureMs / 3), measureMs });
      bench.samples.add(`${baseline.name}/${batch}/rate`, BASELINE_RATE, perSecond);
      bench.print(`  ${baseline.name}/${batch}: ${Math.round(perSecond)}/s`);
    }
    await server.check();
  } finally {
    await server.stop();
  }
}

/** The main row again with a million accounts, and what a million of them take in memory. */
async function millionRound(bench: Bench): Promise<void> {
  bench.print("a million accounts");
  const costs = await measureCosts(tmpdir(), MILLION);
  await withCluster(bench, memoryPerMillion.nodeOptions, async (cluster, generator) => {
    const before = await memoryPerMillion.resident(cluster);
    await setUp(cluster, generator, MILLION);
    const grown = (await memoryPerMillion.resident(cluster)) - before;
    bench.samples.add("node/memory per million accounts", FIGURES.accountMemory, grown);
    bench.print(`  memory per million accounts: ${grown.toFixed(0)} MB`);
    const row = present(
      ROWS.find(({ name }) => name === MAIN_ROW),
      "the main row is there",
    );
    addRow(
      bench,
      `node/${MAIN_ROW} with a million accounts`,
      row,
      await measure(bench, cluster, generator, row),
      costs,
    );
    await checkAll(cluster);
  });
}

/** Where the CPU time of a transfer goes: a row once more, under the profiler, whose own cost is in it. */
async function profileRound(bench: Bench, name: string): Promise<void> {
  bench.print("CPU by stage");
  await withCluster(bench, stagesUnder.nodeOptions, async (cluster, generator) => {
    await setUp(cluster, generator, bench.options.accounts);
    const row = present(
      ROWS.find((one) => one.name === name),
      "the row is there",
    );
    let measured: Measured | undefined;
    const before = joinStages(cluster.pids().map(threadCpuOf));
    const { rooms, files } = await stagesUnder.load(cluster, async () => {
      measured = await measure(bench, cluster, generator, row);
    });
    const after = joinStages(cluster.pids().map(threadCpuOf));
    const threads = new Map([...after].map(([thread, us]) => [thread, us - (before.get(thread) ?? 0)] as const));
    const { transfers, cpu } = present(measured, "the load ran");
    const spentUs = sum(cpu.map(({ user, system }) => user + system)) / Math.max(1, transfers);
    // The profile and the threads' times cover the warm-up, too: what counts of them is each one's share.
    const perTransfer = (parts: Stages): [string, number][] => {
      const all = sum([...parts.values()]);
      return [...parts].map(([part, us]) => [part, (us / all) * spentUs]);
    };
    for (const [stage, us] of perTransfer(rooms)) bench.samples.add(`node/cpu by stage/${stage}`, FIGURES.cost, us);
    for (const [thread, us] of perTransfer(threads))
      bench.samples.add(`node/cpu by thread/${thread}`, FIGURES.cost, us);
    for (const [file, us] of perTransfer(files).slice(0, FILES_TOLD)) bench.print(`  ${us.toFixed(2)} µs ${file}`);
  });
}
