import { fc } from "../base/test-property.ts";
import { describeCodec } from "../codec/test-codec.ts";
import { block, certificate, counter, hash, u32, vote } from "../codec/test-values.ts";
import { encodeJournal, type JournalRecord, parseJournal } from "./journal.ts";

const type = <T extends JournalRecord["type"]>(name: T) => fc.constant(name);
const place = fc.record({ epoch: u32, view: counter });
const values: fc.Arbitrary<JournalRecord> = fc.oneof(
  fc.record({ type: type("opened"), chainId: hash, validator: u32, since: place }),
  fc.record({ type: type("block"), block }),
  fc.record({ type: type("vote"), vote }),
  fc.record({ type: type("certificate"), certificate }),
  fc.record({ type: type("forked"), epoch: u32, view: counter }),
  fc.record({ type: type("regained"), epoch: u32, view: counter }),
);

describeCodec("journal record", { values, encode: encodeJournal, parse: parseJournal });
