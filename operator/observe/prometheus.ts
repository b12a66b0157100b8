import { readFile } from "node:fs/promises";
import type { RequestOptions } from "node:https";
import { z } from "zod";
import { METRICS } from "../../node/api/contract.ts";
import { accept, type Result, refuse } from "../../node/base/result.ts";
import { type Millis, millis } from "../../node/base/units.ts";
import { readBody, send } from "../runtime/http.ts";
import { parseScrape, type Scrape } from "./scrape.ts";

/** A Prometheus, or what answers like one, that clusters may choose by name. */
export const metricSourceSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/),
  /** Everything before `/api/v1/query`. */
  url: z.url({ protocol: /^https?$/ }),
  /** Labels that carry a pod's namespace and name in this source. */
  namespaceLabel: z
    .string()
    .regex(/^[a-zA-Z_][a-zA-Z0-9_]{0,63}$/)
    .default("namespace"),
  podLabel: z
    .string()
    .regex(/^[a-zA-Z_][a-zA-Z0-9_]{0,63}$/)
    .default("pod"),
  /** Folder with `token` (a bearer token) and `ca.crt`, as far as the source asks for them. */
  folder: z.string().max(256).optional(),
});
export type MetricSource = z.output<typeof metricSourceSchema>;

/** A node's counters as the source last scraped them. */
export type Counters = { readonly at: Millis; readonly scrape: Scrape };

const TIMEOUT_MS = 5_000;
/** A hundred nodes have 3 000 series of about 300 bytes. */
const ANSWER_MAX_BYTES = 4 * 1024 * 1024;
/** Label that this query marks the times of its scrapes with. */
const SCRAPED = "hmn_scraped";

const COUNTERS = [
  `${METRICS.clientLatency}_bucket`,
  METRICS.clientBatches,
  METRICS.clientRecords,
  METRICS.cpu,
  METRICS.memory,
  METRICS.transfersApplied,
  METRICS.safety,
  METRICS.uptime,
] as const;

/**
 * The newest counters of these pods and, by `timestamp`, when they were scraped: rates are taken from two answers here, by the
 * same arithmetic that own scrapes go through, so that restarts and resets mean the same whoever scraped.
 */
export function countersQuery(source: MetricSource, namespace: string, pods: readonly string[]): string {
  const matchers = `${source.namespaceLabel}=${JSON.stringify(namespace)},${source.podLabel}=~${JSON.stringify(pods.join("|"))}`;
  const all = `{__name__=~${JSON.stringify(COUNTERS.join("|"))},${matchers}}`;
  return `${all} or label_replace(timestamp(${METRICS.uptime}{${matchers}}), "${SCRAPED}", "1", "", "")`;
}

const answerSchema = z.object({
  status: z.literal("success"),
  data: z.object({
    resultType: z.literal("vector"),
    result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) })),
  }),
});
type Vector = z.output<typeof answerSchema>["data"]["result"];

/** Asks once, within `TIMEOUT_MS`. By name of the pod; one without whole and sound counters is not in the answer. */
export async function readCounters(
  source: MetricSource,
  namespace: string,
  pods: readonly string[],
): Promise<Result<ReadonlyMap<string, Counters>, "no-answer">> {
  try {
    const body = new URLSearchParams({ query: countersQuery(source, namespace, pods), timeout: `${TIMEOUT_MS}ms` });
    const url = new URL(`${source.url.replace(/\/$/, "")}/api/v1/query`);
    const response = await send(url, await requestOptions(source), body.toString());
    const text = await readBody(response, ANSWER_MAX_BYTES);
    if (response.statusCode !== 200)
      return refuse("no-answer", `it answers ${response.statusCode}: ${text.slice(0, 200)}`);
    const answer = answerSchema.safeParse(JSON.parse(text));
    if (!answer.success) return refuse("no-answer", "its answer is not that of a Prometheus");
    return accept(countersByPod(source, answer.data.data.result));
  } catch (error) {
    return refuse("no-answer", error instanceof Error ? error.message : String(error));
  }
}

async function requestOptions({ folder }: MetricSource): Promise<RequestOptions> {
  const read = async (file: string): Promise<string | undefined> =>
    folder === undefined ? undefined : readFile(`${folder}/${file}`, "utf8").catch(() => undefined);
  // Read each time: tokens rotate.
  const [token, ca] = await Promise.all([read("token"), read("ca.crt")]);
  return {
    method: "POST",
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      ...(token === undefined ? {} : { authorization: `Bearer ${token.trim()}` }),
    },
    ...(ca === undefined ? {} : { ca }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  };
}

/** Labels that tell series of one scrape apart. */
const INNER: readonly string[] = ["__name__", "le", "result", "kind", SCRAPED];

function countersByPod(source: MetricSource, vector: Vector): ReadonlyMap<string, Counters> {
  // A pod that two jobs scrape has its series twice, and must not count twice.
  const scrapes = new Map<string, { readonly pod: string; at: number; readonly lines: string[] }>();
  for (const { metric, value } of vector) {
    const key = JSON.stringify(
      Object.entries(metric)
        .filter(([label]) => !INNER.includes(label))
        .toSorted(([a], [b]) => (a < b ? -1 : 1)),
    );
    const found = scrapes.get(key) ?? { pod: metric[source.podLabel] ?? "", at: 0, lines: [] };
    scrapes.set(key, found);
    if (SCRAPED in metric) found.at = 1000 * Number(value[1]);
    else
      found.lines.push(
        `${metric.__name__}{le=${JSON.stringify(metric.le ?? "")},result=${JSON.stringify(metric.result ?? "")}} ${value[1]}`,
      );
  }
  const counters = new Map<string, Counters>();
  for (const [, { pod, at, lines }] of [...scrapes].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const scrape = parseScrape(lines.join("\n"));
    if (!scrape.ok || !(at > (counters.get(pod)?.at ?? 0))) continue;
    counters.set(pod, { at: millis(at), scrape: scrape.value });
  }
  return counters;
}
