import { Session } from "node:inspector";
import { totalmem } from "node:os";
import { getHeapSpaceStatistics, getHeapStatistics, type HeapInfo, setFlagsFromString } from "node:v8";

/**
 * When V8 marks its heap. Left to itself it does so for every 64 MB of buffers that live a little longer than their turn, which
 * here are the frames of batches: it then marks the same small heap over and over, at a third of the node's CPU time. Two
 * things make it wait for more: garbage of four times what lives in the heap, and as much in buffers again as live there. Both
 * cost memory, so only a node with room enough has them.
 */
export const ROOMY_FLAGS = ["--heap-growing-percent=400", "--external-memory-max-growing-factor=2"] as const;
const ROOMY_BYTES = 2 ** 30;

const BUFFERS_COUNT = "--external-memory-accounted-in-global-limit";
const BUFFERS_APART = "--no-external-memory-accounted-in-global-limit";
/** Tables grow into the hundreds of megabytes within minutes, not within this. */
const LOOK_EVERY_MS = 1_000;
/** CPU time between two looks below which the node is at rest. */
const REST_US = 100_000;
/** The young generation of a node at rest takes 1 MB, once it was collected; start or load have left it at 16 and more. */
const YOUNG_BYTES = 8 * 2 ** 20;

/** For the process as long as it lives: heap and buffers get room where the machine has it, and give it back at rest. */
export function paceGarbage(): void {
  const roomy = memoryBytes() >= ROOMY_BYTES;
  if (roomy) for (const flag of ROOMY_FLAGS) setFlagsFromString(flag);
  let before = process.cpuUsage();
  const look = (): void => {
    if (roomy) setFlagsFromString(bufferFlag(getHeapStatistics()));
    const { user, system } = process.cpuUsage(before);
    before = process.cpuUsage();
    const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space");
    // V8 keeps that room for a load that may come again: by itself it does not shrink while the node ticks.
    if (user + system < REST_US && (young?.space_size ?? 0) > YOUNG_BYTES) collect();
  };
  setInterval(look, LOOK_EVERY_MS).unref();
}

/** A whole collection, in a turn of its own: some 50 ms. A session that parts within its answer hangs the process. */
function collect(): void {
  const session = new Session();
  session.connect();
  session.post("HeapProfiler.collectGarbage", () => setImmediate(() => session.disconnect()));
}

/**
 * Buffers that count together with the heap share its limit: where those that live pass twice that limit (measured), V8 marks
 * without an end. A large ledger's tables are buffers, so from half of that on they are counted apart again.
 */
export const bufferFlag = ({
  external_memory: buffers,
  heap_size_limit: limit,
}: Pick<HeapInfo, "external_memory" | "heap_size_limit">): string => (buffers < limit ? BUFFERS_COUNT : BUFFERS_APART);

/** What this process may use: the container's limit, or the machine. Without a limit Node tells 0, or more than there is. */
const memoryBytes = (): number => Math.min(process.constrainedMemory() || totalmem(), totalmem());
