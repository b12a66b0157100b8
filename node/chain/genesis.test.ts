import { expect, test } from "vitest";
import { type GenesisFile, LEDGERS } from "../api/contract.ts";
import { TOKENS } from "../ledger/tokens.ts";
import { chainId, createChain, validatorsOf } from "./chain.ts";
import { STATE_VERSION_MAX } from "./parameters.ts";
import { publicKeyOf, TREASURY, testChain, testGenesis } from "./test-genesis.ts";
import { capWeights, targetWeight } from "./weights.ts";

test("tokens have the contract's ledger numbers", () => {
  expect(TOKENS).toEqual(LEDGERS);
});

test("the chain id does not depend on the order of entries, but on every one of them", () => {
  const file = testGenesis();
  const same = testChain({ validators: file.validators.toReversed(), accounts: file.accounts.toReversed() });
  const id = chainId(testChain());
  expect(chainId(same)).toBe(id);
  const [first, ...others] = file.validators;
  const changed: Partial<GenesisFile>[] = [
    { network: "other" },
    { timeNs: "1" },
    { authority: { publicKeys: [publicKeyOf("x")], threshold: 1 } },
    { validators: others },
    {
      validators: [{ ...(first ?? others[0]), id: 9, bond: "2000000" } as GenesisFile["validators"][number], ...others],
    },
    { accounts: file.accounts.slice(1) },
    { parameters: { epochLengthMs: 30_000 } },
    { supplyCaps: { RES: "1000000000000" } },
  ];
  const ids = changed.map((fields) => chainId(testChain(fields)));
  expect(new Set([id, ...ids]).size).toBe(changed.length + 1);
  const defaults = { parameters: { epochLengthMs: 60_000 }, supplyCaps: { RES: `${2n ** 128n - 1n}` } };
  expect(chainId(testChain(defaults))).toBe(id);
});

const account = { id: `${TREASURY}`, ownerKey: publicKeyOf("a"), ledger: 1, balance: "5" };
const validator = { id: 0, consensusKey: publicKeyOf("c"), ownerKey: publicKeyOf("o"), bond: "1000000" };

test.each<[what: string, reason: string, fields: Partial<GenesisFile>]>([
  ["an account id of the system", "genesis_account", { accounts: [{ ...account, id: `${TREASURY - 1n}` }] }],
  ["the reserved account id", "genesis_account", { accounts: [{ ...account, id: `${2n ** 128n - 1n}` }] }],
  ["an account twice", "genesis_account", { accounts: [account, account] }],
  ["an unknown token", "genesis_account", { accounts: [{ ...account, ledger: 6 }] }],
  ["a key that is none", "genesis_account", { accounts: [{ ...account, ownerKey: "xy" }] }],
  ["a balance over 128 bits", "genesis_account", { accounts: [{ ...account, balance: `${2n ** 128n}` }] }],
  [
    "a supply over 128 bits",
    "genesis_supply",
    { accounts: [account, { ...account, id: `${TREASURY + 1n}`, balance: `${2n ** 128n - 1n}` }] },
  ],
  ["a time that is none", "genesis_time", { timeNs: "99999999999999999999" }],
  ["a threshold above the keys", "genesis_authority", { authority: { publicKeys: [publicKeyOf("k")], threshold: 2 } }],
  [
    "a validator id twice",
    "genesis_validator",
    { validators: [validator, { ...validator, consensusKey: publicKeyOf("d") }] },
  ],
  ["a consensus key twice", "genesis_validator", { validators: [validator, { ...validator, id: 1 }] }],
  ["a bond under the minimum", "genesis_validator", { validators: [{ ...validator, bond: "999999" }] }],
  ["no validators", "genesis_validator", { validators: [] }],
  ["a parameter out of its bounds", "genesis_parameter", { parameters: { epochLengthMs: 9_999 } }],
  ["a parameter that is no whole number", "genesis_parameter", { parameters: { emptyBlockMs: 500.5 } }],
  ["rules of a later release", "genesis_parameter", { parameters: { stateVersion: STATE_VERSION_MAX + 1 } }],
  ["a bond under the minimum that it sets", "genesis_validator", { parameters: { minimumBond: 1_000_000_001 } }],
  ["a supply over its cap", "genesis_supply", { supplyCaps: { RES: "999999999999" } }],
  ["a cap that is none", "genesis_supply", { supplyCaps: { RES: `${2n ** 128n}` } }],
])("refuses %s", (_, reason, fields) => {
  expect(createChain(testGenesis(fields))).toMatchObject({ ok: false, reason });
});

test("validators have their consensus keys and equal weights for equal bonds", () => {
  expect(validatorsOf(testChain())).toEqual(
    [0, 1, 2, 3].map((id) => ({ id, weight: 10_000, publicKey: publicKeyOf(`consensus ${id}`) })),
  );
});

test.each([
  [999_999n, 1_000_000, 0],
  [1_000_000n, 1_000_000, 10],
  [10n ** 11n, 1_000_000, 1_000_000],
  [10n ** 15n, 1_000_000, 1_000_000],
  [10n ** 11n, 0, 600_000],
])("bond %d with Ψ of %d ppm weighs %d", (bond, psiPpm, weight) => {
  const parameters = { minimumBond: 1_000_000n, psiSharePpm: 400_000n };
  expect(targetWeight({ bond, psiPpm, parameters })).toBe(weight);
});

test.each([
  [
    [10, 10, 10, 10],
    [10, 10, 10, 10],
  ],
  [
    [100, 10, 10, 10],
    [14, 10, 10, 10],
  ],
  [
    [100, 100, 10, 10],
    [19, 19, 10, 10],
  ],
  [
    [1_000_000, 1, 1, 1],
    [1, 1, 1, 1],
  ],
  [
    [50, 50, 20, 20, 20],
    [50, 50, 20, 20, 20],
  ],
  [
    [90, 60, 20, 20, 20],
    [59, 59, 20, 20, 20],
  ],
  [
    [5, 1, 1],
    [5, 1, 1],
  ],
])("weights %j are capped to %j", (weights, capped) => {
  const members = weights.map((weight, id) => ({ id, weight }));
  expect(capWeights(members).map(({ weight }) => weight)).toEqual(capped);
});
