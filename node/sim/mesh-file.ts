import type { Random } from "../base/random.ts";

/** The file of one node's mesh: what is durable, and what a crash may take. */
export type MeshFile = { records: Uint8Array[]; unwritten: Uint8Array[] };

export const createMeshFile = (): MeshFile => ({ records: [], unwritten: [] });

export function flush(file: MeshFile): void {
  file.records.push(...file.unwritten.splice(0));
}

/** All at once under its name: the old file or the new one, never half of it. */
export function replace(file: MeshFile, records: readonly Uint8Array[]): void {
  file.records = [...records];
  file.unwritten = [];
}

/** The power goes: some beginning of what was not written survives. Answers how many records were lost. */
export function crashFile(file: MeshFile, random: Random): number {
  const written = file.unwritten.length;
  const kept = file.unwritten.splice(0).slice(0, random.below(written + 1));
  file.records.push(...kept);
  return written - kept.length;
}
