import { type Admission, type EnginePreset, enginePresets } from '../core/engine.ts';
import type { EngineSpec } from './resolved.ts';

export const enginePresetNames = Object.keys(enginePresets) as [EnginePreset, ...EnginePreset[]];

interface EngineInput {
  readonly preset: EnginePreset;
  readonly admission: Admission;
  readonly blockSizeTokens: number;
  readonly maxRunning?: number | undefined;
  readonly maxBatchTokens?: number | undefined;
  readonly watermarkRatio?: number | undefined;
}

/** Completes the engine section: the preset's rules and limits, overridden by those in the configuration. */
export function toEngine(input: EngineInput): EngineSpec {
  const { preset, admission, blockSizeTokens } = input;
  const { rules, defaults } = enginePresets[preset];
  return {
    preset,
    rules: { ...rules, admission },
    blockSizeTokens,
    maxRunning: input.maxRunning ?? defaults.maxRunning,
    maxBatchTokens: input.maxBatchTokens ?? defaults.maxBatchTokens,
    watermarkRatio: input.watermarkRatio ?? defaults.watermarkRatio,
  };
}
