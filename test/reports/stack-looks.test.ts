import { expect, it } from 'vitest';
import { stackLooks } from '../../reports/stacks.ts';
import { variableByColour } from '../../reports/theme.ts';
import { resultsOf } from './fixtures.ts';
import { larger } from './larger.ts';

it('gives two dozen stacks colours that do not repeat, and that the page can restyle', async () => {
  const results = larger(await resultsOf('three stacks, one seed'), { numStacks: 24 });
  const rivals = results.manifest.stacks.map((stack) => ({ ...stack, family: 'other' as const }));
  const looks = stackLooks({ ...results, manifest: { ...results.manifest, stacks: rivals } }, rivals);
  expect(new Set(looks.map(({ hue }) => hue)).size).toBe(24);
  for (const { hue } of looks) expect(variableByColour()[hue ?? '']).toMatch(/^var\(--stack\d+\)$/);
});

it('lets no two colours of the page be one another', () => {
  const variables = Object.values(variableByColour());
  expect(new Set(variables).size).toBe(variables.length);
  expect(variables.length).toBeGreaterThan(50);
});
