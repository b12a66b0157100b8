import { z } from "zod";

/** Speaks the inspector's protocol with one process that was started with `--inspect`, its worker threads included. */
export type Inspector = {
  /** Answers with the results of the main thread and of every worker that answers. */
  callAll(method: string, parameters?: object): Promise<readonly unknown[]>;
  close(): void;
};

/** Lets a process take an inspector on a free port of this machine only; its log says which. */
export const INSPECTED = "--inspect=127.0.0.1:0";

/** The newest address in a process's log. */
export function inspectorUrl(log: string): string {
  const [, url] = [...log.matchAll(/^Debugger listening on (ws:\/\/\S+)$/gm)].at(-1) ?? [];
  if (url === undefined) throw new Error("the process takes no inspector");
  return url;
}

const messageSchema = z.object({
  id: z.number().optional(),
  method: z.string().optional(),
  params: z.object({ sessionId: z.string().optional(), message: z.string().optional() }).optional(),
  result: z.unknown().optional(),
  error: z.object({ message: z.string() }).optional(),
});

export async function openInspector(url: string): Promise<Inspector> {
  const socket = new WebSocket(url);
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onerror = () => reject(new Error(`no inspector at ${url}`));
  });
  const waiting = new Map<number, { resolve(result: unknown): void; reject(cause: Error): void }>();
  const workers = new Set<string>();
  let calls = 0;
  const onMessage = (text: string): void => {
    const { id, method, params, result, error } = messageSchema.parse(JSON.parse(text));
    if (id !== undefined) {
      const call = waiting.get(id);
      waiting.delete(id);
      if (error === undefined) call?.resolve(result);
      else call?.reject(new Error(error.message));
    }
    const { sessionId, message } = params ?? {};
    if (sessionId === undefined) return;
    if (method === "NodeWorker.attachedToWorker") workers.add(sessionId);
    if (method === "NodeWorker.detachedFromWorker") workers.delete(sessionId);
    if (method === "NodeWorker.receivedMessageFromWorker" && message !== undefined) onMessage(message);
  };
  socket.onmessage = ({ data }) => onMessage(String(data));
  const call = (method: string, parameters: object, worker?: string): Promise<unknown> =>
    new Promise((resolve, reject) => {
      calls += 1;
      const id = calls;
      waiting.set(id, { resolve, reject });
      const message = JSON.stringify({ id, method, params: parameters });
      if (worker === undefined) socket.send(message);
      // Its answer comes with the worker's message, under the same number; that of the wrapper has one of its own.
      else {
        calls += 1;
        const wrapped = { id: calls, method: "NodeWorker.sendMessageToWorker", params: { sessionId: worker, message } };
        socket.send(JSON.stringify(wrapped));
      }
    });
  await call("NodeWorker.enable", { waitForDebuggerOnStart: false });
  return {
    callAll: (method, parameters = {}) =>
      Promise.all([undefined, ...workers].map((worker) => call(method, parameters, worker))),
    close: () => socket.close(),
  };
}
