import { totalmem } from "node:os";
import { getHeapStatistics, type HeapInfo, setFlagsFromString } from "node:v8";

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

/** For the process as long as it lives: heap and buffers get room where the machine has it. */
export function paceGarbage(): void {
  if (memoryBytes() < ROOMY_BYTES) return;
  for (const flag of ROOMY_FLAGS) setFlagsFromString(flag);
  const look = (): void => setFlagsFromString(bufferFlag(getHeapStatistics()));
  look();
  setInterval(look, LOOK_EVERY_MS).unref();
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
