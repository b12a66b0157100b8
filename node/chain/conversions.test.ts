import { expect, test } from "vitest";
import { present } from "../base/assert.ts";
import { encodeTransfers, newTransfer } from "../codec/transfer.ts";
import { systemAccountId, TOKENS, validatorAccountId } from "../ledger/tokens.ts";
import { accountOf } from "./chain.ts";
import { atMs } from "./test-chain.ts";
import { publicKeyOf, TREASURY, testGenesis } from "./test-genesis.ts";
import {
  BOND,
  closeEpoch,
  convert,
  expectConserved,
  ownerOf,
  send,
  type TestNetwork,
  testNetwork,
  treasury,
  treasuryIn,
} from "./test-governance.ts";

test.each([
  [TOKENS.FLX, TOKENS.PSY, 1_001n, 700n],
  [TOKENS.PSY, TOKENS.ATR, 1_001n, 800n],
  [TOKENS.ATR, TOKENS.RES, 1_001n, 500n],
  [TOKENS.CHR, TOKENS.RES, 1_009n, 100n],
])("converts token %d to %d: %d gives %d", (from, to, amount, issued) => {
  const net = testNetwork();
  expect(convert(net, { debit: treasuryIn(from), credit: treasuryIn(to), amount }, treasury)).toBe("applied");
  expect(accountOf(net.chain, treasuryIn(from))?.debitsPosted).toBe(amount);
  expect(accountOf(net.chain, treasuryIn(to))?.creditsPosted).toBe(1_000_000_000_000n + issued);
  expectConserved(net);
});

test("a validator's owner turns its reputation into stake", () => {
  const genesis = testGenesis();
  const chr = { id: `${TREASURY + 9n}`, ownerKey: publicKeyOf("owner 1"), ledger: TOKENS.CHR, balance: "1000" };
  const net = testNetwork({ accounts: [...genesis.accounts, chr] });
  const atr = validatorAccountId(1, TOKENS.ATR);
  expect(convert(net, { debit: TREASURY + 9n, credit: atr, amount: 1_000n }, ownerOf(1))).toBe("applied");
  expect(accountOf(net.chain, atr)?.creditsPosted).toBe(1_000n);
  expectConserved(net);
});

test("a closing block turns the fees of PSY into eight tenths of it on the ATR pool, as far as the cap lets it", () => {
  const accounts = [...testGenesis().accounts];
  const pay = (net: TestNetwork, amount: bigint) => {
    const id = BigInt(atMs(net.nowMs)) << 80n;
    const credit = validatorAccountId(0, TOKENS.PSY);
    const transfer = newTransfer({ id, debit: treasuryIn(4), credit, amount, ledger: TOKENS.PSY, code: 1 });
    return send(net, "transfers", encodeTransfers([transfer]), treasury);
  };
  const held = (net: TestNetwork, id: bigint) => {
    const account = present(accountOf(net.chain, id), "a system account");
    return account.creditsPosted - account.debitsPosted;
  };
  const [fees, pool] = [systemAccountId(TOKENS.PSY, "fee"), systemAccountId(TOKENS.ATR, "pool")];
  const net = testNetwork();
  expect(pay(net, 1_001n)).toBe("applied");
  expect(held(net, fees)).toBe(101n);
  closeEpoch(net);
  expect([held(net, fees), held(net, pool)]).toEqual([0n, 80n]);
  expectConserved(net);

  const full = testNetwork({ accounts, supplyCaps: { ATR: `${1_000_000_000_000n + 4n * BOND + 40n}` } });
  pay(full, 1_000n);
  closeEpoch(full);
  expect([held(full, fees), held(full, pool)]).toEqual([50n, 40n]);
  closeEpoch(full);
  expect([held(full, fees), held(full, pool)]).toEqual([50n, 40n]);
  expectConserved(full);
});
