import { cpuName, queryGpus } from '../backend/devices.ts';
import { ensureBackend } from '../backend/provision.ts';
import type { EnsureOptions } from '../backend/provision.ts';
import { packageVersion } from '../run/manifest.ts';
import type { BackendInfo } from '../run/manifest.ts';
import type { ExecutionSpec } from '../config/index.ts';
import { SetupLine } from './setup-line.ts';

export interface BackendRequest {
  readonly mode: ExecutionSpec['mode'];
  readonly device: EnsureOptions['device'];
  readonly isQuiet: boolean;
}

/**
 * Prepares what the mode needs; the first measured run fetches and builds TensorFlow. Returns the backend's
 * name, device and versions.
 */
export async function prepareBackend({ mode, device, isQuiet }: BackendRequest): Promise<BackendInfo> {
  if (mode === 'simulate') return { name: 'simulated', device: 'cost model', versions: {} };
  if (mode === 'replay') return { name: 'recorded', device: 'recorded', versions: {} };
  const line = new SetupLine(process.stderr);
  const { tensorflowVersion, device: kernels } = await ensureBackend({
    device,
    onProgress: (progress) => {
      if (!isQuiet) line.show(progress);
    },
  }).finally(() => line.end());
  // A CUDA library computes on the CPU if there is no GPU.
  const [gpu] = kernels === 'cuda' ? await queryGpus() : [];
  return {
    name: `tensorflow ${tensorflowVersion}`,
    device: gpu?.name ?? cpuName(),
    versions: {
      tensorflow: tensorflowVersion,
      'tfjs-node-gpu': packageVersion('@tensorflow/tfjs-node-gpu'),
    },
  };
}
