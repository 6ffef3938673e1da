import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { EnvironmentError, messageOf } from '../base/errors.ts';
import { assert } from '../base/assert.ts';
import { cpuName, queryGpus } from './devices.ts';
import { backendEnvironment, fatalOnly, type LoadOptions } from './environment.ts';
import { currentHost } from './host.ts';
import { bindingFolderOf, linkTarget } from './install.ts';
import { bindingName, quietName } from './library.ts';
import { TensorflowBackend, type TensorflowBinding } from './tensorflow-backend.ts';
import { setupRemedy } from './remedies.ts';

const require = createRequire(import.meta.url);

let loaded: { readonly numThreads: number; readonly backend: Promise<TensorflowBackend> } | undefined;

/**
 * Loads TensorFlow into this process, through the binding that `ensureBackend` installed. The library reads
 * its settings only once, so a process has one backend. Throws `InvariantError` if a later call asks for
 * another number of threads, and `EnvironmentError` if nothing is installed or it does not load.
 */
export function loadBackend(options: LoadOptions): Promise<TensorflowBackend> {
  loaded ??= { numThreads: options.numThreads, backend: load(options) };
  assert(
    loaded.numThreads === options.numThreads,
    'INV-one-backend',
    () => `TensorFlow runs with ${loaded?.numThreads} threads here, ${options.numThreads} were asked for`,
  );
  return loaded.backend;
}

async function load(options: LoadOptions): Promise<TensorflowBackend> {
  Object.assign(process.env, backendEnvironment(options));
  const binding = await openBinding();
  if (!binding.isUsingGpuDevice()) {
    return new TensorflowBackend(binding, { kind: 'cpu', name: cpuName() }, options.numThreads);
  }
  const gpus = await queryGpus();
  return new TensorflowBackend(binding, { kind: 'cuda', name: gpus[0]?.name ?? 'GPU' }, options.numThreads);
}

async function openBinding(): Promise<TensorflowBinding> {
  const folder = bindingFolderOf(currentHost());
  if (!existsSync(join(folder, bindingName))) {
    throw new EnvironmentError('the TensorFlow library is not set up', setupRemedy);
  }
  try {
    const ownFolder = await linkTarget(folder);
    if (ownFolder !== undefined && process.env['TF_CPP_MIN_LOG_LEVEL'] === fatalOnly) openMuted(ownFolder);
    return requireBinding();
  } catch (cause) {
    throw new EnvironmentError(`TensorFlow does not load: ${messageOf(cause)}`, setupRemedy, { cause });
  }
}

/**
 * Opens a binding from the cache while standard error is muted (see quiet.cc). tfjs then finds it already
 * open.
 */
function openMuted(folder: string): void {
  const quiet: Quiet = require(join(folder, quietName));
  quiet.mute();
  try {
    require(join(folder, bindingName));
  } finally {
    quiet.unmute();
  }
}

interface Quiet {
  mute(): void;
  unmute(): void;
}

/**
 * Returns the binding used by tfjs. Dependencies of tfjs use modules that newer versions of Node deprecate;
 * the user cannot change that, so the warning is suppressed.
 */
function requireBinding(): TensorflowBinding {
  const warnsOfDeprecation = process.noDeprecation ?? false;
  process.noDeprecation = true;
  try {
    const tfjs: TfjsNode = require('@tensorflow/tfjs-node-gpu');
    return tfjs.backend().binding;
  } finally {
    process.noDeprecation = warnsOfDeprecation;
  }
}

/**
 * The part of tfjs-node that is used here. Its own types require mutable arrays and omit the backend's
 * binding.
 */
interface TfjsNode {
  backend(): { readonly binding: TensorflowBinding };
}
