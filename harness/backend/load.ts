import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { EnvironmentError, messageOf } from '../base/errors.ts';
import { assert } from '../base/assert.ts';
import { cpuName, queryGpus } from './devices.ts';
import { backendEnvironment, errorsOnly, type LoadOptions } from './environment.ts';
import { currentHost } from './host.ts';
import { bindingFolderOf, linkTarget } from './install.ts';
import { bindingName, quietName } from './library.ts';
import { TensorflowBackend, type TensorflowBinding } from './tensorflow-backend.ts';
import { setupRemedy } from './remedies.ts';

const require = createRequire(import.meta.url);

let loaded: { readonly numThreads: number; readonly backend: Promise<TensorflowBackend> } | undefined;

/**
 * TensorFlow in this process, through the binding that `ensureBackend` installed. The library reads its switches
 * once, so a process has one backend: a later call must ask for the same.
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
    if (ownFolder !== undefined && process.env['TF_CPP_MIN_LOG_LEVEL'] === errorsOnly) openMuted(ownFolder);
    return requireBinding();
  } catch (cause) {
    throw new EnvironmentError(`TensorFlow does not load: ${messageOf(cause)}`, setupRemedy, { cause });
  }
}

/** Opens a binding that we built while standard error is muted (see quiet.cc). tfjs then finds it open. */
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
 * The binding that tfjs runs on. Dependencies of tfjs use modules that newer versions of Node deprecate; the user can
 * do nothing about that, so the warning is held back.
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

/** tfjs-node's own types ask for arrays that may be changed, and do not say that its backend has a binding. */
interface TfjsNode {
  backend(): { readonly binding: TensorflowBinding };
}
