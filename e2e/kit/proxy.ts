import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Cluster } from "../cluster/cluster.ts";
import { tie } from "./children.ts";

/** An answer of the API server that is not what was asked for. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * Cheap reads of the API server, for looks that repeat: one `kubectl proxy` on a Unix socket that only this user can
 * open, instead of a process for each look. Changes are made with kubectl itself, as a user makes them.
 */
export type ApiReader = {
  /** The JSON at a path of the API; undefined if there is no such object. */
  read(path: string): Promise<unknown>;
  /** Text at a path, e.g. of a log. */
  readText(path: string): Promise<string>;
  close(): void;
};

const READ_TIMEOUT_MS = 15_000;

export async function openApiReader(cluster: Cluster): Promise<ApiReader> {
  const folder = mkdtempSync(join(tmpdir(), "hmn-api-"));
  const socketPath = join(folder, "socket");
  const clean = (): void => rmSync(folder, { recursive: true, force: true });
  process.once("exit", clean);
  let child: ChildProcess | undefined;
  let starting: Promise<void> | undefined;

  const start = (): Promise<void> => {
    rmSync(socketPath, { force: true });
    const started = spawn(cluster.kubectlPath, ["proxy", `--unix-socket=${socketPath}`], {
      env: { ...process.env, KUBECONFIG: cluster.kubeconfig },
      stdio: ["ignore", "pipe", "pipe"],
    });
    child = started;
    tie(started);
    return new Promise((resolve, reject) => {
      let said = "";
      started.stdout.on("data", (chunk) => {
        said += chunk;
        if (said.includes("Starting to serve")) resolve();
      });
      started.stderr.on("data", (chunk) => {
        said += chunk;
      });
      started.on("error", reject);
      started.on("exit", (code) => {
        if (child === started) child = undefined;
        reject(new Error(`kubectl proxy ended with ${code}: ${said.trim()}`));
      });
    });
  };
  const ready = async (): Promise<void> => {
    if (child === undefined)
      starting ??= start().finally(() => {
        starting = undefined;
      });
    await starting;
  };

  const get = async (path: string): Promise<string> => {
    await ready();
    return new Promise((resolve, reject) => {
      const call = request(
        { socketPath, path, timeout: READ_TIMEOUT_MS, headers: { host: "localhost" } },
        (response) => {
          response.setEncoding("utf8");
          let body = "";
          response.on("data", (chunk: string) => {
            body += chunk;
          });
          response.on("error", reject);
          response.on("end", () => {
            const status = response.statusCode ?? 0;
            if (status >= 200 && status < 300) resolve(body);
            else reject(new ApiError(status, `the API server answered ${status} to ${path}: ${body.slice(0, 300)}`));
          });
        },
      );
      call.on("timeout", () => call.destroy(new Error(`no answer to ${path} within ${READ_TIMEOUT_MS / 1000} s`)));
      call.on("error", reject);
      call.end();
    });
  };

  await ready();
  return {
    read: async (path) => {
      try {
        return JSON.parse(await get(path));
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return undefined;
        throw error;
      }
    },
    readText: get,
    close: () => {
      child?.kill();
      process.off("exit", clean);
      clean();
    },
  };
}
