import { openProgress } from "../../../kit/progress.ts";
import { buildBinaries } from "../../binaries.ts";

// Builds Helm into the cache, for the chart's test; the end-to-end tests build it too when they need it.
const progress = openProgress();
try {
  await buildBinaries(["helm"], progress.phase("helm"));
} finally {
  progress.close();
}
