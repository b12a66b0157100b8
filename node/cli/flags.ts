import { parseArgs } from "node:util";
import { accept, type Result, refuse } from "../base/result.ts";

/** One flag: without `value` it is a switch, with `many` it may come several times. */
export type Flag = { readonly help: string; readonly value?: string; readonly many?: boolean };
export type Flags = Readonly<Record<string, Flag>>;

export type Parsed<F extends Flags> = {
  /** The flag's value, if it was given. */
  text(name: keyof F & string): string | undefined;
  texts(name: keyof F & string): readonly string[];
  on(name: keyof F & string): boolean;
  readonly positionals: readonly string[];
};

export type Usage<F extends Flags> = {
  readonly command: string;
  readonly summary: string;
  readonly flags: F;
  /** Names of what stands there without a flag, in order; all are needed. */
  readonly positionals?: readonly string[];
  /** Names of what may follow them. */
  readonly optional?: readonly string[];
};

/** Reads a command's arguments; a refusal says which one is wrong, and what there is. */
export function parseFlags<F extends Flags>(usage: Usage<F>, args: readonly string[]): Result<Parsed<F>, "usage"> {
  const options = Object.fromEntries(
    Object.entries(usage.flags).map(([name, { value, many = false }]) => [
      name,
      { type: value === undefined ? ("boolean" as const) : ("string" as const), multiple: many },
    ]),
  );
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (cause) {
    return refuse("usage", explain(cause, Object.keys(usage.flags)));
  }
  const wanted = usage.positionals ?? [];
  const { positionals, values } = parsed;
  const missing = wanted[positionals.length];
  if (missing !== undefined) return refuse("usage", `${missing} is missing`);
  const most = wanted.length + (usage.optional ?? []).length;
  if (positionals.length > most) return refuse("usage", `${positionals[most]} is one argument too many`);
  const listOf = (name: string): readonly unknown[] => {
    const value = values[name];
    return Array.isArray(value) ? value : value === undefined ? [] : [value];
  };
  return accept({
    text: (name) => listOf(name).map(String)[0],
    texts: (name) => listOf(name).map(String),
    on: (name) => listOf(name).includes(true),
    positionals,
  });
}

export function helpOf({ command, summary, flags, positionals = [], optional = [] }: Usage<Flags>): string {
  const rows = Object.entries(flags).map(([name, { value, help }]) => [
    `--${name}${value === undefined ? "" : ` ${value}`}`,
    help,
  ]);
  const width = Math.max(0, ...rows.map(([left = ""]) => left.length));
  const lines = rows.map(([left = "", help]) => `  ${left.padEnd(width)}  ${help}\n`);
  return `hmn-node ${[command, ...positionals, ...optional.map((name) => `[${name}]`)].join(" ")}: ${summary}\n\n${lines.join("")}`;
}

function explain(cause: unknown, known: readonly string[]): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  const unknown = /Unknown option '(-[^']*)'/.exec(message)?.[1];
  if (unknown === undefined) return message.split("\n")[0] ?? message;
  return `unknown flag ${unknown}; known are ${known.map((name) => `--${name}`).join(", ")}`;
}
