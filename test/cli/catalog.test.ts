import { describe, expect, it } from 'vitest';
import { collectCatalog, formatCatalog } from '../../harness/cli/catalog.ts';

describe('the catalog', () => {
  it('tells a parameter that may be left out from a required one', () => {
    const kunserve = collectCatalog().policies.find(({ name }) => name === 'kunserve');
    expect(kunserve?.params.find(({ name }) => name === 'maxStages')?.isRequired).toBe(false);
    expect(formatCatalog(collectCatalog())).toContain('maxStages = optional');
  });

  it('lists the configurations that reproduce papers beside the others', () => {
    const { configs } = collectCatalog();
    expect(configs).toContain('configs/burst.yaml');
    expect(configs).toContain('configs/papers/kunserve/extreme-fig17.yaml');
  });
});
