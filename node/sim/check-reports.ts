import { present } from "../base/assert.ts";
import { toHex } from "../base/bytes.ts";
import type { Omega } from "../cal/omega.ts";
import { type Chain, epochOf } from "../chain/chain.ts";
import { parseBatch, payloadOf } from "../codec/batch.ts";
import type { SealedBlock } from "../codec/block.ts";
import { decodeReports, type ReportRecord } from "../codec/report.ts";
import type { Validator } from "./check-finality.ts";
import { holdersOf } from "./shards.ts";
import { check } from "./violation.ts";

/** What validators report of each other: that honest ones report what they saw, and what the chain makes of it all. */
export type ReportsChecker = {
  /** A node's mesh has compared a shard with a peer's, in the node's epoch. */
  onExchange(node: number, peer: number, equal: boolean, epoch: number): void;
  /** What a process counted and has not reported is gone with it. */
  onRestart(node: number): void;
  /** The first node that is behind a boundary. */
  onEpoch(chain: Chain): void;
  /** Values of honest reports about mesh agreement that were what the exchanges had shown. */
  proved(): number;
};

type Component = "timelinessPpm" | "meshPpm" | "availabilityPpm";
const COMPONENTS: readonly Component[] = ["timelinessPpm", "meshPpm", "availabilityPpm"];
/** With fewer reporters of the mesh its value is 1 (domain.md, "CAL"). */
const MESH_REPORTERS_MIN = 3;
type Evidence = {
  readonly epoch: number;
  readonly omega: Omega;
  readonly members: readonly Validator[];
  readonly reports: readonly ReportRecord[];
};
type Tally = { exchanges: number; equal: number };

export function createReportsChecker({
  byzantine,
  chain: finalBlocks,
  batchesOf,
  membersOf,
}: {
  byzantine: number | undefined;
  chain: () => readonly SealedBlock[];
  batchesOf: (block: SealedBlock) => readonly Uint8Array[];
  membersOf: (epoch: number) => readonly Validator[] | undefined;
}): ReportsChecker {
  /** Of each process, by node, peer and epoch. */
  const tallies = new Map<string, Tally[]>();
  const lives = new Map<number, number>();
  const last = new Map<number, Omega>();
  let proved = 0;

  /** Reports about an epoch that were ordered in the next one, up to the E of its closing block; the first of each pair counts. */
  const reportsOf = (epoch: number): readonly ReportRecord[] => {
    const blocks = finalBlocks().filter((block) => block.epoch === epoch + 1);
    const closing = present(
      blocks.find(({ kind }) => kind === "closing"),
      "an epoch ended with a closing block",
    );
    const members = present(membersOf(epoch), "an epoch has members");
    const found = new Map<string, ReportRecord>();
    // In order of height, as lanes are walked so.
    for (const block of finalBlocks())
      for (const bytes of batchesOf(block)) {
        if (block.epoch !== epoch + 1 || block.height > closing.executed.height) continue;
        const batch = parseBatch(bytes);
        if (!batch.ok || batch.value.type !== "reports") continue;
        for (const report of decodeReports(payloadOf(bytes))) {
          const key = `${report.reporter} ${report.subject}`;
          const reporter = members.find(({ id }) => id === report.reporter);
          if (report.epoch === epoch && reporter?.publicKey === toHex(batch.value.publicKey) && !found.has(key))
            found.set(key, report);
        }
      }
    return [...found.values()];
  };

  /** Mesh agreement is what the reporter's own exchanges showed (domain.md, "CAL", component 4). */
  const checkHonest = ({ reporter, subject, epoch, meshPpm }: ReportRecord): void => {
    if (reporter === byzantine || meshPpm === undefined) return;
    const seen = tallies.get(`${reporter} ${subject} ${epoch}`) ?? [];
    const right = seen.some(({ exchanges, equal }) => Math.floor((1e6 * equal) / exchanges) === meshPpm);
    const what = (): string => `${reporter} reports ${meshPpm} of ${subject}, epoch ${epoch}: ${JSON.stringify(seen)}`;
    check(right, "mesh agreement", what);
    proved += 1;
  };

  const checkComponent = (
    component: Component,
    subject: Validator,
    { epoch, omega, members, reports }: Evidence,
  ): void => {
    const is = omega[component];
    const where = (): string => `${component} of ${subject.id} is ${is}`;
    const sharing = holdersOf(members.map(({ id }) => id)).filter((holders) => holders.has(subject.id));
    const mesh = component === "meshPpm";
    const possible = members.filter(
      ({ id }) => id !== subject.id && (!mesh || sharing.some((holders) => holders.has(id))),
    );
    if (mesh && possible.length < MESH_REPORTERS_MIN) {
      check(is === 1e6, "reported", () => `${where()}, with too few reporters`);
      return;
    }
    const voices = possible.flatMap(({ id, weight }) => {
      const value = reports.find((one) => one.reporter === id && one.subject === subject.id)?.[component];
      return value === undefined ? [] : [{ id, weight, value }];
    });
    const sum = (those: readonly { weight: number }[]): number => those.reduce((all, { weight }) => all + weight, 0);
    if (voices.length === 0 || 3 * sum(voices) < 2 * sum(possible)) {
      const before = last.get(subject.id)?.[component] ?? (epoch === 1 ? 1e6 : 5e5);
      check(is === before, "reported", () => `${where()} instead of still ${before}: too few reported`);
      return;
    }
    let below = 0;
    const median = voices
      .toSorted((a, b) => a.value - b.value || a.id - b.id)
      .find(({ weight }) => {
        below += weight;
        return 2 * below >= sum(voices);
      });
    check(is === median?.value, "reported", () => `${where()} instead of ${median?.value}, the weighted median`);
    const honest = voices.filter(({ id }) => id !== byzantine);
    const lies = sum(voices) - sum(honest);
    if (3 * lies >= sum(possible)) return;
    const values = honest.map(({ value }) => value);
    const within = is >= Math.min(...values) && is <= Math.max(...values);
    check(within, "honest range", () => `${where()}, and honest reports say ${values}`);
  };

  return {
    onExchange: (node, peer, equal, epoch) => {
      const key = `${node} ${peer} ${epoch}`;
      const of = tallies.get(key) ?? [];
      tallies.set(key, of);
      const life = lives.get(node) ?? 0;
      while (of.length <= life) of.push({ exchanges: 0, equal: 0 });
      const tally = present(of[life], "it was just made");
      tally.exchanges += 1;
      if (equal) tally.equal += 1;
    },
    onRestart: (node) => void lives.set(node, (lives.get(node) ?? -1) + 1),
    onEpoch: (chain) => {
      const { epoch, standings } = chain.governance.coherence;
      if (epoch === 0 || epoch !== epochOf(chain).number - 2) return;
      const reports = reportsOf(epoch);
      for (const report of reports) checkHonest(report);
      const members = present(membersOf(epoch), "an epoch has members");
      for (const subject of members) {
        const { omega } = present(standings.get(subject.id), "each member is measured");
        for (const component of COMPONENTS) checkComponent(component, subject, { epoch, omega, members, reports });
      }
      for (const [id, { omega }] of standings) last.set(id, omega);
    },
    proved: () => proved,
  };
}
