import type { Nanos } from "./base/units.ts";
import { parseRecord } from "./codec/block-record.ts";
import { parseCarBatches } from "./codec/car.ts";
import { payloadOf } from "./node-execute.ts";
import type { BlockStore } from "./ports.ts";

/** A final block as far as its journal rests on its bytes: its time, and its batches in the order of execution. */
export type ExecutedBatches = { readonly time: Nanos; readonly batches: readonly Uint8Array[] };

/** The batches of a block in the log, as execution took them; undefined: the block or one of its cars is not held. */
export function batchesAt(
  { readBlock, readCar }: Pick<BlockStore, "readBlock" | "readCar">,
  height: number,
): ExecutedBatches | undefined {
  const bytes = readBlock(height);
  const record = bytes === undefined ? undefined : parseRecord(bytes);
  if (record?.ok !== true) return undefined;
  const { block } = record.value;
  const batches: Uint8Array[] = [];
  for (const tip of payloadOf(block).tips) {
    const cars: (readonly Uint8Array[])[] = [];
    let { digest } = tip;
    for (let left = tip.cars; left > 0; left--) {
      const found = readCar(digest);
      const car = found === undefined ? undefined : parseCarBatches(found);
      if (car?.ok !== true) return undefined;
      cars.push(car.value.batches);
      digest = car.value.stub.previous;
    }
    batches.push(...cars.reverse().flat());
  }
  return { time: block.time, batches };
}
