import { expect, test } from "vitest";
import { concatBytes } from "../base/bytes.ts";
import { fc } from "../base/test-property.ts";
import { frameReader, lengthPrefix } from "./frames.ts";

test("frames come out as they went in, however the stream is cut", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 10 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
      (frames, cuts) => {
        const stream = concatBytes(...frames.flatMap((frame) => [lengthPrefix(frame.length), frame]));
        const reader = frameReader();
        const read: Uint8Array[] = [];
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const step = cuts[turn % cuts.length] ?? 1;
          const cut = reader.push(stream.subarray(at, at + step));
          if (!cut.ok) throw new Error(cut.detail);
          read.push(...cut.value);
          at += step;
        }
        expect(read).toEqual(frames);
        // Behind a tag and a length, a car is read as whole words.
        for (const frame of read) if (frame.length > 0) expect((frame.byteOffset + 5) % 8).toBe(0);
      },
    ),
  );
});

test("a frame over the limit is refused by its length alone", () => {
  const reader = frameReader(100);
  expect(reader.push(lengthPrefix(100)).ok).toBe(true);
  expect(frameReader(100).push(lengthPrefix(101))).toMatchObject({ ok: false, reason: "frame-too-long" });
});
