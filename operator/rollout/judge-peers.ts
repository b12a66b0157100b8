import { PPM, seconds } from "../../node/base/units.ts";
import type { PeersWord } from "../observe/snapshot.ts";
import type { JudgedNode, JudgeInput } from "./judge.ts";
import { compared, type Metric, share, text } from "./judge-levels.ts";
import { sinceReady } from "./series.ts";

/** In so many epochs in a row a node has to be bad: a hiccup of two seconds spoils the 95th percentile of one. */
const EPOCHS = 2;
/** An epoch counts that began so long after the node was first ready: readings tell both times a little late. */
const MARGIN = seconds(5);

/** One node's newest words by its peers, oldest first. */
type Words = readonly PeersWord[];

/** Vote delay and availability as the peers signed them in their committed reports (domain.md, "CAL", components 2 and 5). */
export function peersMetrics(input: JudgeInput): readonly Metric[] {
  const { signed, samples, startedAt, to, levels } = input;
  const wordsOf = (id: number, counts: (at: number) => boolean): Words =>
    signed
      .filter((_, at) => counts(at))
      .flatMap(({ words }) => words.find(({ validator }) => validator === id) ?? [])
      .slice(-EPOCHS);
  const since = ({ id, podUid, readySince = to }: JudgedNode): Words => {
    const ready = Math.min(sinceReady(samples, podUid)[0]?.from ?? to, readySince);
    return wordsOf(id, (at) => (signed[at]?.begunAt ?? 0) >= ready + MARGIN);
  };
  const ids = new Set(signed.flatMap(({ words }) => words.map(({ validator }) => validator)));
  const groups = {
    fresh: input.fresh.map(since),
    old: input.old.map(since),
    // One has ended when the next one has begun.
    before: [...ids].map((id) => wordsOf(id, (at) => (signed[at + 1]?.begunAt ?? to) <= startedAt)),
  };
  const metric = (name: string, bad: (word: PeersWord) => boolean, told: (words: Words) => number) => {
    const enough = (words: Words) => words.length === EPOCHS;
    const isBad = (words: Words) => words.every(bad);
    const worst = groups.fresh.filter(enough).toSorted((a, b) => Number(isBad(b)) - Number(isBad(a)))[0];
    const other = groups.old.find(enough);
    return {
      name,
      comparison: compared(groups, enough, isBad),
      newValue: worst === undefined ? undefined : told(worst),
      oldValue: other === undefined ? undefined : told(other),
    };
  };
  const delay = metric(
    "voteDelay",
    ({ voteDelayMs }) => voteDelayMs > levels.voteDelayP95Millis,
    (words) => Math.min(...words.map(({ voteDelayMs }) => voteDelayMs)),
  );
  const heard = metric(
    "peersAvailability",
    ({ availabilityPpm }) => availabilityPpm < levels.peersAvailabilityPpm,
    (words) => Math.max(...words.map(({ availabilityPpm }) => availabilityPpm)),
  );
  return [
    {
      ...delay,
      newValue: text(delay.newValue, "ms"),
      oldValue: text(delay.oldValue, "ms"),
      limit: `${levels.voteDelayP95Millis} ms, by its peers in ${EPOCHS} epochs`,
    },
    {
      ...heard,
      newValue: share(heard.newValue),
      oldValue: share(heard.oldValue),
      limit: `${(100 * levels.peersAvailabilityPpm) / PPM} %, by its peers in ${EPOCHS} epochs`,
    },
  ];
}
