import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** As much of PostgreSQL's protocol (version 3.0, "Frontend/Backend Protocol" in its manual) as the bench needs. */
export type Postgres = {
  /** The rows of a query, each column as text. */
  query(sql: string): Promise<string[][]>;
  prepare(name: string, sql: string): Promise<void>;
  /** Executes a prepared statement with parameters in binary form, as a transaction of its own. */
  execute(name: string, parameters: readonly Uint8Array[]): Promise<void>;
  close(): void;
};

const PROTOCOL = 196_608;

export async function connectPostgres(path: string, user: string): Promise<Postgres> {
  const socket = connect({ path });
  await once(socket, "connect");
  const answers = readAnswers(socket);
  const startup = Buffer.from(`user\0${user}\0database\0postgres\0\0`);
  socket.write(Buffer.concat([int32(startup.length + 8), int32(PROTOCOL), startup]));
  await answers.next();
  const ask = (...messages: readonly Buffer[]): Promise<string[][]> => {
    socket.cork();
    for (const message of messages) socket.write(message);
    socket.uncork();
    return answers.next();
  };
  return {
    query: (sql) => ask(message("Q", text(sql))),
    prepare: async (name, sql) => void (await ask(message("P", text(name), text(sql), int16(0)), message("S"))),
    execute: async (name, parameters) => {
      const values = parameters.flatMap((value) => [int32(value.length), Buffer.from(value)]);
      const formats = [int16(1), int16(1)];
      await ask(
        message("B", text(""), text(name), ...formats, int16(parameters.length), ...values, int16(0)),
        message("E", text(""), int32(0)),
        message("S"),
      );
    },
    close: () => socket.destroy(),
  };
}

/** One answer per question: what came up to "ready for query". */
function readAnswers(socket: Socket): { next(): Promise<string[][]> } {
  const waiting: { resolve(rows: string[][]): void; reject(cause: Error): void }[] = [];
  let input = Buffer.alloc(0);
  let rows: string[][] = [];
  let failure: Error | undefined;
  const onMessage = (type: string, body: Buffer): void => {
    if (type === "D") rows.push(columns(body));
    else if (type === "E") failure = new Error(`PostgreSQL: ${body.toString("utf8").replaceAll("\0", " ")}`);
    else if (type === "R" && body.readInt32BE(0) !== 0) failure = new Error("PostgreSQL asks for a password");
    else if (type === "Z") {
      const question = waiting.shift();
      if (failure === undefined) question?.resolve(rows);
      else question?.reject(failure);
      rows = [];
      failure = undefined;
    }
  };
  const end = (cause: Error): void => {
    for (const question of waiting.splice(0)) question.reject(cause);
  };
  socket.on("error", end);
  socket.on("close", () => end(new Error("PostgreSQL closed the connection")));
  socket.on("data", (chunk: Buffer) => {
    input = Buffer.concat([input, chunk]);
    while (input.length >= 5 && input.length > input.readInt32BE(1)) {
      const length = 1 + input.readInt32BE(1);
      onMessage(String.fromCharCode(input[0] ?? 0), input.subarray(5, length));
      input = input.subarray(length);
    }
  });
  return { next: () => new Promise((resolve, reject) => waiting.push({ resolve, reject })) };
}

function columns(row: Buffer): string[] {
  const values: string[] = [];
  for (let at = 2; at < row.length; ) {
    const length = row.readInt32BE(at);
    at += 4;
    values.push(length < 0 ? "" : row.toString("utf8", at, at + length));
    at += Math.max(0, length);
  }
  return values;
}

const text = (value: string): Buffer => Buffer.from(`${value}\0`);
const int16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
};
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const message = (type: string, ...parts: readonly Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
};

/** Types of array elements, by their numbers in PostgreSQL's catalogue. */
export const ELEMENTS = { uuid: { oid: 2950, bytes: 16 }, bigint: { oid: 20, bytes: 8 } } as const;

/** A one-dimensional array in binary form; `write` puts element `index` at its place. */
export function binaryArray(
  element: (typeof ELEMENTS)[keyof typeof ELEMENTS],
  count: number,
  write: (bytes: Buffer, at: number, index: number) => void,
): Uint8Array {
  const bytes = Buffer.alloc(20 + count * (4 + element.bytes));
  bytes.writeInt32BE(1, 0);
  bytes.writeInt32BE(0, 4);
  bytes.writeInt32BE(element.oid, 8);
  bytes.writeInt32BE(count, 12);
  bytes.writeInt32BE(1, 16);
  for (let index = 0; index < count; index++) {
    const at = 20 + index * (4 + element.bytes);
    bytes.writeInt32BE(element.bytes, at);
    write(bytes, at + 4, index);
  }
  return bytes;
}
