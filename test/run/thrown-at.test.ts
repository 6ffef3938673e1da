import { afterAll, describe, expect, it } from 'vitest';
import { WorkerPool } from '../../harness/run/worker-pool.ts';
import { createPluginCells } from './plugin-cells.ts';

const cells = createPluginCells();
const pool = new WorkerPool();
afterAll(() => pool.close());

const top = `
  function thrower(): never {
    throw new Error('boom');
  }
`;

describe('what a plug-in throws', { timeout: 60_000 }, () => {
  it.each([
    ['import', `thrower();`, '{}'],
    ['create', '', 'thrower()'],
    ['onEvent', '', '{ onEvent: () => thrower() }'],
    ['a timer or promise of its own', 'setTimeout(() => thrower(), 5);', '{}'],
  ])(
    'in %s is shown with the line of its source, and with no line of anybody else',
    async (moment, more, body) => {
      const file = cells.plugin('thrower', body, { top: `${top}${more}` });
      const error: unknown = await cells.run(pool, file).catch((reason: unknown) => reason);
      const { message } = error as Error;
      expect(message).toContain(`failed in ${moment}: boom`);
      expect(message.endsWith(` at ${file}:5:11`), message).toBe(true);
      expect(message).not.toContain('\n');
    },
  );

  it('is shown at its own line where we refuse what it does', async () => {
    const file = cells.plugin('writer', '{ onEvent: (_, view) => {\n view.nowUs = 1; } }');
    await expect(cells.run(pool, file)).rejects.toThrow(/read-only: .* at .*\/writer\.ts:6:\d+$/);
  });
});
