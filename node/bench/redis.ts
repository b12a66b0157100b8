import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { present } from "../base/assert.ts";
import { plannedPayments } from "../client/load-plan.ts";
import { type Baseline, type BaselineServer, commitFor } from "./baseline.ts";
import { findProgram, makeHome, startServer, stopServer } from "./programs.ts";

/** Scripts in flight: Redis runs one at a time and syncs its log once for all that it ran in a turn. */
const CONNECTIONS = 8;
const BALANCE = 1_000_000_000;
const RECORD_BYTES = 36;

/** Every transfer kept under its id, refused if the id is known or the payer has too little; both sides booked. */
const APPLY = `
  local failed = 0
  for at = 1, #ARGV[1], ${RECORD_BYTES} do
    local id = 't' .. string.sub(ARGV[1], at, at + 15)
    local rest = string.sub(ARGV[1], at + 16, at + 35)
    local amount = struct.unpack('<I4', rest, 17)
    if not redis.call('SET', id, rest, 'NX') then failed = failed + 1
    else
      local payer, payee = string.sub(rest, 1, 8), string.sub(rest, 9, 16)
      if redis.call('HINCRBY', 'balances', payer, -amount) < 0 then
        redis.call('HINCRBY', 'balances', payer, amount)
        redis.call('DEL', id)
        failed = failed + 1
      else redis.call('HINCRBY', 'balances', payee, amount) end
    end
  end
  return failed`;

export const redis: Baseline = {
  name: "Redis 7",
  start: async (accounts) => {
    const found = findProgram(["/usr/bin/redis-server"], "redis-server");
    if ("missing" in found) return found;
    const home = makeHome("redis");
    const path = join(home.folder, "socket");
    const settings = {
      port: "0",
      unixsocket: path,
      dir: home.folder,
      save: "",
      appendonly: "yes",
      appendfsync: "always",
      "auto-aof-rewrite-percentage": "0",
      daemonize: "no",
    };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
    const server = await startServer(home, found.path, args, async () => existsSync(path));
    const connections: Redis[] = [];
    const stop = async (): Promise<void> => {
      for (const connection of connections) connection.close();
      await stopServer(server, "SIGKILL");
      home.remove();
    };
    try {
      while (connections.length < CONNECTIONS) connections.push(await connectRedis(path));
      return await running(connections, accounts, stop);
    } catch (error) {
      await stop();
      throw error;
    }
  },
};

async function running(
  connections: readonly Redis[],
  accounts: number,
  stop: () => Promise<void>,
): Promise<BaselineServer> {
  const first = present(connections[0], "there is a connection");
  for (let from = 0; from < accounts; from += 1_000) {
    const indices = Array.from({ length: Math.min(1_000, accounts - from) }, (_, index) => from + index);
    await first.call("HSET", "balances", ...indices.flatMap((index) => [accountField(index), `${BALANCE}`]));
  }
  const sha = String(await first.call("SCRIPT", "LOAD", APPLY));
  const [, version = "7"] = /redis_version:(\S+)/.exec(String(await first.call("INFO", "server"))) ?? [];
  let number = 0;
  return {
    version,
    perSecond: (batch, timing) =>
      commitFor(timing, batch, connections.length, {
        make: () => {
          number += 1;
          return recordsOf(number, batch, accounts);
        },
        send: async (records, slot) => {
          const failed = await present(connections[slot], "every slot has its connection").call(
            "EVALSHA",
            sha,
            "0",
            records,
          );
          if (failed !== 0) throw new Error(`Redis refused ${failed} of ${batch} transfers`);
        },
      }),
    check: async () => {
      const balances = await first.call("HVALS", "balances");
      const sum = Array.isArray(balances)
        ? balances.reduce((total: bigint, value) => total + BigInt(String(value)), 0n)
        : 0n;
      if (sum !== BigInt(accounts) * BigInt(BALANCE)) throw new Error("Redis's books do not balance");
    },
    stop,
  };
}

const accountField = (index: number): Buffer => {
  const field = Buffer.alloc(8);
  field.writeUInt32LE(index);
  return field;
};

function recordsOf(number: number, batch: number, accounts: number): Buffer {
  const payments = plannedPayments({ accounts, owners: 1, spread: "random", batch }, number);
  const ids = randomBytes(12);
  const bytes = Buffer.alloc(batch * RECORD_BYTES);
  for (const [index, { payer, payee, amount }] of payments.entries()) {
    const at = index * RECORD_BYTES;
    ids.copy(bytes, at);
    bytes.writeUInt32LE(index, at + 12);
    bytes.writeUInt32LE(payer, at + 16);
    bytes.writeUInt32LE(payee, at + 24);
    bytes.writeUInt32LE(amount, at + 32);
  }
  return bytes;
}

type Redis = { call(...parts: readonly (string | Buffer)[]): Promise<unknown>; close(): void };

/** As much of Redis's protocol (RESP 2) as the bench needs: one question at a time. */
async function connectRedis(path: string): Promise<Redis> {
  const socket = connect({ path });
  await once(socket, "connect");
  return {
    call: (...parts) => {
      const answer = nextAnswer(socket);
      socket.cork();
      socket.write(`*${parts.length}\r\n`);
      for (const part of parts) {
        socket.write(`$${Buffer.byteLength(part)}\r\n`);
        socket.write(part);
        socket.write("\r\n");
      }
      socket.uncork();
      return answer;
    },
    close: () => socket.destroy(),
  };
}

function nextAnswer(socket: Socket): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let input = Buffer.alloc(0);
    const done = (): void => {
      socket.off("data", onData);
      socket.off("close", onClose);
    };
    const onClose = (): void => reject(new Error("Redis closed the connection"));
    const onData = (chunk: Buffer): void => {
      input = Buffer.concat([input, chunk]);
      const parsed = parseAnswer(input, 0);
      if (parsed === undefined) return;
      done();
      if (parsed.value instanceof Error) reject(parsed.value);
      else resolve(parsed.value);
    };
    socket.on("data", onData);
    socket.on("close", onClose);
  });
}

/** The value that begins at `at`, and where it ends; undefined: not all of it is there yet. */
export function parseAnswer(input: Buffer, at: number): { value: unknown; end: number } | undefined {
  const lineEnd = input.indexOf("\r\n", at);
  if (lineEnd < 0) return undefined;
  const line = input.toString("utf8", at + 1, lineEnd);
  const end = lineEnd + 2;
  switch (String.fromCharCode(input[at] ?? 0)) {
    case "+":
      return { value: line, end };
    case "-":
      return { value: new Error(`Redis: ${line}`), end };
    case ":":
      return { value: Number(line), end };
    case "$": {
      const length = Number(line);
      if (length < 0) return { value: undefined, end };
      if (input.length < end + length + 2) return undefined;
      return { value: input.toString("utf8", end, end + length), end: end + length + 2 };
    }
    case "*": {
      const values: unknown[] = [];
      let from = end;
      for (let index = 0; index < Number(line); index++) {
        const part = parseAnswer(input, from);
        if (part === undefined) return undefined;
        values.push(part.value);
        from = part.end;
      }
      return { value: values, end: from };
    }
    default:
      throw new Error(`Redis answers ${line}`);
  }
}
