import { parseArgs } from 'node:util';
import { comparedMetrics } from '../../../harness/metrics/compare.ts';
import { formatRows, rowOf } from './tally.ts';
import { type Trial, trialsOf } from './trials.ts';
import { truthOf } from './truths.ts';

/**
 * How often the verdicts from few measured and many simulated runs are right (`harness/metrics/two-fidelity.ts`): loads like
 * `configs/burst.yaml`, each on a made-up machine that the simulator's cost model does not know: other coefficients, a term
 * that it does not have, noise of every step and every cell, drift. The machine's steps are scaled so that a standard mix costs
 * what the cost model says, as those of a measured run are. The truth of each stack is its mean share over 200 seeds there.
 *
 *     npm run --silent study:two-fidelity -- --from 0 --to 40
 *
 * Forty loads with five stacks and two ties each take about eight minutes on one core. A table in Markdown comes out.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { from: { type: 'string', default: '0' }, to: { type: 'string', default: '40' } },
  });
  const trials: Trial[] = [];
  for (let index = Number(values.from); index < Number(values.to); index += 1) {
    const truth = await truthOf(index);
    const size = { numTrialSeeds: 24, numFurtherSeeds: 60, numFurtherTaken: 30, numTruthSeeds: 200 };
    trials.push(...(await trialsOf(truth, `load ${index}`, size)));
    process.stderr.write(`load ${index}: ${trials.length} comparisons\n`);
  }
  const rows = [1, 3].flatMap((numMeasured) =>
    comparedMetrics.map((metric) => rowOf(trials, metric, numMeasured)),
  );
  process.stdout.write(`${formatRows(rows)}\n`);
}

await main();
