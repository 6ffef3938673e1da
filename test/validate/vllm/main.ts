import { parseArgs } from 'node:util';
import { type Comparisons, figures, goals, metrics, missedGoals, percent } from './errors.ts';
import { type Efficiencies, fitEfficiencies } from './fit.ts';
import { compareHeldOut, numFitted } from './held-out.ts';
import { type MeasuredRun, measuredRuns, readHardwareFile } from './measured-runs.ts';

/**
 * The simulator against a real engine: 300 requests that vLLM 0.19.0 served on each of two GPUs (test/fixtures/vllm-measured), on
 * hardware described by its data sheet and three efficiencies. Prints the error on the second half of the requests; `--fit`
 * finds the efficiencies on the first half and says whether they are those of the hardware file. Exits with 1 where a goal is missed,
 * or the file has others.
 *
 * Left out: prefix caching, which was on. Of the prompt tokens 7.6 % could be reused, but no row says which were; computing them
 * makes the simulated run about one percent longer. And asynchronous scheduling's lead of one step: vLLM decides on a step while
 * the one before it runs, so that a first token comes a step later than here.
 */
function main(): void {
  const { values } = parseArgs({ options: { fit: { type: 'boolean', default: false } } });
  const areRight = measuredRuns.map((run) => (values.fit ? printFit(run) : printErrors(run)));
  if (!areRight.every(Boolean)) process.exitCode = 1;
}

function printErrors(run: MeasuredRun): boolean {
  const comparisons = compareHeldOut(run);
  const missed = missedGoals(comparisons);
  console.log(
    `\n${run.file} on ${run.hardware}, requests from ${numFitted(run)} on: simulated / measured, ms`,
  );
  for (const line of table(comparisons)) console.log(line);
  console.log(missed.length === 0 ? `all ${goals.length} goals met` : `missed: ${missed.join('; ')}`);
  console.log(
    JSON.stringify({ validate: 'vllm', run: run.file, hardware: run.hardware, comparisons, missed }),
  );
  return missed.length === 0;
}

function table(comparisons: Comparisons): string[] {
  const header = ['', ...figures].map((cell) => cell.padEnd(30)).join('');
  const rows = metrics.map((metric) => {
    const cells = figures.map((figure) => {
      const { simulatedMs, measuredMs, error } = comparisons[metric][figure];
      return `${simulatedMs.toFixed(1)} / ${measuredMs.toFixed(1)} (${percent(error)})`;
    });
    return [metric, ...cells].map((cell) => cell.padEnd(30)).join('');
  });
  return [header, ...rows];
}

function printFit(run: MeasuredRun): boolean {
  const { efficiencies, misfit, numWindows } = fitEfficiencies(run, numFitted(run));
  const inFile = fileEfficiencies(run);
  const isInFile = JSON.stringify(efficiencies) === JSON.stringify(inFile);
  console.log(
    `\n${run.file}, requests before ${numFitted(run)}, ${numWindows} windows, misfit ${misfit.toFixed(4)}`,
  );
  console.log(JSON.stringify(efficiencies));
  console.log(isInFile ? `as in ${run.hardware}.yaml` : `${run.hardware}.yaml has ${JSON.stringify(inFile)}`);
  return isInFile;
}

function fileEfficiencies({ hardware }: MeasuredRun): Efficiencies {
  const { peakEfficiency, memoryEfficiency, attention } = readHardwareFile(hardware).compute;
  const attentionPeakEfficiency = attention.peakEfficiency ?? peakEfficiency;
  return { peakEfficiency, memoryEfficiency, attentionPeakEfficiency };
}

main();
