import { readFileSync, writeFileSync } from "node:fs";
import type { Result } from "./results.ts";

type Told = Result & { readonly aim: number | null };

/** Whole numbers where they are large, three digits where they are small. */
export function figure(value: number): string {
  if (value >= 1_000) return Math.round(value).toLocaleString("en-US").replaceAll(",", " ");
  return String(Number(value.toPrecision(3)));
}

/** "met", "missed" or nothing to meet. */
export function standing({ value, better, target }: Result): string {
  if (target === null) return "";
  return (better === "higher" ? value >= target : value <= target) ? "met" : "missed";
}

const HEADER = ["what", "median", "min … max", "unit", "runs", "floor", "aim", ""] as const;

const cells = (result: Told): readonly string[] => [
  result.name,
  figure(result.value),
  `${figure(result.min)} … ${figure(result.max)}`,
  result.unit,
  String(result.runs),
  result.target === null ? "" : figure(result.target),
  result.aim === null ? "" : figure(result.aim),
  standing(result),
];

/** For a terminal, in columns. */
export function textTable(results: readonly Told[]): string {
  const lines = [HEADER, ...results.map(cells)];
  const widths = HEADER.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

export const markdownTable = (results: readonly Told[]): string =>
  [HEADER, HEADER.map(() => "---"), ...results.map(cells)].map((line) => `| ${line.join(" | ")} |`).join("\n");

const beginOf = (subject: string): string => `<!-- begin: written by \`npm run bench -- ${subject} --write-docs\` -->`;
const END = "<!-- end -->";

/** Puts the text between the two marks of a subject in a document; what stands outside of them is somebody's own words. */
export function replaceMarked(document: string, subject: string, text: string): string {
  const begin = beginOf(subject);
  const from = document.indexOf(begin);
  const to = document.indexOf(END, from);
  if (from < 0 || to < 0) throw new Error(`the document lacks the marks ${begin} and ${END}`);
  return `${document.slice(0, from + begin.length)}\n${text}\n${document.slice(to)}`;
}

export function writeMarked(path: string, subject: string, text: string): void {
  writeFileSync(path, replaceMarked(readFileSync(path, "utf8"), subject, text));
}
