export { barLabels, bars, baselineRule, partBars, seedDots, stackBars } from './bars.ts';
export { events } from './events.ts';
export { labelPx } from './frame.ts';
export type { Frame } from './frame.ts';
export { laneTotals, lanes } from './lanes.ts';
export { layer, notes, targetRules, tips } from './layer.ts';
export type { Encoding, Layer, Position } from './layer.ts';
export { byLook, crossPath, legends } from './looks.ts';
export type { Look } from './looks.ts';
export { stackPanels } from './panel.ts';
export type { Panel } from './panel.ts';
export {
  between,
  counts,
  extent,
  fromZero,
  logarithmic,
  logarithmicAround,
  msLabels,
  ratioTicks,
} from './scales.ts';
export { timeAreas, timeLine, timeLines } from './time.ts';
export type { Stretch, TimeAxis } from './time.ts';
