import type { Metronome } from './metronome.ts';

/** Returns the time in whole microseconds, at least 1, that a run is charged for work that took `measuredUs` here. */
export type Charge = (measuredUs: number) => number;

/** Charges what was measured. */
export const chargeMeasured: Charge = (measuredUs) => Math.max(1, Math.round(measuredUs));

/**
 * Charges what the work would have taken on the reference device: `scale` times what it takes on this device when the
 * machine is as fast as it was when the device was calibrated.
 */
export function chargeReference(scale: number, metronome: Metronome): Charge {
  return (measuredUs) => Math.max(1, Math.round(measuredUs * scale * metronome.speed));
}
