import { z } from 'zod';
import { type DecisionKind, decisionKinds, decisions } from '../policy/decisions.ts';
import { actingMoments, type DecidingMoment } from '../policy/moments.ts';

type Subject = (typeof decisions)[DecisionKind]['subject'];

const titles: Readonly<Record<Subject, string>> = {
  requests: 'About requests',
  groups: 'About groups and their parameters',
  instances: 'About instances',
};

const head = '| kind | fields | capability | answers | refused because |\n| --- | --- | --- | --- | --- |';

/** The kinds of decisions as Markdown, a table for each subject. */
export function decisionTables(): string {
  const tables = Object.entries(titles).map(([subject, title]) => {
    const kinds = decisionKinds.filter((kind) => decisions[kind].subject === subject);
    return `### ${title}\n\n${head}\n${kinds.map(rowOf).join('\n')}\n`;
  });
  return tables.join('\n');
}

/** A row of a Markdown table is one line, so the lines of a cell are told apart by breaks. No text of a declaration has a bar. */
function rowOf(kind: DecisionKind): string {
  const { summary, schema, capability, moments, refusals } = decisions[kind];
  const cells: readonly (readonly string[])[] = [
    [`**\`${kind}\`**`, summary],
    fieldLines(z.toJSONSchema(schema, { io: 'input' })),
    capability === undefined ? [] : [`\`${capability}\``],
    answered(moments),
    refusals,
  ];
  return `| ${cells.map((lines) => lines.join('<br>') || '–').join(' | ')} |`;
}

/** Most kinds are decided at all moments that are answered with a list. */
function answered(moments: readonly DecidingMoment[]): string[] {
  const isAnyList = actingMoments.every((moment) => moments.includes(moment));
  return isAnyList ? ['any list'] : moments.map((moment) => `\`${moment}\``);
}

type JsonSchema = z.core.JSONSchema.JSONSchema;

/** Every field that an author fills in, with its type and what it means; those inside it follow it. */
function fieldLines({ properties = {}, required = [] }: JsonSchema, inside = ''): string[] {
  return Object.entries(properties).flatMap(([name, field]) => {
    if (typeof field === 'boolean' || field.description === undefined) return [];
    const path = `${inside}${name}`;
    const mark = required.includes(name) ? '' : '?';
    const line = `\`${path}${mark}\`: ${typeOf(field)}. ${field.description}`;
    const ofVariants = variantsOf(field).flatMap((each) => fieldLines(each, `${path}(${kindOf(each)}).`));
    return [line, ...fieldLines(field, `${path}.`), ...ofVariants];
  });
}

function variantsOf({ oneOf = [] }: JsonSchema): JsonSchema[] {
  return oneOf.filter((variant) => typeof variant !== 'boolean');
}

/** The `kind` that tells a variant from the others. */
function kindOf({ properties }: JsonSchema): string {
  const kind = properties?.['kind'];
  return typeof kind === 'object' ? String(kind.const) : '';
}

function typeOf(field: JsonSchema): string {
  const values = field.enum ?? variantsOf(field).map(kindOf);
  if (values.length > 0) return values.map((value) => `\`${String(value)}\``).join(' or ');
  if (field.type === 'array') return 'list';
  return field.type === 'integer' && field.minimum === 1 ? 'integer of at least 1' : String(field.type);
}
