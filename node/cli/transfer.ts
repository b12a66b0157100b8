import { LEDGERS, PORTS } from "../api/contract.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import { openClient, type SendResult } from "../client/client.ts";
import { newTransfer, transferFlags, U128_MAX } from "../codec/transfer.ts";
import { command } from "./command.ts";
import { readKeyFile } from "./key-file.ts";
import { REACH_FLAGS, reachOf } from "./reach.ts";

const WAIT_MS = 30_000;
/** The command cannot say whether the transfer is executed: send the same id again. */
const EXIT_UNKNOWN = 3;

/** `hmn-node transfer`: signs and sends one transfer, and waits for its block. */
export const transfer = command(
  {
    command: "transfer",
    summary: `signs one transfer, sends it to a node (port ${PORTS.client}) and waits for its block; 3 if the outcome is not known`,
    flags: {
      ...REACH_FLAGS,
      key: { value: "FILE", help: "seed of the payer's key, as keygen writes it" },
      debit: { value: "ID", help: "account that is debited" },
      credit: { value: "ID", help: "account that is credited" },
      amount: { value: "N", help: "in the token's smallest unit, 10^-6" },
      token: { value: "TOKEN", help: "FLX, PSY or RES; FLX without" },
      code: { value: "N", help: "what it is for, as the two parties agreed; 1 without" },
      id: { value: "ID", help: "to send an earlier one again; a new one without" },
      pending: { help: "reserves the amount only" },
    },
  },
  async (flags, world) => {
    const token = Object.entries(LEDGERS).find(([name]) => name === (flags.text("token") ?? "FLX"));
    if (token === undefined) return refuse("usage", `--token: one of ${Object.keys(LEDGERS).join(", ")}`);
    const numbers = [
      whole("debit", flags.text("debit")),
      whole("credit", flags.text("credit")),
      whole("amount", flags.text("amount")),
      whole("code", flags.text("code") ?? "1", 65_535n),
      whole("id", flags.text("id") ?? "0"),
    ] as const;
    const wrong = numbers.find((number) => !number.ok);
    if (wrong !== undefined && !wrong.ok) return wrong;
    const [debit = 0n, credit = 0n, amount = 0n, code = 0n, given = 0n] = numbers.map((number) =>
      number.ok ? number.value : 0n,
    );
    const keyFile = flags.text("key");
    if (keyFile === undefined) return refuse("usage", "--key is missing");
    const key = readKeyFile(keyFile);
    if (!key.ok) return key;
    const reach = reachOf(flags, world, PORTS.client);
    if (!reach.ok) return reach;
    const client = await openClient({
      targets: [reach.value.address],
      ca: reach.value.ca,
      keyPair: key.value,
      signal: AbortSignal.timeout(WAIT_MS),
    });
    try {
      const id = given === 0n ? client.newIds(1) : given;
      const kind = flags.on("pending") ? transferFlags.pending : 0;
      const fields = { id, debit, credit, amount, ledger: token[1], code: Number(code), flags: kind };
      const result = await client.transfer([newTransfer(fields)]);
      world.out(`${id} ${textOf(result)}\n`);
      return exitOf(result);
    } finally {
      client.close();
    }
  },
);

function whole(name: string, text: string | undefined, most = U128_MAX): Result<bigint, "usage"> {
  if (text === undefined) return refuse("usage", `--${name} is missing`);
  if (!/^[0-9]{1,39}$/.test(text) || BigInt(text) > most)
    return refuse("usage", `--${name}: a whole number up to ${most}`);
  return accept(BigInt(text));
}

function textOf(result: SendResult): string {
  if (result.type !== "committed") return `${result.type}: ${result.reason}`;
  const [failure] = result.failures;
  return failure === undefined ? `applied in block ${result.height}` : `refused: ${failure.code}`;
}

function exitOf(result: SendResult): number {
  if (result.type === "unknown") return EXIT_UNKNOWN;
  return result.type === "committed" && result.failures.length === 0 ? 0 : 1;
}
