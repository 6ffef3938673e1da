import { z } from 'zod';

/** One parameter with a value that it may have besides its default. */
export interface Setting {
  readonly name: string;
  readonly value: unknown;
}

/**
 * Returns the values that a policy's switches can be set to: true and false, and the names of a choice. Numbers and texts are
 * not tried, since only the author knows which of them make sense; none for a schema that cannot be read.
 */
export function switchesOf(params: z.ZodType): readonly Setting[] {
  const properties = readProperties(params);
  return Object.entries(properties).flatMap(([name, property]) =>
    valuesOf(property).map((value) => ({ name, value })),
  );
}

/** What is read of a parameter's JSON Schema. */
const propertySchema = z.looseObject({ type: z.string().optional(), enum: z.array(z.unknown()).optional() });

function readProperties(params: z.ZodType): Readonly<Record<string, unknown>> {
  try {
    const { properties } = z.toJSONSchema(params, { io: 'input', unrepresentable: 'any' });
    return properties ?? {};
  } catch {
    return {};
  }
}

function valuesOf(property: unknown): readonly unknown[] {
  const { type, enum: choices = [] } = propertySchema.safeParse(property).data ?? {};
  return type === 'boolean' ? [true, false] : choices;
}
