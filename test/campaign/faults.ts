import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { wallClockUs } from '../../harness/base/clock.ts';
import { createRng } from '../../harness/base/rng.ts';
import { usPerMs } from '../../harness/base/units.ts';
import { repeatableBytes } from '../e2e/bench.ts';
import { run } from './bench-process.ts';
import { trials } from './fault-trials.ts';

export interface FaultOptions {
  readonly seed: number;
  readonly seconds: number;
}

export interface FaultResult {
  /** How many trials there were of each kind. */
  readonly tries: Readonly<Record<string, number>>;
  /** What went otherwise than it must, with the number of the trial. */
  readonly wrong: readonly string[];
}

/** Three stacks on three seeds: long enough that a fault meets any moment of it. */
const config = `
name: campaign
repeats: 3
model: tiny-llama
cluster: { instances: 2, hardware: laptop-cell }
execution: { mode: simulate }
workload:
  kind: poisson
  durationS: 30
  rate: 20
  promptTokens: { dist: constant, tokens: 64 }
  outputTokens: { dist: constant, tokens: 32 }
slo: { ttftMs: 500 }
policies:
  recompute: [least-loaded, recompute]
  swap: [least-loaded, swap, recompute]
  llumnix: [llumnix, recompute]
`;

/**
 * Lets faults of every kind befall runs, one on each core at a time, until the time is over. The same seed draws the same faults; at which
 * moment of a run they come depends on the machine.
 */
export async function runFaults({ seed, seconds }: FaultOptions): Promise<FaultResult> {
  const root = mkdtempSync(join(tmpdir(), 'servebench-campaign-'));
  const startUs = wallClockUs();
  const tries: Record<string, number> = {};
  const wrong: string[] = [];
  try {
    const file = join(root, 'campaign.yaml');
    writeFileSync(file, config);
    const reference = join(root, 'reference');
    const { how, stderr } = await run(['--config', file, '--output-dir', reference]);
    if (how !== 0) throw new Error(`the undisturbed run failed: ${stderr}`);
    const referenceMs = (wallClockUs() - startUs) / usPerMs;
    const expected = repeatableBytes(reference);
    const kinds = Object.entries(trials);
    let next = 0;
    const lane = async (): Promise<void> => {
      while (wallClockUs() - startUs < seconds * 1e6) {
        const number = next++;
        const [kind, trial] = kinds[number % kinds.length]!;
        const out = join(root, `out-${number}`);
        const rng = createRng(seed, `fault/${number}`);
        const why = await trial({ rng, out, reference, referenceMs, expected, config: file });
        tries[kind] = (tries[kind] ?? 0) + 1;
        if (why !== undefined) wrong.push(`trial ${number}, ${kind}: ${why}`);
        rmSync(out, { recursive: true, force: true });
      }
    };
    await Promise.all(Array.from({ length: availableParallelism() }, lane));
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  return { tries, wrong };
}
