import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { loadConfig } from '../../harness/config/index.ts';
import type { CellOutcome } from '../../harness/run/cell-job.ts';
import { createPolicyResolver } from '../../harness/run/load-policy.ts';
import type { WorkerPool } from '../../harness/run/worker-pool.ts';
import { guard } from './measured-config.ts';

const yaml = `
model: tiny-llama
cluster: { instances: 2, hardware: laptop-cell }
execution: { mode: simulate, policyTimeoutMs: 1000 }
workload: { kind: poisson, durationS: 2, rate: 5, promptTokens: { dist: constant, tokens: 60 }, outputTokens: { dist: constant, tokens: 8 } }
slo: { ttftMs: 500 }
policies: { recompute: [least-loaded, recompute] }
`;

/** A folder with plug-ins and cells that run them in worker processes. */
export function createPluginCells() {
  const dir = mkdtempSync(join(tmpdir(), 'servebench-plugins-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  let numCells = 0;
  const write = (name: string, text: string): string => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };
  return {
    dir,
    write,
    /** Writes a plug-in; `body` is what `create` returns, `top` stands at the top of the module. */
    plugin(name: string, body: string, { top = '', capabilities = '{}' } = {}): string {
      return write(
        `${name}.ts`,
        `import { definePolicy } from 'servebench/policy';
        import { z } from 'zod';
        ${top}
        export default definePolicy({ name: '${name}', family: 'other', summary: 'A test.', params: z.strictObject({}),
          capabilities: ${capabilities}, create: (params, deps) => (${body}) });`,
      );
    },
    /** Runs one cell in a worker of the pool; `first` is the plug-in or built-in that is asked first. */
    async run(pool: WorkerPool, first: string, seed = 1): Promise<CellOutcome & { readonly dir: string }> {
      const file = write('config.yaml', yaml);
      const config = await loadConfig({ file, cwd: dir, resolver: createPolicyResolver(guard) });
      numCells += 1;
      const cellDir = join(dir, `cell-${numCells}`);
      mkdirSync(cellDir);
      const policies = [first, 'least-loaded', 'recompute'].map((use) => ({ use, params: {} }));
      const stacks = [{ name: 'mine', policies }];
      const job = {
        id: `mine-s${seed}`,
        config: { ...config, stacks },
        stackName: 'mine',
        seed,
        dir: cellDir,
      };
      return { ...(await pool.run('cell', job)), dir: cellDir };
    },
  };
}
