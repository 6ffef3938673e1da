import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import { comparedMetrics } from '../../../harness/metrics/compare.ts';
import { formatRows, rowOf } from './tally.ts';
import { type Trial, trialsOf } from './trials.ts';
import { truthOf } from './truths.ts';

/**
 * How often the verdicts from few measured and many simulated seeds are right (`harness/metrics/two-fidelity.ts`): loads like
 * `configs/burst.yaml`, each on a made-up machine that the simulator's cost model does not know: other coefficients, a term
 * that it does not have, noise of every step and every cell, drift. The machine's steps are scaled so that a standard mix costs
 * what the cost model says, as those of a measured run are. The truth of each stack is its mean share over 200 seeds there.
 *
 *     npm run --silent study:two-fidelity
 *
 * Forty loads with five stacks and two ties each take about ten minutes on one core. A table in Markdown comes out. In pieces:
 * `--from 0 --to 20 --save FILE` keeps the trials of some loads, and FILE... makes the table of them.
 */
async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: {
      from: { type: 'string', default: '0' },
      to: { type: 'string', default: '40' },
      save: { type: 'string' },
    },
    allowPositionals: true,
  });
  const trials =
    positionals.length > 0
      ? positionals.flatMap((file) => deserialize(readFileSync(file)) as Trial[])
      : await run(Number(values.from), Number(values.to));
  if (values.save !== undefined) writeFileSync(values.save, serialize(trials));
  const rows = [1, 3].flatMap((numMeasured) =>
    comparedMetrics.map((metric) => rowOf(trials, metric, numMeasured)),
  );
  process.stdout.write(`${formatRows(rows)}\n`);
}

async function run(from: number, to: number): Promise<Trial[]> {
  const size = { numTrialSeeds: 24, numFurtherSeeds: 60, numFurtherTaken: 30, numTruthSeeds: 200 };
  const trials: Trial[] = [];
  for (let index = from; index < to; index += 1) {
    trials.push(...(await trialsOf(await truthOf(index), `load ${index}`, size)));
    process.stderr.write(`load ${index}: ${trials.length} comparisons\n`);
  }
  return trials;
}

await main();
