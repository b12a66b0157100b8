import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { present } from "../base/assert.ts";
import { plannedPayments } from "../client/load-plan.ts";
import { type Baseline, type BaselineServer, commitFor } from "./baseline.ts";
import { binaryArray, connectPostgres, ELEMENTS, type Postgres } from "./postgres-wire.ts";
import { findProgram, makeHome, runIn, startServer, stopServer } from "./programs.ts";

/** Statements in flight: one transaction writes its log while the next ones compute. */
const CONNECTIONS = 4;
const BALANCE = 1_000_000_000;
const USER = "bench";

/** Durable at commit, and with memory and log room enough that no checkpoint falls into a run. */
const SETTINGS = {
  listen_addresses: "",
  fsync: "on",
  synchronous_commit: "on",
  full_page_writes: "on",
  shared_buffers: "512MB",
  max_wal_size: "8GB",
  checkpoint_timeout: "30min",
};

const SCHEMA = `
  CREATE TABLE accounts (
    id bigint PRIMARY KEY, debits bigint NOT NULL, credits bigint NOT NULL, CHECK (debits <= credits)
  ) WITH (fillfactor = 50);
  CREATE TABLE transfers (id uuid PRIMARY KEY, debit bigint NOT NULL, credit bigint NOT NULL, amount bigint NOT NULL);`;

/** One statement for the whole batch: every transfer kept, both sides of each booked, no account below zero; locks in order. */
const APPLY = `
  WITH batch AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[]) AS t (id, debit, credit, amount)
  ), kept AS (
    INSERT INTO transfers SELECT * FROM batch
  ), change AS (
    SELECT account, sum(debit)::bigint AS debit, sum(credit)::bigint AS credit FROM (
      SELECT debit AS account, amount AS debit, 0 AS credit FROM batch
      UNION ALL SELECT credit, 0, amount FROM batch
    ) AS sides GROUP BY account
  ), locked AS MATERIALIZED (
    SELECT accounts.id, change.debit, change.credit
    FROM accounts JOIN change ON change.account = accounts.id ORDER BY accounts.id FOR UPDATE OF accounts
  )
  UPDATE accounts SET debits = debits + locked.debit, credits = credits + locked.credit
  FROM locked WHERE accounts.id = locked.id`;

export const postgres: Baseline = {
  name: "PostgreSQL 15",
  start: async (accounts) => {
    const folder = "/usr/lib/postgresql/15/bin";
    const found = findProgram([join(folder, "postgres")], "postgresql-15");
    if ("missing" in found) return found;
    const home = makeHome("postgres");
    const data = join(home.folder, "data");
    runIn(home, join(folder, "initdb"), ["-D", data, "-U", USER, "--auth=trust", "--encoding=UTF8", "--no-locale"]);
    const settings = Object.entries({ ...SETTINGS, unix_socket_directories: home.folder });
    const args = ["-D", data, ...settings.flatMap(([name, value]) => ["-c", `${name}=${value}`])];
    const path = join(home.folder, ".s.PGSQL.5432");
    const isUp = async (): Promise<boolean> => {
      if (!existsSync(path)) return false;
      return connectPostgres(path, USER).then(
        (connection) => {
          connection.close();
          return true;
        },
        () => false,
      );
    };
    const server = await startServer(home, join(folder, "postgres"), args, isUp);
    const connections: Postgres[] = [];
    const stop = async (): Promise<void> => {
      for (const connection of connections) connection.close();
      await stopServer(server, "SIGINT");
      home.remove();
    };
    try {
      while (connections.length < CONNECTIONS) connections.push(await connectPostgres(path, USER));
      return running(connections, accounts, stop, await prepare(connections, accounts));
    } catch (error) {
      await stop();
      throw error;
    }
  },
};

async function prepare(connections: readonly Postgres[], accounts: number): Promise<string> {
  const first = present(connections[0], "there is a connection");
  await first.query(SCHEMA);
  await first.query(`INSERT INTO accounts SELECT id, 0, ${BALANCE} FROM generate_series(0, ${accounts - 1}) AS id`);
  await first.query("VACUUM ANALYZE accounts");
  await first.query("CHECKPOINT");
  for (const connection of connections) await connection.prepare("apply", APPLY);
  return present((await first.query("SHOW server_version"))[0]?.[0], "the server has a version");
}

function running(
  connections: readonly Postgres[],
  accounts: number,
  stop: () => Promise<void>,
  version: string,
): BaselineServer {
  let number = 0;
  return {
    version,
    perSecond: (batch, timing) =>
      commitFor(timing, batch, connections.length, {
        make: () => {
          number += 1;
          return parametersOf(number, batch, accounts);
        },
        send: async (parameters, slot) =>
          present(connections[slot], "every slot has its connection").execute("apply", parameters),
      }),
    check: async () => {
      const sum =
        "SELECT (SELECT sum(debits) FROM accounts) = (SELECT sum(amount) FROM transfers)" +
        ` AND (SELECT sum(credits) FROM accounts) = (SELECT sum(amount) FROM transfers) + ${accounts}::bigint * ${BALANCE}`;
      const [row] = await present(connections[0], "there is a connection").query(sum);
      if (row?.[0] !== "t") throw new Error("PostgreSQL's books do not balance");
    },
    stop,
  };
}

function parametersOf(number: number, batch: number, accounts: number): readonly Uint8Array[] {
  const payments = plannedPayments({ accounts, owners: 1, spread: "random", batch }, number);
  const ids = randomBytes(16);
  const column = (value: (index: number) => number): Uint8Array =>
    binaryArray(ELEMENTS.bigint, batch, (bytes, at, index) => bytes.writeBigInt64BE(BigInt(value(index)), at));
  return [
    binaryArray(ELEMENTS.uuid, batch, (bytes, at, index) => {
      ids.copy(bytes, at);
      bytes.writeUInt32BE(index, at + 12);
    }),
    column((index) => payments[index]?.payer ?? 0),
    column((index) => payments[index]?.payee ?? 0),
    column((index) => payments[index]?.amount ?? 0),
  ];
}
