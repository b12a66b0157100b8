import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { cachePath } from "./cache.ts";

/** Which cluster of ours this machine has, or was about to have when a run was interrupted. */
const rememberedSchema = z.object({
  provider: z.enum(["kind", "kind-built"]),
  /** What a complete cluster was made from; absent until it is complete. */
  madeFrom: z.string().optional(),
});
export type Remembered = z.infer<typeof rememberedSchema>;

const path = (): string => cachePath("cluster.json");

export function recallCluster(): Remembered | undefined {
  try {
    return rememberedSchema.safeParse(JSON.parse(readFileSync(path(), "utf8"))).data;
  } catch {
    return undefined;
  }
}

/** Adds to what is known; another provider's knowledge is replaced. */
export function rememberCluster(known: Remembered): void {
  const before = recallCluster();
  const kept = before?.provider === known.provider ? before : {};
  writeFileSync(path(), `${JSON.stringify({ ...kept, ...known })}\n`);
}

export function forgetCluster(): void {
  rmSync(path(), { force: true });
}
