import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { PolicyError } from '../../harness/base/errors.ts';
import { WorkerPool } from '../../harness/run/worker-pool.ts';
import { createPluginCells } from './plugin-cells.ts';

const cells = createPluginCells();
const pool = new WorkerPool();
afterAll(() => pool.close());

/** Of a process that nobody has collected yet, the entry is still there. */
function isRunning(pid: number): boolean {
  const stat = `/proc/${pid}/stat`;
  return existsSync(stat) && !/\) Z /.test(readFileSync(stat, 'utf8'));
}

const failure = (file: string): Promise<Error> =>
  cells.run(pool, file).then(
    () => new Error('the cell has finished'),
    (error: Error) => error,
  );

describe('a moment that answers with a promise', { timeout: 60_000 }, () => {
  it.each([
    ['onStage', '{ onStage: async () => { throw new Error("late"); } }'],
    ['stats', '{ stats: async () => ({ a: 1 }) }'],
    ['limits', '{ limits: async () => undefined }'],
    ['onEvent', '{ onEvent: async () => [] }'],
    ['order', '{ order: () => ({ then() {} }) }'],
  ])('fails its cell: %s', async (moment, body) => {
    const error = await failure(cells.plugin(`promises-${moment.toLowerCase()}`, body));
    expect(error).toBeInstanceOf(PolicyError);
    expect(error.message).toMatch(
      new RegExp(`failed in ${moment}: .*a Promise \\(moments are synchronous\\)`),
    );
  });

  it('so does a promise of a policy', async () => {
    const error = await failure(cells.plugin('promised', 'Promise.resolve({})'));
    expect(error.message).toMatch(
      /"promised" failed in create: expected an object with moments, got a Promise/,
    );
  });
});

describe('what a plug-in leaves behind', { timeout: 60_000 }, () => {
  it.each([
    ['a timer that throws', 'setTimeout(() => { throw new Error("too late"); }, 100)'],
    ['a rejection that nobody hears', 'void Promise.reject(new Error("too late"))'],
    ['a late rejection', 'setTimeout(() => void Promise.reject(new Error("too late")), 50)'],
    ['an exit', 'setTimeout(() => process.exit(3), 20)'],
  ])('is charged to its cell: %s', async (_, statement) => {
    const file = cells.plugin('leaves-things', '{}', { top: `${statement};` });
    const error = await failure(file);
    expect(error).toBeInstanceOf(PolicyError);
    expect(error.message).toContain(`policy "${file}" failed in a timer or promise of its own: `);
    expect(error.message).toMatch(/too late|calls process\.exit\(3\)/);
    const next = await cells.run(pool, 'recompute');
    expect(next.summary.unfinished).toBe(0);
  });

  it.skipIf(process.platform !== 'linux')(
    'ends with its cell where it is a process, which is not waited for',
    async () => {
      const top = `
      import { spawn } from 'node:child_process';
      import { writeFileSync } from 'node:fs';
      const child = spawn('sleep', ['33'], { stdio: 'inherit' });
      writeFileSync(new URL('pid', import.meta.url), String(child.pid));`;
      const startMs = performance.now();
      await cells.run(pool, cells.plugin('spawns', '{}', { top }));
      expect(performance.now() - startMs).toBeLessThan(20_000);
      const pid = Number(readFileSync(join(cells.dir, 'pid'), 'utf8'));
      await expect.poll(() => isRunning(pid)).toBe(false);
    },
  );

  it('is its own death by a signal', async () => {
    const file = cells.plugin('kills-itself', '{ onEvent: () => { process.kill(process.pid, "SIGKILL"); } }');
    const error = await failure(file);
    expect(error).toBeInstanceOf(PolicyError);
    expect(error.message).toContain(file);
    expect(error.message).toMatch(/ended unexpectedly \(SIGKILL\); it printed nothing/);
  });

  it('is not state that the next seed meets', async () => {
    const file = cells.plugin('remembers', '{ stats: () => ({ runs: (runs += 1) }) }', {
      top: 'let runs = 0;',
    });
    for (const seed of [1, 2]) {
      const { summary } = await cells.run(pool, file, seed);
      expect(summary.policy_stats['remembers.runs']).toBe(1);
    }
  });
});

describe('process.exit', { timeout: 60_000 }, () => {
  it.each([
    ['create', '(process.exit(7), {})'],
    ['onEvent', '{ onEvent: () => process.exit() }'],
  ])('in %s is an error of the policy', async (moment, body) => {
    const error = await failure(cells.plugin('exits', body));
    expect(error.message).toMatch(
      new RegExp(`policy "exits" failed in ${moment}: calls process\\.exit\\(7?\\), which would end the run`),
    );
  });
});

