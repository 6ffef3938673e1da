import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { WorkerPool } from '../../harness/run/worker-pool.ts';
import { createPluginCells } from './plugin-cells.ts';

const cells = createPluginCells();
const pool = new WorkerPool({ silenceMs: 4000 });
// A worker that starts is silent as well.
beforeEach(async () => void (await cells.run(pool, 'recompute')));
afterAll(() => pool.close());

describe('a cell in which nothing goes on', { timeout: 60_000 }, () => {
  it.each([
    ['stopped', '(process.kill(process.pid, "SIGSTOP"), {})'],
    [
      'in a loop outside of any call',
      '{ dispatch: () => ({ kind: "dispatch", reason: "", get groupId() { for (;;); } }) }',
    ],
  ])('fails, and its process is ended: %s', async (_, body) => {
    const file = cells.plugin('stands-still', body, { capabilities: '{ dispatches: true }' });
    await expect(cells.run(pool, file)).rejects.toThrow(
      /stands-still.* nothing went on for 4 s: its process was stopped, or stuck/,
    );
  });

  it('is told by name where it is a plug-in’s own timer', async () => {
    const file = cells.plugin('ticks-on', '{}', { top: 'setTimeout(() => { for (;;); }, 0);' });
    const says = `policy "${file}" failed in a timer or promise of its own: did not return within 1000 ms`;
    await expect(cells.run(pool, file)).rejects.toThrow(says);
  });
});
