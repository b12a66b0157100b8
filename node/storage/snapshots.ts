import type { NodeEffect } from "../ports.ts";
import type { Disk } from "./disk.ts";
import type { DiskOp } from "./disk-job.ts";
import {
  openSnapshot,
  removal,
  type Snapshot,
  type SnapshotWriter,
  snapshotHeights,
  snapshotWriter,
  type Unwritten,
} from "./snapshot-files.ts";

/** The snapshots of a folder, and the one that is being written. */
export type Snapshots = {
  /** Instead of one that is under way. Throws what the disk throws. */
  begin(snapshot: Unwritten, onWritten: (height: number) => void): void;
  /** A part of a peer's; the first begins it. What no longer belongs to one that is under way is passed over. */
  take(part: Extract<NodeEffect, { type: "snapshot-part" }>, onWritten: (height: number) => void): void;
  /** Bytes of parts that came and are not written yet. */
  waitingBytes(): number;
  /** Removes the one of this height. */
  drop(height: number): void;
  /** Pulls the next part, if the one before is durable; false: nothing to do now. */
  step(): boolean;
  /** Gives up the one that is under way. */
  giveUp(): void;
  /** The newest that is whole. */
  newest(): Snapshot | undefined;
  /** Height up to which blocks are not needed to go on from the older one of the two that are kept; 0 while there are not two. */
  coveredHeight(): number;
};

/** A peer's, as far as it has come and is not written. */
type Incoming = { readonly height: number; readonly waiting: Uint8Array[]; came: number; whole: boolean };

type Running = { readonly writer: SnapshotWriter; readonly onWritten: (height: number) => void; busy: boolean };

export function snapshots(parts: {
  readonly disk: Disk;
  readonly folder: string;
  readonly runAside: (ops: readonly DiskOp[], done: (refused: string | undefined) => void) => void;
  readonly onRefused: (reason: string) => void;
}): Snapshots {
  const { disk, folder } = parts;
  let heights = snapshotHeights(disk, folder);
  let running: Running | undefined;
  let incoming: Incoming | undefined;
  let begun = 0;
  const drop = ({ writer }: Running): void => {
    writer.close();
    parts.runAside(writer.abandon(), () => {});
  };
  const giveUp = (): void => {
    // One whose part is on its way is dropped when that is answered.
    if (running !== undefined && !running.busy) drop(running);
    running = undefined;
    incoming = undefined;
  };
  const begin = (snapshot: Unwritten, onWritten: (height: number) => void): void => {
    giveUp();
    begun += 1;
    running = { writer: snapshotWriter(disk, folder, snapshot, begun), onWritten, busy: false };
  };
  return {
    begin,
    take: ({ height, blockHash, part, last, bytes }, onWritten) => {
      if (part === 0) {
        const from: Incoming = { height, waiting: [], came: 0, whole: false };
        const next = () => from.waiting.shift() ?? (from.whole ? undefined : "later");
        begin({ height, blockHash, next }, onWritten);
        incoming = from;
      }
      if (incoming?.height !== height || incoming.came !== part) return;
      incoming.waiting.push(bytes);
      incoming.came += 1;
      incoming.whole = last;
    },
    waitingBytes: () => incoming?.waiting.reduce((sum, { length }) => sum + length, 0) ?? 0,
    drop: (height) => {
      if (!heights.includes(height)) return;
      heights = heights.filter((one) => one !== height);
      parts.runAside(removal(folder, height), () => {});
    },
    step: () => {
      const current = running;
      if (current === undefined || current.busy) return false;
      const ops = current.writer.next();
      if (ops === "later") return false;
      if (ops === undefined) {
        running = undefined;
        current.writer.close();
        heights = snapshotHeights(disk, folder);
        current.onWritten(current.writer.height);
        return true;
      }
      current.busy = true;
      parts.runAside(ops, (refused) => {
        current.busy = false;
        if (running !== current) drop(current);
        else if (refused !== undefined) parts.onRefused(refused);
      });
      return true;
    },
    giveUp,
    newest: () => {
      for (const height of heights) {
        const found = openSnapshot(disk, folder, height);
        if (found !== undefined) return found;
      }
      return undefined;
    },
    coveredHeight: () => heights[1] ?? 0,
  };
}
