import { must } from '../../harness/base/assert.ts';
import type { Rng } from '../../harness/base/rng.ts';
import { secondsToUs } from '../../harness/base/units.ts';
import { arrivalTimes, constantRate, type Gaps, type RateSegment } from '../arrival-process.ts';
import type { PlannedSource } from '../merge.ts';
import { RequestTable } from '../request-table.ts';
import type { Bursts, SourceOf } from '../source-schema.ts';
import { bounded, checkCount, checkPlanSize, createRequestSampler, type PlanContext } from './plan.ts';

type OpenLoop = SourceOf<'burst' | 'gamma' | 'poisson' | 'ramp' | 'weibull'>;

/** Plans requests whose arrival does not depend on the system. Returns one plan per class. */
export function planOpenLoop(source: OpenLoop, context: PlanContext): readonly PlannedSource[] {
  checkPlanSize(meanRate(source), boundsOf(source), context);
  if (source.kind === 'burst') checkNumBursts(source, context);
  const sampler = createRequestSampler(source, context);
  const times = arrivalTimes(gapsOf(source), segmentsOf(source, context), context.stream('arrivals'));
  const { outputLimitTokens } = sampler;
  const plans = [source.class, ...Object.keys(source.otherClasses)].map((className) => {
    return { className, outputLimitTokens, table: new RequestTable() };
  });
  const drawClass = createClassSampler(Object.values(source.otherClasses), context);
  for (const timeS of bounded(times, source)) {
    const { table } = must(plans[drawClass()], 'plan of a class');
    table.addRoot(secondsToUs(source.startS + timeS), sampler.prompt(), sampler.output());
  }
  return plans;
}

/**
 * Returns a sampler of class indices: 0 for the source's own class, 1 for the first of the other classes,
 * whose shares are given, and so on.
 */
function createClassSampler(shares: readonly number[], context: PlanContext): () => number {
  if (shares.length === 0) return () => 0;
  const rng = context.stream('class');
  return () => {
    let rest = rng.uniform();
    return 1 + shares.findIndex((share) => (rest -= share) < 0);
  };
}

function boundsOf(source: OpenLoop): Pick<OpenLoop, 'numRequests' | 'durationS'> {
  if (source.kind !== 'ramp' || source.toRate > 0) return source;
  const { numRequests, rampS, durationS = rampS } = source;
  return { numRequests, durationS };
}

function meanRate(source: OpenLoop): number {
  switch (source.kind) {
    case 'burst':
      return source.baseRate * (1 + (source.bursts.factor - 1) * burstRatio(source.bursts, source.durationS));
    case 'ramp':
      return meanRateOfRamp(source);
    case 'gamma':
    case 'poisson':
    case 'weibull':
      return source.rate;
  }
}

/** A ramp to nothing has no more arrivals after it, so its own length counts there. */
function meanRateOfRamp({
  fromRate,
  toRate,
  rampS,
  durationS = toRate === 0 ? rampS : Infinity,
}: SourceOf<'ramp'>): number {
  if (durationS === Infinity) return toRate;
  const share = Math.min(1, durationS / rampS);
  const lastRate = fromRate + (toRate - fromRate) * share;
  const rampedS = rampS * share;
  return (((fromRate + lastRate) / 2) * rampedS + toRate * (durationS - rampedS)) / durationS;
}

/** Bursts are drawn one by one, however few requests fall into them. */
function checkNumBursts(source: SourceOf<'burst'>, context: PlanContext): void {
  const { bursts, numRequests = Infinity, durationS = Infinity } = source;
  if (bursts.pattern === 'at') return;
  const everyS = bursts.pattern === 'periodic' ? bursts.everyS : bursts.meanBurstS + bursts.meanCalmS;
  const lastS = Math.min(durationS, numRequests / meanRate(source));
  checkCount(lastS / everyS, {
    path: `${context.path}.bursts`,
    what: 'the source would have {} bursts',
    hint: 'let them come less often, or lower durationS or numRequests',
  });
}

/** Returns the share of the time in bursts, 0 to 1; `sourceS` is the duration of the source in seconds. */
function burstRatio(bursts: Bursts, sourceS = Infinity): number {
  switch (bursts.pattern) {
    case 'periodic':
      return bursts.durationS / bursts.everyS;
    case 'at':
      return Math.min(1, (bursts.startsS.length * bursts.durationS) / sourceS);
    case 'markov':
      return bursts.meanBurstS / (bursts.meanBurstS + bursts.meanCalmS);
  }
}

function gapsOf(source: OpenLoop): Gaps {
  switch (source.kind) {
    case 'poisson':
      return { dist: 'poisson' };
    case 'gamma':
      return { dist: 'gamma', cv: source.cv };
    case 'weibull':
      return { dist: 'weibull', shape: source.shape };
    case 'burst':
    case 'ramp':
      return source.gaps;
  }
}

function segmentsOf(source: OpenLoop, context: PlanContext): Iterable<RateSegment> {
  if (source.kind === 'burst') {
    return burstSegments(source.baseRate, source.bursts, context.stream('bursts'));
  }
  return source.kind === 'ramp' ? rampSegments(source) : constantRate(source.rate);
}

function rampSegments({ fromRate, toRate, rampS }: SourceOf<'ramp'>): readonly RateSegment[] {
  const ramp = { untilS: rampS, rate: fromRate, endRate: toRate };
  return toRate === 0 ? [ramp] : [ramp, { untilS: Infinity, rate: toRate }];
}

function* burstSegments(baseRate: number, bursts: Bursts, rng: Rng): Generator<RateSegment> {
  const burstRate = baseRate * bursts.factor;
  for (const { startS, endS } of burstIntervals(bursts, rng)) {
    yield { untilS: startS, rate: baseRate };
    yield { untilS: endS, rate: burstRate };
  }
  yield { untilS: Infinity, rate: baseRate };
}

function* burstIntervals(bursts: Bursts, rng: Rng): Generator<{ startS: number; endS: number }> {
  switch (bursts.pattern) {
    case 'at':
      for (const startS of bursts.startsS) yield { startS, endS: startS + bursts.durationS };
      return;
    case 'periodic': {
      const firstS = bursts.firstS ?? bursts.everyS - bursts.durationS;
      for (let index = 0; ; index += 1) {
        const startS = firstS + index * bursts.everyS;
        yield { startS, endS: startS + bursts.durationS };
      }
    }
    case 'markov':
      for (let timeS = 0; ; ) {
        const startS = timeS + rng.exponential() * bursts.meanCalmS;
        timeS = startS + rng.exponential() * bursts.meanBurstS;
        yield { startS, endS: timeS };
      }
  }
}
