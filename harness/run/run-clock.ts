import type { ResolvedConfig } from '../config/resolved.ts';
import { scaleProfile, type StageProfile } from '../domain/stage-profile.ts';

/** How the measured time of a run becomes the time that it is charged. */
export interface RunClock {
  readonly kind: 'reference' | 'device';
  /** Charged over measured time, while the machine is as fast as it was when it was calibrated; 1 for `device`. */
  readonly scale: number;
  /** What stages take on this device. */
  readonly profile: StageProfile;
}

/** The same run, simulated on this device as it was calibrated, in the run's own time. */
export function simulatedOn(config: ResolvedConfig, { profile, scale }: RunClock): ResolvedConfig {
  const { cluster, execution } = config;
  const hardware = { ...cluster.hardware, profile: scaleProfile(profile, scale) };
  return { ...config, cluster: { ...cluster, hardware }, execution: { ...execution, mode: 'simulate' } };
}
