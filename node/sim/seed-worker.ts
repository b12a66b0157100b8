import { parentPort } from "node:worker_threads";
import { present } from "../base/assert.ts";
import type { Case } from "./shrink.ts";
import { runTwice } from "./twice.ts";

/** The program of one thread of `runners.ts`: a case in, its verdict out. */
const port = present(parentPort, "a runner is a thread");
port.on("message", (one: Case) => port.postMessage(runTwice(one)));
