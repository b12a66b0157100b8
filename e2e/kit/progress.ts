import { formatDuration } from "./duration.ts";

/** What a person sees of a long run. Two kinds of line: facts that stay, and the one thing that is being waited for. */
export type Progress = {
  /** A fact worth keeping. */
  say(text: string): void;
  /** What is going on at this moment. Repeated with its time every two seconds until the next call of either kind. */
  detail(text: string): void;
  /** The same output under another phase's name. */
  phase(name: string): Progress;
  /** Ends the repeating; the process can then end. */
  close(): void;
};

export type ProgressSink = {
  write(text: string): void;
  /** A terminal shows details in place; a log gets each as a line. */
  readonly terminal: boolean;
  readonly columns: number;
  nowMs(): number;
};

const REPEAT_MS = 2000;
const PHASE_WIDTH = 10;

export function openProgress(sink: ProgressSink = standardSink()): Progress {
  let current: { phase: string; text: string; sinceMs: number } | undefined;
  let shownAtMs = 0;
  let timer: NodeJS.Timeout | undefined;

  const prefix = (phase: string): string =>
    `${new Date(sink.nowMs()).toISOString().slice(11, 19)}  ${phase.padEnd(PHASE_WIDTH)} `;
  const clear = (): string => (sink.terminal ? "\r\u001b[2K" : "");

  const show = (): void => {
    if (current === undefined) return;
    shownAtMs = sink.nowMs();
    const elapsed = shownAtMs - current.sinceMs;
    const age = elapsed < 1000 ? "" : ` (${formatDuration(elapsed)})`;
    const line = `${prefix(current.phase)}  ... ${current.text}${age}`;
    sink.write(sink.terminal ? `${clear()}${line.slice(0, sink.columns - 1)}` : `${line}\n`);
  };
  const stop = (): void => {
    if (timer !== undefined) clearInterval(timer);
    timer = undefined;
  };

  const view = (phase: string): Progress => ({
    say: (text) => {
      stop();
      current = undefined;
      for (const line of text.trimEnd().split("\n"))
        sink.write(`${clear()}${prefix(phase)}${line}`.trimEnd().concat("\n"));
    },
    detail: (text) => {
      if (current?.phase === phase && current.text === text) return;
      // A wait that changes its detail is still one wait: its time goes on.
      current = { phase, text, sinceMs: current?.phase === phase ? current.sinceMs : sink.nowMs() };
      if (sink.terminal || sink.nowMs() - shownAtMs >= REPEAT_MS) show();
      timer ??= setInterval(show, REPEAT_MS).unref();
    },
    phase: (name) => view(name),
    close: () => {
      stop();
      if (current !== undefined && sink.terminal) sink.write(clear());
      current = undefined;
    },
  });
  return view("");
}

function standardSink(): ProgressSink {
  return {
    write: (text) => void process.stdout.write(text),
    terminal: process.stdout.isTTY === true,
    columns: process.stdout.columns ?? 120,
    nowMs: () => Date.now(),
  };
}
