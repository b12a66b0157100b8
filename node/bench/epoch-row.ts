import { assert } from "../base/assert.ts";
import { PPM } from "../base/units.ts";
import { type Chain, epochOf, executeBlock } from "../chain/chain.ts";
import { batchOf, blockAt } from "../chain/test-chain.ts";
import { keyOf, publicKeyOf, testChain } from "../chain/test-genesis.ts";
import { encodeReports } from "../codec/report.ts";
import { type CoherenceRow, rateRow } from "./coherence-row.ts";

/** An epoch does not close before its E is its eighth block; the closing block names the one before it. */
const BLOCKS = 9;
const EPOCH_MS = 60_000;

/**
 * What an epoch's coherence costs one of its validators, as it runs: everybody's report about everybody else comes in a signed batch,
 * is verified and executed, every vote of every block is counted, and the closing block measures, moves weights, and mints where a
 * mint is due. Consensus itself, wires and disks are not in it: they cost the same whatever is measured.
 */
export const wholeEpoch = (validators: number): CoherenceRow =>
  rateRow({
    name: `real, signed: an epoch of ${validators} validators at one of them, ${validators} reports signed too`,
    unit: "epochs/s",
    prepare: () => {
      const ids = Array.from({ length: validators }, (_, id) => id);
      const keys = ids.map((id) => keyOf(`consensus ${id}`));
      const chain = testChain({
        validators: ids.map((id) => ({
          id,
          consensusKey: publicKeyOf(`consensus ${id}`),
          ownerKey: publicKeyOf(`owner ${id}`),
          bond: "1000000000",
        })),
      });
      let nowMs = 0;
      const block = (afterMs: number, batches: readonly Uint8Array[] = []): void => {
        nowMs += afterMs;
        executeBlock(chain, blockAt(chain, nowMs, { batches }));
      };
      const reports = (): Uint8Array[] =>
        keys.map((keyPair, reporter) =>
          batchOf(chain, "reports", reportsOf(chain, reporter, ids), { keyPair, offsetMs: nowMs }),
        );
      return () => {
        const { number } = epochOf(chain);
        block(1, number > 1 ? reports() : []);
        for (let more = BLOCKS - 2; more > 0; more--) block(1);
        block(EPOCH_MS);
        assert(epochOf(chain).number === number + 1, "each pass is an epoch");
        assert(number < 2 || chain.governance.coherence.epoch === number - 1, "and measures the one before");
      };
    },
  });

const reportsOf = (chain: Chain, reporter: number, ids: readonly number[]): Uint8Array =>
  encodeReports(
    ids
      .filter((id) => id !== reporter)
      .map((subject) => ({
        ...{ reporter, subject, epoch: epochOf(chain).number - 1, availabilityPpm: PPM },
        timelinessPpm: PPM - ((reporter * 7_919 + subject * 104_729) % 100_000),
      })),
  );
