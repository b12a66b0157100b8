import { expect, test } from "vitest";
import { present } from "../base/assert.ts";
import { encodeTransfers, newTransfer } from "../codec/transfer.ts";
import { systemAccountId, TOKENS, type TokenName, validatorAccountId } from "../ledger/tokens.ts";
import { accountOf, chainId, heightOf, totalsOf } from "./chain.ts";
import { type MintRecord, mintCause } from "./mint-record.ts";
import { mintFault } from "./prove-mint.ts";
import { atMs } from "./test-chain.ts";
import { publicKeyOf, TREASURY, testGenesis } from "./test-genesis.ts";
import {
  BOND,
  closeEpoch,
  convert,
  expectConserved,
  five,
  ownerOf,
  say,
  send,
  testNetwork,
  treasury,
  treasuryIn,
  validatorIn,
  voteKeyOf,
} from "./test-governance.ts";
import { journalOf } from "./test-journal.ts";

type Net = ReturnType<typeof testNetwork>;
const mints = ({ chain }: Net) => chain.governance.coherence.mints;
const held = ({ chain }: Net, id: bigint): bigint => {
  const account = present(accountOf(chain, id), "account is there");
  return account.creditsPosted - account.debitsPosted;
};
const names = Object.keys(TOKENS) as TokenName[];
const closeEpochs = (net: Net, epochs: number): void => {
  for (let epoch = 0; epoch < epochs; epoch++) closeEpoch(net);
};

test("flawless validators: the first mint is the third measured epoch's, then one in every second epoch", () => {
  const net = testNetwork();
  const issued = () => Object.fromEntries(names.map((name) => [name, totalsOf(net.chain)[name].issued]));
  closeEpochs(net, 3);
  const before = issued();
  expect(mints(net)).toEqual([]);
  closeEpoch(net);
  // λ went 0.7, 0.74, 0.772, 0.7976; B = (21 + 18·0.7976 + 14)/42 of 100 FLX.
  const [mint] = mints(net);
  expect(mint).toMatchObject({ epoch: 3, height: heightOf(net.chain), budget: 117_516_190n, lambdaPpm: 797_600 });
  expect(
    Object.fromEntries(names.map((name) => [name, (issued()[name] as bigint) - (before[name] as bigint)])),
  ).toEqual({
    FLX: 117_516_190n,
    CHR: 58_758_095n,
    ATR: 29_379_047n,
    PSY: 11_751_619n,
    RES: 5_875_809n,
  });
  // By largest remainder among equals: the first ids get what four do not divide.
  expect([0, 1, 2, 3].map((id) => held(net, validatorAccountId(id, TOKENS.FLX)))).toEqual([
    ...[29_379_048n, 29_379_048n, 29_379_047n, 29_379_047n],
  ]);
  expectConserved(net);
  // k is 3 until λ is over 0.8, which it is from epoch 4 on.
  closeEpochs(net, 6);
  expect(mints(net).map(({ epoch }) => epoch)).toEqual([3, 5, 7, 9]);
  const { coherence } = net.chain.governance;
  const faults = (record: MintRecord) => mintFault(coherence, record, chainId(net.chain));
  expect(mints(net).map(faults)).toEqual(mints(net).map(() => undefined));
  const last = present(mints(net).at(-1), "there were mints");
  expect(faults({ ...last, epoch: 7 })).toMatch("id");
  expect(faults({ ...last, lambdaPpm: 1 })).toMatch("measured");
  expect(faults({ ...last, budget: 1n })).toMatch("budget");
  expect(faults({ ...last, issues: last.issues.slice(1) })).toMatch("shares");
  const richer = last.candidates.map((one) => ({ ...one, recentChr: one.recentChr + 1n }));
  expect(faults({ ...last, candidates: richer })).toMatch("reputation");
  expectConserved(net);
});

