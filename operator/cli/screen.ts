import type { Millis } from "../../node/base/units.ts";

export type Style = "bold" | "dim" | "green" | "yellow" | "red";

/** How a screen is drawn: for when, how wide, and whether in colour. */
export type Look = {
  readonly now: Millis;
  /** Columns of the terminal; infinite where nobody needs lines to be broken. */
  readonly width: number;
  readonly paint: (style: Style, text: string) => string;
};

export type Cell = string | { readonly text: string; readonly style: Style };

const textOf = (cell: Cell): string => (typeof cell === "string" ? cell : cell.text);
const painted = (cell: Cell, text: string, look: Look): string =>
  typeof cell === "string" ? text : look.paint(cell.style, text);

/** Narrower than this a column is not broken further: a long line reads better than a column of syllables. */
const NARROWEST = 24;

/** Breaks a text into lines at blanks; a word longer than a line, such as a command's argument, stays whole. */
export function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.replaceAll(/\s+/g, " ").trim().split(" ")) {
    if (line !== "" && line.length + 1 + word.length > Math.max(width, NARROWEST)) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** A text with every line indented. */
export const paragraph = (text: string, look: Look, indent = 2): readonly string[] =>
  wrapped(text, look.width - indent).map((line) => " ".repeat(indent) + line);

/** Rows under each other, every column as wide as its widest cell; what is too long in the last one goes on below. */
export function columns(rows: readonly (readonly Cell[])[], look: Look, indent = 2): readonly string[] {
  const count = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, column) =>
    Math.max(0, ...rows.map((row) => textOf(row[column] ?? "").length)),
  );
  const before = indent + widths.slice(0, -1).reduce((sum, width) => sum + width + 2, 0);
  return rows.flatMap((row) => {
    const last = row[count - 1] ?? "";
    const [first = "", ...rest] = wrapped(textOf(last), look.width - before);
    const cells = row.slice(0, count - 1).map((cell, column) => {
      const text = textOf(cell);
      return painted(cell, text, look) + " ".repeat((widths[column] ?? 0) - text.length);
    });
    const line = " ".repeat(indent) + [...cells, painted(last, first, look)].join("  ");
    return [line.trimEnd(), ...rest.map((more) => " ".repeat(before) + painted(last, more, look))];
  });
}

export const heading = (text: string, look: Look): string => look.paint("bold", text);

/** What a person may type as it stands. Never broken, so that it can be copied. */
export const commandLine = (command: string): string => `  $ ${command}`;

/** Lines to one text, parts set apart by an empty line; empty parts are left out. */
export const screen = (...parts: readonly (readonly string[])[]): string =>
  parts
    .filter((lines) => lines.length > 0)
    .map((lines) => `${lines.join("\n")}\n`)
    .join("\n");
