import { bubbles } from './bubbles.ts';
import { burstTimeline } from './burst-timeline.ts';
import type { Chart } from './chart.ts';
import { costAttainment } from './cost-attainment.ts';
import { costLatency } from './cost-latency.ts';
import { decisions } from './decisions.ts';
import { fleet } from './fleet.ts';
import { freeMemory } from './free-memory.ts';
import { groups } from './groups.ts';
import { instanceQueues } from './instance-queues.ts';
import { instanceTime } from './instance-time.ts';
import { ladder } from './ladder.ts';
import { machineSpeed } from './machine-speed.ts';
import { migrationDowntime } from './migration-downtime.ts';
import { migrations } from './migrations.ts';
import { overview } from './overview.ts';
import { preemptions } from './preemptions.ts';
import { sloAttainment } from './slo-attainment.ts';
import { stallDistribution } from './stall-distribution.ts';
import { tpotDistribution } from './tpot-distribution.ts';
import { traffic } from './traffic.ts';
import { ttftDistribution } from './ttft-distribution.ts';
import { ttftOverTime } from './ttft-over-time.ts';

/** Every chart of the report in the order of the page; the key names its file under `charts/`. */
export const charts: Readonly<Record<string, Chart>> = {
  overview,
  ladder,
  'burst-timeline': burstTimeline,
  'instance-queues': instanceQueues,
  fleet,
  'instance-time': instanceTime,
  migrations,
  'migration-downtime': migrationDowntime,
  'free-memory': freeMemory,
  groups,
  traffic,
  'ttft-over-time': ttftOverTime,
  'ttft-distribution': ttftDistribution,
  'tpot-distribution': tpotDistribution,
  'stall-distribution': stallDistribution,
  'slo-attainment': sloAttainment,
  'cost-attainment': costAttainment,
  'cost-latency': costLatency,
  preemptions,
  bubbles,
  decisions,
  'machine-speed': machineSpeed,
};
