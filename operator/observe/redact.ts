/** What may stand in a log and must not stand in a status that many may read. */
const secrets: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|$)/g, "[private key removed]"],
  // The inside of a key whose first line is cut off.
  [/^[A-Za-z0-9+/]{60,}={0,2}$/gm, "[base64 removed]"],
  // Keys and seeds look like hashes; better to lose a hash.
  [/\b[0-9a-fA-F]{64,}\b/g, "[hexadecimal removed]"],
  [/\b(bearer\s+)[A-Za-z0-9._~+/=-]+/gi, "$1[removed]"],
  [
    /((?:seed|secret|password|passphrase|token|private_?key)["']?\s*[:=]\s*)(?:"[^"]*"|'[^']*'|[^\s,}"']+)/gi,
    "$1[removed]",
  ],
];

export const redact = (text: string): string =>
  secrets.reduce((left, [pattern, replacement]) => left.replace(pattern, replacement), text);
