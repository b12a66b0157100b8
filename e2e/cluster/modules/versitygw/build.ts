import { openProgress } from "../../../kit/progress.ts";
import { buildBinaries } from "../../binaries.ts";

// Builds the S3 store into the cache, for the test of backups in one.
const progress = openProgress();
try {
  await buildBinaries(["versitygw"], progress.phase("versitygw"));
} finally {
  progress.close();
}
