import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { policies } from '../../policies/index.ts';
import type { PolicyDefinition } from '../policy/index.ts';
import { catalogNames } from '../spec/catalog.ts';
import { columns } from './columns.ts';

export interface Catalog {
  readonly policies: readonly CatalogPolicy[];
  readonly models: readonly string[];
  readonly hardware: readonly string[];
  readonly configs: readonly string[];
}

interface CatalogPolicy {
  readonly name: string;
  readonly family: string;
  readonly summary: string;
  readonly params: readonly CatalogParameter[];
}

interface CatalogParameter {
  readonly name: string;
  readonly default?: unknown;
  readonly description?: string;
}

const configsDir = fileURLToPath(new URL('../../configs/', import.meta.url));

/** Everything that a configuration can name without a path. */
export function collectCatalog(): Catalog {
  return {
    policies: Object.values<PolicyDefinition>(policies).map(describePolicy),
    models: catalogNames('models'),
    hardware: catalogNames('hardware'),
    configs: readdirSync(configsDir)
      .filter((file) => file.endsWith('.yaml'))
      .toSorted()
      .map((file) => `configs/${file}`),
  };
}

export function formatCatalog(catalog: Catalog): string {
  return [
    'Policies',
    columns(catalog.policies.flatMap(policyRows)),
    '',
    `Models    ${catalog.models.join(', ')}`,
    `Hardware  ${catalog.hardware.join(', ')}`,
    `Configs   ${catalog.configs.join(', ')}`,
  ].join('\n');
}

function policyRows({ name, family, summary, params }: CatalogPolicy): string[][] {
  const rows = params.map((param) => [
    '',
    '',
    `  ${param.name} = ${JSON.stringify(param.default) ?? 'required'}${param.description ? `: ${param.description}` : ''}`,
  ]);
  return [[`  ${name}`, family, summary], ...rows];
}

function describePolicy({ name, family, summary, params }: PolicyDefinition): CatalogPolicy {
  const { properties = {} } = z.toJSONSchema(params, { io: 'input' }) as {
    readonly properties?: Readonly<Record<string, Omit<CatalogParameter, 'name'>>>;
  };
  const described = Object.entries(properties).map(([key, schema]): CatalogParameter => {
    return {
      name: key,
      ...(schema.default !== undefined && { default: schema.default }),
      ...(schema.description !== undefined && { description: schema.description }),
    };
  });
  return { name, family, summary, params: described };
}
