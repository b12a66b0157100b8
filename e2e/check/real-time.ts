import { z } from "zod";
import type { Violation } from "./books.ts";

/** What this check reads of a line of the history: who, what became of it, and in which block. `op` tells one process's operations apart. */
const height = z.number().int().nonnegative();
const lineSchema = z.object({
  process: z.union([z.number(), z.string()]),
  op: z.number().optional(),
  type: z.enum(["invoke", "ok", "fail", "info"]),
  height: height.optional(),
  value: z.object({ height: height.optional() }).optional(),
});

type Asked = { readonly line: number; readonly after: { readonly height: number; readonly line: number } };
const SHOWN_MAX = 5;

/**
 * Blocks respect real time: a block whose answer was there before a batch was made cannot hold that batch, nor can one
 * below it. That is the part of linearizability which the order of blocks decides (Herlihy and Wing 1990, section 2.2); inside
 * a block the ledger's own rules are recomputed elsewhere. The lines' order in the file is the order in which one
 * generator saw things happen, so no clock is trusted.
 */
export function orderViolations(text: string): Violation[] {
  const open = new Map<string, Asked>();
  let newest = { height: 0, line: 0 };
  const found: string[] = [];
  for (const [index, content] of text.split("\n").entries()) {
    if (content === "") continue;
    const { process, op, type, ...rest } = lineSchema.parse(JSON.parse(content));
    const key = `${process}/${op ?? ""}`;
    const line = index + 1;
    const asked = open.get(key);
    if (type === "invoke") open.set(key, { line, after: newest });
    else open.delete(key);
    const at = rest.value?.height ?? rest.height;
    if (type !== "ok" || at === undefined) continue;
    if (asked !== undefined && at <= asked.after.height) {
      const { after } = asked;
      found.push(
        `asked at line ${asked.line}, executed at height ${at}; height ${after.height} was answered before, at line ${after.line}`,
      );
    }
    if (at > newest.height) newest = { height: at, line };
  }
  const shown =
    found.length > SHOWN_MAX ? [...found.slice(0, SHOWN_MAX), `and ${found.length - SHOWN_MAX} more`] : found;
  return shown.map((detail) => ({ kind: "real-time", validator: undefined, detail }));
}
