import { expect, test } from "vitest";
import { redact } from "./redact.ts";

const hex = "0123456789abcdef".repeat(4);

test.each([
  ["a seed", `governance seed=${hex}`, hex],
  ["a bare key in hexadecimal", `key is ${hex} here`, hex],
  ["a signature", `sig ${hex}${hex}.`, hex],
  ["a short secret by its name", '{"password": "hunter2", "x": 1}', "hunter2"],
  ["a private key", "-----BEGIN EC PRIVATE KEY-----\nMIGH\nAgEA\n-----END EC PRIVATE KEY-----", "MIGH"],
  ["a private key cut off at its end", "-----BEGIN PRIVATE KEY-----\nMIGH\nAgEA", "AgEA"],
  ["a private key cut off at its start", `${"A".repeat(64)}\n-----END PRIVATE KEY-----`, "A".repeat(64)],
  ["a bearer token", "Authorization: Bearer abc.def-ghi", "abc.def-ghi"],
])("removes %s", (_, line, secret) => {
  expect(line).toContain(secret);
  expect(redact(line)).not.toContain(secret);
});

test("leaves what people need", () => {
  const line = 'level=error height=512 host=payments-0.ns.svc msg="disk full: ENOSPC" took=1.5s';
  expect(redact(line)).toBe(line);
});
