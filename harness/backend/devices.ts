import { readFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { runCommand } from './command.ts';

export interface Gpu {
  readonly name: string;
  readonly driverVersion: string;
  readonly memoryMiB: number;
}

/** Lists the NVIDIA GPUs that the driver's own tool shows; empty without a driver. */
export async function queryGpus(env: NodeJS.ProcessEnv = process.env): Promise<readonly Gpu[]> {
  const fields = '--query-gpu=name,driver_version,memory.total';
  const result = await runCommand('nvidia-smi', [fields, '--format=csv,noheader,nounits'], { env });
  if (result.kind !== 'exited' || result.exitCode !== 0) return [];
  return result.stdout
    .split('\n')
    .filter((line) => line.includes(','))
    .map((line) => {
      const [name = '', driverVersion = '', memory = ''] = line.split(',').map((field) => field.trim());
      return { name, driverVersion, memoryMiB: Number(memory) };
    });
}

export function cpuName(): string {
  return cpus()[0]?.model.trim() ?? process.arch;
}

/** Instruction sets that determine the speed of matrix products, as Linux names them. */
const interestingSets = [
  'avx',
  'fma',
  'avx2',
  'avx512f',
  'avx512_vnni',
  'avx512_bf16',
  'amx_bf16',
  'asimd',
  'sve',
];

export async function cpuInstructionSets(): Promise<readonly string[]> {
  const info = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  const flags = new Set(/^(?:flags|Features)\s*:(.*)$/m.exec(info)?.[1]?.trim().split(/\s+/));
  return interestingSets.filter((name) => flags.has(name));
}
