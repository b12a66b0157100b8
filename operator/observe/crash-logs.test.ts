import { expect, test } from "vitest";
import { fakeItem, fakeParts } from "../runtime/fake-api.ts";
import { createCrashLogs } from "./crash-logs.ts";

const path = "/api/v1/namespaces/a/pods/p/log";
const crashed = (restartCount: number, exitCode = 1) =>
  fakeItem("p", String(restartCount), {
    fields: {
      status: {
        containerStatuses: [
          { name: "node", restartCount, state: { running: {} }, lastState: { terminated: { exitCode } } },
        ],
      },
    },
  });

test("fetches the last words of each crash once, without secrets and at most 4 KiB of them", async () => {
  const { api, verbs, log } = await fakeParts();
  const seed = "ab".repeat(32);
  const text = `${"early line\n".repeat(1_000)}seed ${seed}\nError: the end\n`;
  api.intercept = (request) => (request.path === path ? { status: 200, body: text } : undefined);
  const fetched: string[] = [];
  const logs = createCrashLogs({ verbs, log, onFetched: (pod) => fetched.push(pod.metadata.name) });

  logs.consider(crashed(1));
  logs.consider(crashed(1));
  await expect.poll(() => fetched).toEqual(["p"]);
  logs.consider(crashed(1));
  const [request, ...others] = api.requests;
  expect(others).toEqual([]);
  expect(Object.fromEntries(request?.query ?? [])).toEqual({ container: "node", previous: "true", tailLines: "40" });
  const kept = logs.of(["uid-p", "uid-q"]).get("uid-p") ?? "";
  expect(kept).toMatch(/^early line\n[\s\S]*Error: the end\n$/);
  expect(kept).not.toContain(seed);
  expect(Buffer.byteLength(kept)).toBeLessThanOrEqual(4_096);

  logs.consider(crashed(2));
  await expect.poll(() => fetched).toEqual(["p", "p"]);
  logs.forget(crashed(2));
  expect(logs.of(["uid-p"]).size).toBe(0);
  await api.close();
});

test("asks nothing about containers that ended well, and survives a log that is gone", async () => {
  const { api, verbs, log } = await fakeParts();
  const logs = createCrashLogs({ verbs, log, onFetched: () => expect.unreachable("nothing was fetched") });
  logs.consider(crashed(1, 0));
  logs.consider(fakeItem("fresh", "1"));
  logs.consider(crashed(1));
  await expect.poll(() => api.requests).toHaveLength(1);
  const requests = () => {
    logs.consider(crashed(1));
    return api.requests.length;
  };
  await expect.poll(requests).toBeGreaterThan(1);
  expect(log.lines).toEqual([]);
  await api.close();
});
