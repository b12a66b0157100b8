/** Ed25519 (RFC 8032), in bytes. Apart from the library that signs, so that a layout can be written without loading it. */
export const SIGNATURE_BYTES = 64;
export const PUBLIC_KEY_BYTES = 32;
export const SEED_BYTES = 32;
