import { mean } from '../../../harness/base/stats.ts';
import { RooflineCost } from '../../../harness/executors/roofline-cost.ts';
import { toHardware } from '../../../harness/config/hardware-schema.ts';
import { type MeasuredRun, readHardwareFile, readModel, readRun } from './measured-runs.ts';
import { measuredLatency, replay } from './replay.ts';
import { stepWindows } from './step-windows.ts';

/** What is fitted: shares of the peaks of the data sheet. All else stands in the hardware file. */
export interface Efficiencies {
  readonly peakEfficiency: number;
  readonly memoryEfficiency: number;
  readonly attentionPeakEfficiency: number;
}

export interface Fit {
  readonly efficiencies: Efficiencies;
  readonly misfit: number;
  readonly numWindows: number;
}

/** A point of the grid of hundredths: the three efficiencies in percent. */
type Point = readonly [number, number, number];

const start: Point = [80, 80, 50];
const strides = [8, 4, 2, 1];

/**
 * The efficiencies with which the simulator agrees best with the requests before `end`: least mean absolute logarithm of
 * predicted over measured, of the times of steps that their stamps show (`step-windows.ts`) and of their times per token in a replay.
 * The former tell the terms of a step apart, the latter weigh them as a run does. Lengths and arrivals of the requests from
 * `end` on are part of the replay, what they took is not looked at. Searched on the grid of hundredths, all neighbours at a
 * time, with strides of 8 down to 1; deterministic.
 */
export function fitEfficiencies(run: MeasuredRun, end: number): Fit {
  const misfitOf = misfitFunction(run, end);
  const known = new Map<string, number>();
  const misfit = (point: Point): number => {
    const key = point.join();
    const value = known.get(key) ?? misfitOf(efficienciesAt(point));
    known.set(key, value);
    return value;
  };
  let best = start;
  for (const stride of strides) best = descend(best, stride, misfit);
  return {
    efficiencies: efficienciesAt(best),
    misfit: misfit(best),
    numWindows: stepWindows(readRun(run), end).length,
  };
}

/** The best of the point's neighbours, as long as one is better. */
function descend(from: Point, stride: number, misfit: (point: Point) => number): Point {
  let best = from;
  for (;;) {
    const next = neighbours(best, stride).reduce((a, b) => (misfit(b) < misfit(a) ? b : a), best);
    if (next === best) return best;
    best = next;
  }
}

function neighbours([a, b, c]: Point, stride: number): Point[] {
  const offsets = [-stride, 0, stride];
  const points = offsets.flatMap((x) =>
    offsets.flatMap((y) => offsets.map((z): Point => [a + x, b + y, c + z])),
  );
  return points.filter((point) => point.every((percent) => percent >= 1 && percent <= 100));
}

function efficienciesAt([peak, memory, attention]: Point): Efficiencies {
  return {
    peakEfficiency: peak / 100,
    memoryEfficiency: memory / 100,
    attentionPeakEfficiency: attention / 100,
  };
}

function misfitFunction(run: MeasuredRun, end: number): (efficiencies: Efficiencies) => number {
  const rows = readRun(run);
  const model = readModel(run.model);
  const file = readHardwareFile(run.hardware);
  const windows = stepWindows(rows, end);
  const measured = rows.slice(0, end).map(measuredLatency);
  const stage = { layers: { first: 0, count: model.numLayers }, isLast: true };
  return ({ peakEfficiency, memoryEfficiency, attentionPeakEfficiency }) => {
    const attention = { ...file.compute.attention, peakEfficiency: attentionPeakEfficiency };
    const compute = { ...file.compute, peakEfficiency, memoryEfficiency, attention };
    const hardware = toHardware({ ...file, compute }, run.hardware);
    const cost = new RooflineCost(model, hardware);
    const ofWindows = windows.map(({ steps, seconds }) => {
      const predictedUs = steps.reduce((sum, step) => sum + cost.stepUs(step, stage), 0);
      return Math.abs(Math.log(predictedUs / 1e6 / seconds));
    });
    const simulated = replay({ run, rows, model, hardware });
    const ofTokens = measured.map(({ tpot }, index) =>
      Math.abs(Math.log((simulated[index]?.tpot ?? Number.NaN) / tpot)),
    );
    return (mean(ofWindows) ?? 0) + (mean(ofTokens) ?? 0);
  };
}
