/** Where backups lie: files by name, a backup being a folder of them. Throws what the disk or the store answers. */
export type Target = {
  put(name: string, bytes: Uint8Array): Promise<void>;
  /** undefined: there is no such file. */
  get(name: string): Promise<Uint8Array | undefined>;
  /** Names of the backups that are whole: those with a manifest. */
  list(): Promise<readonly string[]>;
  /** The manifest first, so that what remains of it when this is cut off is no backup any more. */
  remove(backup: string): Promise<void>;
  close(): void;
};

export type TargetOptions = {
  /** Of a store that is not Amazon's. */
  readonly endpoint: string | undefined;
  readonly region: string | undefined;
};

export const MANIFEST = "manifest.json";
/** Of a backup: also a Kubernetes object's name. */
export const BACKUP_NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
