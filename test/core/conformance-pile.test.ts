import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { PolicyError } from '../../harness/base/errors.ts';
import type { Check } from '../../harness/conformance/index.ts';
import { WorkerPool } from '../../harness/run/worker-pool.ts';

const pile = fileURLToPath(new URL('../fixtures/plugins/faulty/', import.meta.url));

const dice = 'takes chance from its stream, time from views, and leaves nothing running';
const repeats = 'decides the same when asked the same';
const declared = 'declares a name, a family and all else that a definition needs';
const used = 'uses what it declares';
const switched = 'serves whatever its switches are set to';
const calm = 'serves a calm load';
const turns = 'serves conversations';
const views = 'reads only what views promise and writes nothing';
/** What stands in place of the checks where a policy cannot even be loaded. */
const loading = 'loads';

/** Each of the pile, with the check that has to find what is wrong with it, and what that has to say. */
const mistakes: Readonly<Record<string, readonly [check: string, says: RegExp]>> = {
  'rolls-dice.ts': [dice, /calls Math\.random: draw from deps\.rng \(in dispatch\)/],
  'keeps-dice.ts': [repeats, /row \d+ of its decisions was .* draw random numbers from deps\.rng/],
  'counts-for-all-runs.ts': [repeats, /keep state in what create returns/],
  'learns-once.ts': [repeats, /keep state in what create returns/],
  'reads-the-clock.ts': [dice, /calls Date: read the time from the view \(in dispatch\)/],
  'async-stage.ts': [dice, /starts a promise .* \(in onStage\)/],
  'late-timer.ts': [dice, /starts a timer: .* \(in onEvent\)/],
  'forgets-a-promise.ts': [dice, /starts a promise .* \(in onEvent\)/],
  'never-swaps-in.ts': [switched, /with mode="swap", serves an overload of its memory: .* swapped/],
  'swaps-above-a-limit.ts': [used, /declares preempts by swap .* never does it .* --set/],
  'loses-follow-ups.ts': [
    turns,
    /nothing is left to happen, but .* groupId must be the id of a group, got undefined/,
  ],
  'never-migrates.ts': [
    used,
    /declares migrates \(migrate\) and never does it \(decided: dispatch \d+; asked: /,
  ],
  'changes-a-view-of-a-turn.ts': [views, /serves conversations: .*"promptTokens" cannot be changed/],
  'empties-map.ts': [loading, /map/],
  'sorts-for-all.ts': [calm, /failed in create: .*toSorted/],
  'family-kv.js': [declared, /family must be one of "kv-centric", .*, got "kv"/],
  'unknown-capability.js': [declared, /capabilities has no "dispatch"; there are "dispatches", /],
  'magic-preemption.js': [declared, /capabilities preempts must be a list of "recompute", "swap"/],
  'creates-nothing.js': [calm, /failed in create: expected an object with moments, got undefined/],
  'creates-a-number.js': [calm, /failed in create: dispatch must be a function, got 7/],
  'creates-later.js': [calm, /failed in create: expected an object with moments, got a Promise/],
};

describe('the suite finds', { timeout: 60_000 }, () => {
  const pool = new WorkerPool();
  afterAll(() => pool.close());

  it('something wrong with every plug-in of the pile', () => {
    expect(readdirSync(pile).toSorted()).toEqual(Object.keys(mistakes).toSorted());
  });

  it.each(Object.entries(mistakes))('what is wrong with %s', async (file, [check, says]) => {
    const found = await checksOf(pool, file);
    const failed = found.find(({ name, status }) => [check, loading].includes(name) && status === 'failed');
    expect(failed?.detail ?? 'nothing', JSON.stringify(found, undefined, 1)).toMatch(says);
  });
});

async function checksOf(pool: WorkerPool, file: string): Promise<readonly Check[]> {
  try {
    return await pool.run('conformance', { file: `./${file}`, cwd: pile, params: {} });
  } catch (error) {
    // A policy that cannot be loaded has no checks.
    if (!(error instanceof PolicyError)) throw error;
    return [{ name: loading, status: 'failed', detail: error.message }];
  }
}
