import type { OpKernel, OpKernels } from '../backend/op-kernels.ts';
import { columns } from './columns.ts';

/** Lists every op with its types and whether there is a kernel, and closes with how many ops have all they need. */
export function formatKernels({ device, tensorflowVersion, kernels }: OpKernels): string {
  const deviceName = device === 'cuda' ? 'GPU' : 'CPU';
  const rows = kernels.map((kernel) => [kernel.op, typesText(kernel), kernel.hasKernel ? 'yes' : 'NO']);
  const lines = [columns([['op', 'type', `${deviceName} kernel`], ...rows])];
  const ops = new Set(kernels.map(({ op }) => op));
  const numLacking = new Set(opsWithout(kernels)).size;
  lines.push('', `TensorFlow ${tensorflowVersion} for ${device}, by its own registry of kernels:`);
  lines.push(`${ops.size - numLacking} of ${ops.size} ops have a ${deviceName} kernel`);
  return lines.join('\n');
}

/** Returns the names of the ops that lack a kernel for one of their combinations of types. */
export function opsWithout(kernels: readonly OpKernel[]): string[] {
  return [...new Set(kernels.filter(({ hasKernel }) => !hasKernel).map(({ op }) => op))];
}

/** The type alone if there is one, otherwise every attribute with its type. */
function typesText({ types }: OpKernel): string {
  const entries = Object.entries(types);
  const [[, only] = []] = entries;
  if (only !== undefined && entries.length === 1) return only;
  return entries.map(([attribute, type]) => `${attribute} ${type}`).join(', ');
}
