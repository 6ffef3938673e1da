/**
 * The part of a run whose requests count: those that arrive from `startUs` on and before `endUs`. What arrives while the
 * cluster warms up or drains is served like the rest, and left out of the figures.
 */
export interface SteadyWindow {
  readonly startUs: number;
  readonly endUs: number;
}

/** Whether the window holds this time; without a window every time counts. */
export function isInWindow(window: SteadyWindow | undefined, timeUs: number): boolean {
  return window === undefined || (timeUs >= window.startUs && timeUs < window.endUs);
}
