import { z } from 'zod';
import type { SpeedRecord } from '../../domain/stage-profile.ts';
import { column, jsonRows, type RowOf } from './row-kind.ts';
import { timeUs } from './scalars.ts';

/** The machine's speed while a cell was measured, beat by beat. */
export const speedRows = jsonRows<SpeedRecord>()('speed.jsonl', {
  wall_us: column(timeUs, ({ wallUs }) => wallUs),
  beat_us: column(z.number(), ({ beatUs }) => beatUs),
  /** 1 as when the device was calibrated, 0.5 half as fast. */
  speed: column(z.number(), ({ speed }) => speed),
});
export type SpeedRow = RowOf<typeof speedRows>;