describe('the objects of the language', { timeout: 60_000 }, () => {
  it('cannot be changed, each attempt is an error', async () => {
    const attempts = [
      'Array.prototype.sort = function () { return this; }',
      'Array.prototype.toSorted = () => []',
      'Array.prototype.findLast = () => undefined',
      'delete Array.prototype.map',
      'Math.ceil = () => 0',
      'Map.prototype.get = () => undefined',
      'globalThis.Map = class {}',
      'globalThis.parseInt = () => 0',
      'Object.prototype.toString = () => ""',
      'Object.prototype.extra = 1',
      'Function.prototype.call = () => 1',
      'Error.prototype.message = "text"',
      'Object.defineProperty(JSON, "stringify", { value: () => "" })',
      'Date.now = () => 0',
      'Object.getPrototypeOf([].values()).next = () => ({ done: true })',
      'Object.getPrototypeOf(Int32Array).prototype.fill = () => 0',
      'Object.getPrototypeOf((function* () {})()).next = () => ({ done: true })',
      'Object.setPrototypeOf(Array.prototype, { at: () => 0 })',
    ];
    const body = `{ stats: () => Object.fromEntries(attempts.map(([text, attempt]) => {
      try { attempt(); return [text, 1]; } catch { return [text, 0]; }
    })) }`;
    const list = attempts.map((text) => `[${JSON.stringify(text)}, () => { ${text}; }]`);
    const file = cells.plugin('patches', body, { top: `const attempts = [${list.join(',')}];` });
    const { summary } = await cells.run(pool, file);
    const wanted = Object.fromEntries(attempts.map((text) => [`patches.${text}`, 0]));
    expect(summary.policy_stats).toMatchObject(wanted);
  });

  it('fail the cell of the plug-in that tries, with its name and moment', async () => {
    const error = await failure(cells.plugin('patches', '(Math.ceil = () => 0, {})'));
    expect(error).toBeInstanceOf(PolicyError);
    expect(error.message).toMatch(
      /policy "patches" failed in create: Cannot assign to read only property 'ceil'/,
    );
  });

  it('can still be given a toString, a name or a constructor by what inherits from them', async () => {
    const top = `
      function Old() {}
      Old.prototype.toString = () => 'old';
      Old.prototype.constructor = Old;
      class Own extends Error {}
      const error = new Own('text');
      error.name = 'Own';
      error.message = 'other';
      if (String(new Old()) !== 'old' || String(error) !== 'Own: other') throw new Error('not overridden');`;
    await cells.run(pool, cells.plugin('overrides', '{}', { top }));
  });

  it('are frozen for plug-ins without a change of what is computed', async () => {
    const plain = await cells.run(pool, 'recompute');
    const beside = await cells.run(pool, cells.plugin('does-nothing', '{}'));
    expect({ ...beside.summary }).toEqual({ ...plain.summary });
    for (const file of ['requests.jsonl', 'timeseries.csv']) {
      expect(readFileSync(join(beside.dir, file))).toEqual(readFileSync(join(plain.dir, file)));
    }
  });
});

describe('the core in a plug-in’s hands', { timeout: 60_000 }, () => {
  it.each([
    [
      'dispatch',
      '{ dispatch: (request) => { request.promptTokens >>= 1; } }',
      /a view is read-only: "promptTokens"/,
    ],
    ['onEvent', '{ onEvent: (e, view) => void Object.setPrototypeOf(view.groups[0], {}) }', /read-only/],
    ['onEvent', '{ onEvent: (e, view) => void Object.freeze(view) }', /a view cannot be frozen/],
    ['dispatch', '{ dispatch: (request) => void request.spec }', /a request has no "spec"/],
    [
      'create',
      '(deps.startHardware.compute.memoryBytesPerSecond *= 2, {})',
      /Cannot assign to read only property/,
    ],
    ['create', '(deps.classes.push({}), {})', /not extensible/],
    ['create', '(deps.rng.uniform = () => 0, {})', /not extensible|read only/],
    ['create', '(Object.getPrototypeOf(deps.rng).uniform = () => 0, {})', /read only/],
    ['create', '({ onEvent: 5 })', /onEvent must be a function, got 5/],
    ['create', 'undefined', /expected an object with moments, got undefined/],
  ])('refuses in %s: %s', async (moment, body, says) => {
    const error = await failure(cells.plugin('tampers', body, { capabilities: '{ dispatches: true }' }));
    expect(error).toBeInstanceOf(PolicyError);
    expect(error.message).toContain(`failed in ${moment}`);
    expect(error.message).toMatch(says);
  });

  it('gives no way to the classes of the core, nor to what a view hides', async () => {
    const body = `{ onEvent: (event, view) => {
      const [group] = view.groups;
      if (Object.getPrototypeOf(group) !== Object.prototype) throw new Error('a class');
      const hidden = Object.getOwnPropertyNames(group).filter((name) => Object.getOwnPropertyDescriptor(group, name) !== undefined);
      const open = hidden.find((name) => !(name in { id: 1, role: 1, phase: 1, stages: 1, limits: 1, waiting: 1, running: 1,
        swapped: 1, stalled: 1, lastStepUs: 1, counters: 1 }));
      if (open !== undefined) throw new Error('shows ' + open);
    } }`;
    await cells.run(pool, cells.plugin('looks-around', body));
  });

  it('lets a policy keep and change what it has made of views itself', async () => {
    const body = `{ onEvent: (event, view) => {
      const loads = view.groups.map((group) => ({ id: group.id, load: 0 }));
      for (const each of loads) each.load += 1;
      const ids = view.groups.reduce((list, { id }) => { list.push(id); return list; }, []);
      const pairs = view.groups.flatMap(({ id }) => [{ id, seen: 0 }]);
      pairs[0].seen += 1;
      const sum = view.groups.reduce((total, group) => ({ ...total, [group.id]: group.freeBlocks }), {});
      sum.all = ids.length;
      const running = [...view.groups[0].running];
      running.length = 0;
    } }`;
    await cells.run(pool, cells.plugin('computes', body));
  });
});
