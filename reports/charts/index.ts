import { burstTimeline } from './burst-timeline.ts';
import type { Chart } from './chart.ts';
import { costLatency } from './cost-latency.ts';
import { decisions } from './decisions.ts';
import { overview } from './overview.ts';
import { preemptions } from './preemptions.ts';
import { sloAttainment } from './slo-attainment.ts';
import { tpotDistribution } from './tpot-distribution.ts';
import { ttftDistribution } from './ttft-distribution.ts';
import { ttftOverTime } from './ttft-over-time.ts';

/** Every chart of the report in the order of the page; the key names its file under `charts/`. */
export const charts: Readonly<Record<string, Chart>> = {
  overview,
  'burst-timeline': burstTimeline,
  'ttft-over-time': ttftOverTime,
  'ttft-distribution': ttftDistribution,
  'tpot-distribution': tpotDistribution,
  'slo-attainment': sloAttainment,
  'cost-latency': costLatency,
  preemptions,
  decisions,
};
