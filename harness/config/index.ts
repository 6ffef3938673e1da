export { type ConfigFlags, type LoadRequest, loadConfig } from './load-config.ts';
export { isPolicyPath } from './policy-resolver.ts';
export type { PolicyInfo, PolicyResolver } from './policy-resolver.ts';
export type * from './resolved.ts';
export { configJsonSchema } from './schema.ts';
export { scaleModel } from './scale-model.ts';
export { parseThreshold } from './parse-threshold.ts';
export { evaluateThreshold, type ThresholdResult } from './thresholds.ts';
