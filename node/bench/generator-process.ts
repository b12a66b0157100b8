import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Answer, Command, LoadPlan, Measured } from "./generator-api.ts";

/** The load generator, seen from the bench. */
export type Generator = {
  setUp(command: Omit<Extract<Command, { type: "set-up" }>, "type">): Promise<void>;
  run(run: LoadPlan): Promise<Measured>;
  /** Wall-clock times of commits, in ascending order. */
  pulse(targets: readonly number[], forMs: number): Promise<readonly number[]>;
  close(): Promise<void>;
};

const PROGRAM = fileURLToPath(new URL("./generator.ts", import.meta.url));

export function startGenerator(): Generator {
  const child = fork(PROGRAM, { execArgv: ["--disable-warning=ExperimentalWarning"], stdio: "inherit" });
  const expect = async <T extends Answer["type"]>(command: Command, type: T): Promise<Extract<Answer, { type: T }>> => {
    const answer = await ask(child, command);
    if (answer.type === "failed") throw new Error(`the load generator failed: ${answer.reason}`);
    if (!isOf(answer, type)) throw new Error(`the load generator answered ${answer.type} instead of ${type}`);
    return answer;
  };
  return {
    setUp: async (command) => void (await expect({ type: "set-up", ...command }, "ready")),
    run: async (run) => (await expect({ type: "run", run }, "measured")).measured,
    pulse: async (targets, forMs) => (await expect({ type: "pulse", targets, forMs }, "pulses")).answeredAtMs,
    close: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.disconnect();
      await once(child, "exit");
    },
  };
}

const isOf = <T extends Answer["type"]>(answer: Answer, type: T): answer is Extract<Answer, { type: T }> =>
  answer.type === type;

function ask(child: ChildProcess, command: Command): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const onEnd = (): void => reject(new Error("the load generator ended"));
    child.once("exit", onEnd);
    child.once("message", (answer: Answer) => {
      child.removeListener("exit", onEnd);
      resolve(answer);
    });
    child.send(command, (error) => {
      if (error !== null) reject(error);
    });
  });
}
