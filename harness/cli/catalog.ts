import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { policies } from '../../policies/index.ts';
import type { PolicyDefinition } from '../policy/index.ts';
import { catalogNames } from '../config/catalog.ts';
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
  readonly isRequired: boolean;
}

const configsDir = fileURLToPath(new URL('../../configs/', import.meta.url));

/** Collects everything that a configuration can name without a path. */
export function collectCatalog(): Catalog {
  return {
    policies: Object.values<PolicyDefinition>(policies).map(describePolicy),
    models: catalogNames('models'),
    hardware: catalogNames('hardware'),
    configs: ['', ...paperFolders()].flatMap(configsIn),
  };
}

/** Lists the folders below `configs/` with configurations that reproduce a paper. */
function paperFolders(): readonly string[] {
  const papers = readdirSync(join(configsDir, 'papers'), { withFileTypes: true });
  return papers
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `papers/${name}/`)
    .toSorted();
}

function configsIn(folder: string): readonly string[] {
  const files = readdirSync(join(configsDir, folder)).filter((file) => file.endsWith('.yaml'));
  return files.toSorted().map((file) => `configs/${folder}${file}`);
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
  const rows = params.map((param) => {
    const value = JSON.stringify(param.default) ?? (param.isRequired ? 'required' : 'optional');
    return ['', '', `  ${param.name} = ${value}${param.description ? `: ${param.description}` : ''}`];
  });
  return [[`  ${name}`, family, summary], ...rows];
}

function describePolicy({ name, family, summary, params }: PolicyDefinition): CatalogPolicy {
  const { properties = {}, required = [] } = z.toJSONSchema(params, { io: 'input' }) as {
    readonly properties?: Readonly<Record<string, Omit<CatalogParameter, 'name' | 'isRequired'>>>;
    readonly required?: readonly string[];
  };
  const described = Object.entries(properties).map(([key, schema]): CatalogParameter => {
    return {
      name: key,
      isRequired: required.includes(key),
      ...(schema.default !== undefined && { default: schema.default }),
      ...(schema.description !== undefined && { description: schema.description }),
    };
  });
  return { name, family, summary, params: described };
}