test("ATR comes out of the pool first, and no token is issued past its cap", () => {
  const genesisAtr = 1_000_000_000_000n + 4n * BOND;
  const net = testNetwork({ supplyCaps: { ATR: `${genesisAtr + 1_500_000n}`, RES: "1000000000007" } });
  // A fee of ⌈12 500 000/10⌉ PSY becomes a pool of 0.8 times as much.
  const id = BigInt(atMs(net.nowMs)) << 80n;
  const credit = validatorAccountId(0, TOKENS.PSY);
  const transfer = newTransfer({ id, debit: treasuryIn(4), credit, amount: 12_500_000n, ledger: TOKENS.PSY, code: 1 });
  expect(send(net, "transfers", encodeTransfers([transfer]), treasury)).toBe("applied");
  closeEpochs(net, 4);
  const mint = present(mints(net)[0], "a mint was due");
  expect(mint.headroom).toMatchObject({ ATR: 1_500_000n, RES: 7n });
  expect(totalsOf(net.chain).RES.held).toBe(1_000_000_000_007n);
  expect(totalsOf(net.chain).ATR.held).toBe(genesisAtr + 1_500_000n);
  expect(held(net, systemAccountId(TOKENS.ATR, "pool"))).toBe(0n);
  const paid = journalOf(net.chain).filter((entry) => entry.id === mintCause(mint) && entry.ledger === TOKENS.ATR);
  expect(paid.map(({ kind, credit: to, amount }) => [kind, Number(to % 8n), Number((to >> 3n) & 3n), amount])).toEqual([
    ["mint_pool", 3, 0, 375_000n],
    ["mint_pool", 3, 1, 375_000n],
    ["mint_pool", 3, 2, 250_000n],
    ["mint", 3, 2, 125_000n],
    ["mint", 3, 3, 375_000n],
  ]);
  expectConserved(net);
  closeEpochs(net, 2);
  expect(
    mints(net)
      .at(-1)
      ?.issues.map(({ token }) => token),
  ).toEqual(["FLX", "CHR", "PSY"]);
  expectConserved(net);
});

test("the journal tells every share of a mint, and the state what it was computed from", () => {
  const net = testNetwork();
  closeEpochs(net, 6);
  for (const mint of mints(net)) {
    const entries = journalOf(net.chain).filter(({ id }) => id === mintCause(mint));
    const told = entries.map(({ ledger, credit, amount, height }) => ({ ledger, credit, amount, height }));
    const shares = mint.issues.flatMap((issue) =>
      issue.shares.map(({ id, amount }) => {
        const ledger = TOKENS[issue.token];
        return { ledger, credit: validatorAccountId(id, ledger), amount, height: mint.height };
      }),
    );
    expect(told).toEqual(shares);
  }
});

test("who left by the boundary gets nothing, and conversions go by the measured Ψ", () => {
  const net = five();
  net.absent = [3];
  closeEpochs(net, 3);
  expect(say(net, { kind: "leave", validator: 4 }, voteKeyOf(4))).toBe("applied");
  closeEpoch(net);
  const mint = present(mints(net)[0], "a mint was due");
  expect(mint.candidates.map(({ id }) => id)).toEqual([0, 1, 2, 3]);
  // Under the harmonic gate: silent, Ψ₃ = 0.431082.
  expect(mint.issues.flatMap(({ shares }) => shares.map(({ id }) => id))).not.toContain(3);
  const { psiPpm } = validatorIn(net, 3);
  expect(psiPpm).toBe(431_082);
  const chr = validatorAccountId(0, TOKENS.CHR);
  const atr = validatorAccountId(0, TOKENS.ATR);
  const before = held(net, atr);
  expect(convert(net, { debit: chr, credit: atr, amount: 1_000n }, ownerOf(0))).toBe("applied");
  expect(held(net, atr) - before).toBe(1_000n);
  const { meanPsiPpm } = net.chain.governance.coherence;
  expect(meanPsiPpm).toBeLessThan(1_000_000);
  const psy = held(net, treasuryIn(4));
  const amount = 1_000_000_000n;
  expect(convert(net, { debit: treasuryIn(1), credit: treasuryIn(4), amount }, treasury)).toBe("applied");
  expect(held(net, treasuryIn(4)) - psy).toBe(
    (amount * (300_000n * 1_000_000n + 400_000n * BigInt(meanPsiPpm))) / 10n ** 12n,
  );
  expectConserved(net);
});

test("reputation turns into stake by the Ψ of the validator that has it", () => {
  const chr = { id: `${TREASURY + 9n}`, ownerKey: publicKeyOf("owner 3"), ledger: TOKENS.CHR, balance: "10000000" };
  const net = testNetwork({ accounts: [...testGenesis().accounts, chr] });
  net.absent = [3];
  closeEpochs(net, 2);
  const atr = validatorAccountId(3, TOKENS.ATR);
  expect(convert(net, { debit: TREASURY + 9n, credit: atr, amount: 1_000_000n }, ownerOf(3))).toBe("applied");
  // 0.5 + 0.5·0.431082
  expect(held(net, atr)).toBe(715_541n);
});
