import { expect, test } from "vitest";
import { fc } from "../base/test-property.ts";
import { encodeTransfers, newTransfer } from "../codec/transfer.ts";
import { validatorAccountId } from "../ledger/tokens.ts";
import { checkpointOf, epochOf, heightOf, resultsHashOf, validatorStates } from "./chain.ts";
import { atMs, batchOf } from "./test-chain.ts";
import { keyOf, publicKeyOf, testGenesis } from "./test-genesis.ts";
import {
  approve,
  convert,
  expectConserved,
  join,
  order,
  ownerOf,
  report,
  say,
  step,
  type TestNetwork,
  TREASURY_ATR,
  testNetwork,
  treasuryIn,
  voteKeyOf,
} from "./test-governance.ts";

const ids = fc.integer({ min: 0, max: 8 });
const amounts = fc.bigInt({ min: 0n, max: 3_000_000_000n });
/** What happens in a run, in any order: each is applied or refused, and neither may lose a token or a rule. */
const events = fc.oneof(
  { weight: 4, arbitrary: fc.record({ what: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 60_000 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ what: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 200_000_000 }) }),
  },
  { weight: 2, arbitrary: fc.record({ what: fc.constant("unbond" as const), id: ids, amount: amounts }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant("bond" as const), id: ids, amount: amounts }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant("join" as const), id: ids, amount: amounts }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("leave" as const), id: ids }) },
  {
    weight: 2,
    arbitrary: fc.record({ what: fc.constant("offend" as const), id: ids, back: fc.integer({ min: 0, max: 1 }) }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("unjail" as const), id: ids }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("release" as const), id: ids }) },
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant("convert" as const),
      from: fc.integer({ min: 1, max: 5 }),
      to: fc.integer({ min: 1, max: 5 }),
      amount: amounts,
    }),
  },
  { weight: 2, arbitrary: fc.record({ what: fc.constant("pay" as const), amount: amounts }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("silence" as const), ids: fc.subarray([0, 1, 2, 3, 4]) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant("report" as const),
      reporter: ids,
      about: fc.array(
        fc.record({ subject: ids, timelinessPpm: fc.nat(1_000_001), availabilityPpm: fc.nat(1_000_000) }),
        { maxLength: 6 },
      ),
    }),
  },
);
type Event = typeof events extends fc.Arbitrary<infer Each> ? Each : never;

function play(network: TestNetwork, event: Event): void {
  const treasury = keyOf("treasury");
  const { chain } = network;
  switch (event.what) {
    case "wait":
      for (let at = 0; at < 8; at++) step(network);
      step(network, [], { afterMs: event.ms });
      return;
    case "unbond":
      say(
        network,
        { kind: "unbond", validator: event.id, amount: event.amount },
        event.id < 5 ? ownerOf(event.id) : treasury,
      );
      return;
    case "silence":
      network.absent = event.ids;
      return;
    case "report":
      for (const about of event.about) report(network, { reporter: event.reporter, ...about });
      return;
    case "bond": {
      const own = event.id < 5;
      const account = own ? validatorAccountId(event.id, 3) : TREASURY_ATR;
      say(
        network,
        { kind: "bond", validator: event.id, account, amount: event.amount },
        own ? ownerOf(event.id) : treasury,
      );
      return;
    }
    case "join": {
      if (join(network, event.id, event.amount) !== "applied") return;
      const height = heightOf(chain);
      const resultsHash = resultsHashOf(chain) ?? "";
      say(network, { kind: "caught_up", validator: event.id, height, resultsHash }, voteKeyOf(event.id));
      const members = epochOf(chain).members.map(({ id }) => id);
      approve(network, event.id, publicKeyOf(`consensus ${event.id}`), members);
      return;
    }
    case "leave":
      say(network, { kind: "leave", validator: event.id }, voteKeyOf(event.id));
      return;
    case "offend": {
      const epoch = Math.max(1, epochOf(chain).number - event.back);
      const publicKey = publicKeyOf(`consensus ${event.id}`);
      step(network, [], {
        evidence: [{ validator: event.id, epoch, view: 3, kind: "finalize-and-nullify", publicKey }],
      });
      return;
    }
    case "unjail":
      say(network, { kind: "unjail", validator: event.id }, voteKeyOf(event.id));
      return;
    case "release":
      order(network, { kind: "release", validator: event.id });
      return;
    case "convert": {
      const { amount } = event;
      convert(network, { debit: treasuryIn(event.from), credit: treasuryIn(event.to), amount }, treasury);
      return;
    }
    case "pay": {
      // PSY, whose fees a closing block converts.
      const id = (BigInt(atMs(network.nowMs)) << 80n) | BigInt(heightOf(chain));
      const credit = validatorAccountId(0, 4);
      const transfer = newTransfer({ id, debit: treasuryIn(4), credit, amount: event.amount, ledger: 4, code: 1 });
      const offsetMs = network.nowMs + 10;
      step(network, [batchOf(chain, "transfers", encodeTransfers([transfer]), { keyPair: treasury, offsetMs })]);
      return;
    }
  }
}

/** What has to be true of every set, whatever happened. */
function expectSound(network: TestNetwork, before: readonly { id: number; weight: number }[]): void {
  const { members } = epochOf(network.chain);
  const total = members.reduce((sum, { weight }) => sum + weight, 0);
  if (members.length >= 4) for (const { weight } of members) expect(3 * weight).toBeLessThan(total);
  const gone = before.filter(({ id }) => !members.some((member) => member.id === id));
  const weight = gone.reduce((sum, one) => sum + one.weight, 0);
  const all = before.reduce((sum, one) => sum + one.weight, 0);
  expect(gone.length <= 1 || 3 * weight <= all).toBe(true);
  for (const { id, publicKey } of members) expect(validatorStates(network.chain).get(id)?.voteKey).toBe(publicKey);
}

const fiveValidators = () =>
  testNetwork({
    validators: [0, 1, 2, 3, 4].map((id) => ({
      id,
      consensusKey: publicKeyOf(`consensus ${id}`),
      ownerKey: publicKeyOf(`owner ${id}`),
      bond: String(1_000_000_000 * (id + 1)),
    })),
    supplyCaps: { ATR: "1020000000000", RES: "1001000000000" },
    accounts: testGenesis().accounts,
  });

test("no token is lost and no set is unsound, whatever validators, owners and the authority do", () => {
  fc.assert(
    fc.property(fc.array(events, { minLength: 10, maxLength: 40 }), (run) => {
      const network = fiveValidators();
      let before = epochOf(network.chain).members;
      for (const event of run) {
        play(network, event);
        const { members } = epochOf(network.chain);
        if (members !== before) expectSound(network, before);
        before = members;
        expectConserved(network);
      }
    }),
    { numRuns: 40 },
  );
});

test("the same run makes the same chain", () => {
  fc.assert(
    fc.property(fc.array(events, { minLength: 5, maxLength: 20 }), (run) => {
      const [one, two] = [fiveValidators(), fiveValidators()];
      for (const event of run) play(one, event);
      for (const event of run) play(two, event);
      expect(resultsHashOf(two.chain)).toBe(resultsHashOf(one.chain));
      expect(checkpointOf(two.chain)).toEqual(checkpointOf(one.chain));
      expect(epochOf(two.chain)).toEqual(epochOf(one.chain));
    }),
    { numRuns: 10 },
  );
});
