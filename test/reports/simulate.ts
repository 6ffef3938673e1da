import { join } from 'node:path';
import { planRun } from '../../harness/run/plan.ts';
import { OwnProcess } from '../../harness/run/own-process.ts';
import { executeRun } from '../../harness/run/run.ts';
import { WorkerPool } from '../../harness/run/worker-pool.ts';

const guard = { enter() {}, leave() {}, advance() {}, beforeImport() {} };
const silent = {
  begin() {},
  cellDamaged() {},
  cellStarted() {},
  cellProgress() {},
  cellDone() {},
  twinsDone() {},
  cellFailed() {},
  end() {},
};

/** The results folder `dir`, written by the product itself from a simulated run of `runs/NAME.yaml`. */
export async function simulate(name: string, overrides: readonly string[], dir: string): Promise<void> {
  const file = join(import.meta.dirname, 'runs', `${name}.yaml`);
  const flags = { policies: [] };
  const plan = await planRun({ kind: 'file', file, cwd: '.', overrides, flags }, guard);
  const { summary, manifest } = await executeRun({
    facts: {
      plan,
      backend: { name: 'simulated', device: 'cost model', versions: {} },
      commit: '0123456789abcdef0123456789abcdef01234567',
      command: `bench --config runs/${name}.yaml`,
    },
    claim: { dir, intent: 'fresh', earlier: undefined, requireHeld: async () => {}, release: async () => {} },
    concurrency: 1,
    // Runs cells in this process, which takes tens of milliseconds where starting a worker takes a second.
    cellPool: new OwnProcess(undefined),
    pool: new WorkerPool(),
    signal: new AbortController().signal,
    progress: silent,
  });
  const failed = manifest.cells.filter(({ status }) => status !== 'done');
  if (summary === undefined || failed.length > 0) throw new Error(JSON.stringify(failed));
}
