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

/** Replaces what was known: before a cluster is made (so that a half-made one is never taken for complete), and after. */
export function rememberCluster(known: Remembered): void {
  writeFileSync(path(), `${JSON.stringify(known)}\n`);
}

/** From here on `down` has something of this provider to remove. */
export function rememberProvider(provider: Remembered["provider"]): void {
  if (recallCluster()?.provider !== provider) rememberCluster({ provider });
}

export function forgetCluster(): void {
  rmSync(path(), { force: true });
}
