import { describe, expect, it } from 'vitest';
import type { CellSummary } from '../../harness/metrics/results.ts';
import { evaluateThreshold, parseThreshold } from '../../harness/config/index.ts';
import * as fc from '../fast-check.ts';

const names = { stacks: ['recompute', 'my-idea', 'idle'], classes: ['chat', 'batch, slow'] };

function cell(policy: string, values: Partial<CellSummary>): CellSummary {
  return { policy, ...values } as CellSummary;
}

const cells = [
  cell('recompute', { p99_ttft_ms: 900, failed: 0 }),
  cell('recompute', { p99_ttft_ms: 1100, failed: 2 }),
  cell('my-idea', { p99_ttft_ms: 400, failed: 0, p99_tpot_ms: null }),
  cell('my-idea', { p99_ttft_ms: 500, failed: 0, p99_tpot_ms: 4 }),
];

function evaluate(text: string) {
  const parsed = parseThreshold(text, names);
  if (!parsed.ok) throw new Error(parsed.problem.message);
  return evaluateThreshold(parsed.threshold, cells);
}

function problem(text: string): string {
  const parsed = parseThreshold(text, names);
  return parsed.ok ? 'none' : `${parsed.problem.message} (${parsed.problem.hint})`;
}

describe('evaluation', () => {
  it.each([
    ['my-idea.p99_ttft_ms < 0.5 * recompute.p99_ttft_ms', 'met', 450, 500],
    ['my-idea.p99_ttft_ms<0.4*recompute.p99_ttft_ms', 'crossed', 450, 400],
    ['recompute.failed == 1', 'met', 1, 1],
    ['recompute.p99_ttft_ms - my-idea.p99_ttft_ms >= 550', 'met', 550, 550],
    ['1 + 2 * 3 - 8 / 2 / 2 == 5', 'met', 5, 5],
    ['(1 + 2) * 3 > 1e1 - 0.5', 'crossed', 9, 9.5],
    ['10 - 4 - 3 <= 3', 'met', 3, 3],
  ])('%s: %s', (text, outcome, left, right) => {
    expect(evaluate(text)).toEqual({ text, outcome, left, right });
  });

  it('reads metrics of a class and figures of policies, also of names with dots, dashes and blanks', () => {
    const classes = { 'batch, slow': { p99_ttft_ms: 70 } };
    const stats = { 'hpa-2.scale_ups': 3, 'hpa-2.idle': null };
    const own = [cell('my-idea', { classes, policy_stats: stats } as unknown as CellSummary)];
    const check = (text: string) => {
      const parsed = parseThreshold(text, names);
      return parsed.ok ? evaluateThreshold(parsed.threshold, own) : parsed.problem;
    };
    expect(check('my-idea[batch, slow].p99_ttft_ms<=2*35')).toMatchObject({
      outcome: 'met',
      left: 70,
      right: 70,
    });
    expect(check('my-idea[hpa-2.scale_ups]-1 > 2')).toMatchObject({ outcome: 'crossed', left: 2 });
    // Defined for no seed, of no such name, and of a class without a request.
    for (const text of ['my-idea[hpa-2.idle] < 1', 'my-idea[hpa-2.idel] < 1', 'my-idea[chat].offered > 0']) {
      expect(check(text)).toMatchObject({ outcome: 'unknown' });
    }
  });

  it('is unknown where a side has no value', () => {
    expect(evaluate('my-idea.p99_tpot_ms < 5').outcome).toBe('unknown');
    expect(evaluate('idle.p99_ttft_ms < 5').outcome).toBe('unknown');
    expect(evaluate('recompute.p99_ttft_ms / my-idea.failed < 5').outcome).toBe('unknown');
  });

  it('is unknown, and not NaN, where no summary has the key', () => {
    const text = 'my-idea.p50_ttft_ms < 5';
    expect(evaluate(text)).toEqual({ text, outcome: 'unknown', left: undefined, right: 5 });
  });

  it('agrees with arithmetic', () => {
    const value = fc.integer({ min: 1, max: 99 });
    fc.assert(
      fc.property(value, value, value, value, (a, b, c, d) => {
        const { left, right } = evaluate(`${a} - ${b} * ${c} / ${d} < (${a} - ${b}) * ${c} + ${d}`);
        expect(left).toBe(a - (b * c) / d);
        expect(right).toBe((a - b) * c + d);
      }),
    );
  });
});

describe('problems', () => {
  it.each([
    ['recomput.p99_ttft_ms < 3', 'there is no policy "recomput" (did you mean "recompute"?)'],
    ['recompute.p99_tft_ms < 3', 'there is no metric "p99_tft_ms" (did you mean "p99_ttft_ms"?)'],
    ['recompute.p999_tft_ms < 3', 'there is no metric "p999_tft_ms" (did you mean "p999_ttft_ms"?)'],
    ['recompute.p99.9_tpot_ms < 3', 'there is no metric "p99.9_tpot_ms" (did you mean "p999_tpot_ms"?)'],
    ['recompute.swap.swapped < 3', /^there is no metric "swap.swapped" \(valid: /],
    ['recompute[chta].p99_ttft_ms < 3', 'there is no class "chta" (did you mean "chat"?)'],
    [
      'recompute[chat].goodput_rps < 3',
      /^there is no metric of a class "goodput_rps" \(.*valid: |did you mean/,
    ],
    ['recomput[swap.swaps] < 3', 'there is no policy "recomput" (did you mean "recompute"?)'],
    ['recompute[chat] < 3', /^\[chat\] is neither a policy's own figure nor a metric of a class/],
    ['recompute[] < 3', /^\[\] is neither/],
    ['recompute[chat.p99_ttft_ms < 3', /^expected .*, found "recompute\[chat/],
    ['recompute.policy < 3', /^there is no metric "policy"/],
    ['recompute.failed', /^expected a comparison \(<, <=, >, >=, ==\), found the end/],
    ['recompute.failed < 3 4', /^expected the end, found "4"/],
    ['recompute.failed < (3', /^expected "\)", found the end/],
    ['< 3', /^expected a number or stack.metric, found "<"/],
    ['recompute < 3', /^expected a number or stack.metric, found "recompute"/],
    ['recompute.failed ! 3', /found "!"/],
    ['', /found the end/],
  ])('%s', (text, expected) => {
    expect(problem(text)).toMatch(expected);
  });
});
