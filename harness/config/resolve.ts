import type { Hardware } from '../domain/hardware.ts';
import type { ModelShape } from '../domain/model-shape.ts';
import { loadDescription } from './catalog.ts';
import type { Path } from './document.ts';
import { profileSchema } from '../domain/profile-schema.ts';
import { hardwareSchema, toHardware } from './hardware-schema.ts';
import { modelSchema, toModelShape } from './model-schema.ts';
import type { Origin } from './origin.ts';
import type { Config } from './schema.ts';
import type { Validated } from './validate.ts';

export interface ResolveContext {
  readonly baseDir: string;
  readonly origin: Origin;
}

/** Returns the model for a catalog name, a path, or dimensions written out. */
export function resolveModel(model: Config['model'], context: ResolveContext): Validated<ModelShape> {
  if (typeof model !== 'string') return { ok: true, value: toModelShape(model, 'inline') };
  const loaded = loadDescription('models', referTo(model, ['model'], context), modelSchema);
  if (!loaded.ok) return loaded;
  return { ok: true, value: toModelShape(loaded.value.description, loaded.value.name) };
}

/** Returns the device for a catalog name, a path, or figures written out, with its profile where it names one. */
export function resolveHardware(
  hardware: Config['cluster']['hardware'],
  context: ResolveContext,
): Validated<Hardware> {
  if (typeof hardware !== 'string') {
    return withProfile(toHardware(hardware, 'inline'), hardware.profile, context);
  }
  const loaded = loadDescription(
    'hardware',
    referTo(hardware, ['cluster', 'hardware'], context),
    hardwareSchema,
  );
  if (!loaded.ok) return loaded;
  const { name, dir, description } = loaded.value;
  return withProfile(toHardware(description, name), description.profile, { ...context, baseDir: dir });
}

function withProfile(
  hardware: Hardware,
  profile: string | undefined,
  context: ResolveContext,
): Validated<Hardware> {
  if (profile === undefined) return { ok: true, value: hardware };
  const reference = referTo(profile, ['cluster', 'hardware', 'profile'], context);
  const loaded = loadDescription('profiles', reference, profileSchema);
  if (!loaded.ok) return loaded;
  return { ok: true, value: { ...hardware, profile: loaded.value.description } };
}

function referTo(text: string, path: Path, { baseDir, origin }: ResolveContext) {
  return { text, path, baseDir, origin };
}
