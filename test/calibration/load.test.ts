import { expect, test } from 'vitest';
import { CalibrationLoad, maxContextTokens, requestIds } from '../../harness/calibration/load.ts';
import { createRng } from '../../harness/base/rng.ts';
import * as fc from '../fast-check.ts';

test('a calibration computes every request in order, within its memory, in steps of one to many requests', () => {
  fc.assert(
    fc.property(fc.nat(10_000), (seed) => {
      const load = new CalibrationLoad(createRng(seed, 'load'), requestIds());
      const computed = new Map<number, number>();
      const sizes = new Set<number>();
      let numEnded = 0;
      for (let step = 0; step < 400; step += 1) {
        const entries = load.nextStep();
        sizes.add(entries.length);
        let tokens = 0;
        for (const { spec, numTokens, pastTokens } of entries) {
          expect(pastTokens).toBe(computed.get(spec.id) ?? 0);
          expect(numTokens).toBe(pastTokens === 0 ? spec.promptTokens : 1);
          computed.set(spec.id, pastTokens + numTokens);
          tokens += pastTokens + numTokens;
        }
        expect(tokens).toBeLessThanOrEqual(maxContextTokens);
        for (const { id, promptTokens, outputTokens } of load.endStep()) {
          expect(computed.get(id)).toBe(promptTokens + outputTokens - 1);
          numEnded += 1;
        }
      }
      expect(numEnded).toBeGreaterThan(30);
      expect(Math.min(...sizes)).toBeLessThan(4);
      expect(Math.max(...sizes)).toBeGreaterThan(16);
    }),
    { numRuns: 20 },
  );
});
