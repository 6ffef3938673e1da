import { z } from 'zod';

/** A whole number from 0 on. */
export const count = z.int().nonnegative();

/** Microseconds on the cell's clock. */
export const timeUs = z.int().nonnegative();
