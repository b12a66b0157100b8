import { everyField } from "../played/every-field.ts";
import { everyPoint, somePoints } from "../played/every-point.ts";
import { fieldChanges } from "../played/field-changes.ts";
import { honestModel } from "../played/honest-model.ts";
import { leastPrivilege } from "../played/least-privilege.ts";
import { backupRestore } from "./backup-restore.ts";
import { crashingRelease, differingRoot, slowRelease, unpullableImage } from "./bad-release.ts";
import { bringUp } from "./bring-up.ts";
import { damagedVolume } from "./damaged-volume.ts";
import { deletionDelete, deletionRetain } from "./deletion.ts";
import { drainedHost } from "./drained-host.ts";
import { gatedUpgrade } from "./gated-upgrade.ts";
import { goodUpgrade } from "./good-upgrade.ts";
import { hibernation } from "./hibernation.ts";
import { invalidSpecs } from "./invalid-specs.ts";
import { lostVolume } from "./lost-volume.ts";
import { operatorKilled } from "./operator-killed.ts";
import { rotation } from "./rotation.ts";
import { scale } from "./scale.ts";
import type { Scenario } from "./scenario.ts";
import { sealed } from "./sealed.ts";
import { superseded } from "./superseded.ts";
import { fullDisk, unschedulableNode } from "./trouble.ts";

/** All scenarios in the order in which they run; those on one stage share its HmnCluster. */
export const scenarios: readonly Scenario[] = [
  invalidSpecs,
  everyField,
  honestModel,
  somePoints,
  everyPoint,
  fieldChanges,
  leastPrivilege,
  bringUp,
  sealed,
  goodUpgrade,
  gatedUpgrade,
  slowRelease,
  crashingRelease,
  differingRoot,
  unpullableImage,
  operatorKilled,
  superseded,
  drainedHost,
  rotation,
  scale,
  deletionRetain,
  lostVolume,
  damagedVolume,
  hibernation,
  backupRestore,
  unschedulableNode,
  fullDisk,
  deletionDelete,
];
