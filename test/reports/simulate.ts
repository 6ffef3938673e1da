import { join } from 'node:path';
import { planRun } from '../../harness/run/plan.ts';
import { runCell } from '../../harness/run/cell.ts';
import { executeRun } from '../../harness/run/run.ts';
import { WorkerPool } from '../../harness/run/worker-pool.ts';
import type { TaskKind, WorkerTasks } from '../../harness/run/worker-protocol.ts';

const guard = { enter() {}, leave() {}, advance() {}, beforeImport() {} };
const silent = {
  begin() {},
  cellStarted() {},
  cellProgress() {},
  cellDone() {},
  twinsDone() {},
  cellFailed() {},
  end() {},
};

/** Runs cells in this process, which takes tens of milliseconds where starting a worker takes a second. */
class OwnProcess extends WorkerPool {
  override async run<K extends TaskKind>(kind: K, input: WorkerTasks[K]['input']) {
    if (kind !== 'cell') throw new Error(`only cells run here, not ${kind}`);
    const outcome = await runCell(input as WorkerTasks['cell']['input'], { onProgress() {}, guard });
    return outcome as WorkerTasks[K]['output'];
  }
}

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
    dir,
    intent: 'fresh',
    concurrency: 1,
    pool: new OwnProcess(),
    signal: new AbortController().signal,
    progress: silent,
  });
  const failed = manifest.cells.filter(({ status }) => status !== 'done');
  if (summary === undefined || failed.length > 0) throw new Error(JSON.stringify(failed));
}
