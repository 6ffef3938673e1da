import type { Argv } from 'yargs';
import { EnvironmentError } from '../../base/errors.ts';
import type { LibraryDevice } from '../../backend/pins.ts';
import type { Command, FlagsOf } from '../command.ts';

function flags(parser: Argv) {
  return parser
    .option('format', { choices: ['table', 'json'] as const, default: 'table' as const })
    .option('device', {
      choices: ['cpu', 'cuda'] as const,
      describe: 'also list for which ops of the model the library for this device has kernels',
    });
}

export const doctor: Command<FlagsOf<typeof flags>> = {
  usage: 'doctor',
  summary: 'check everything that measured runs need, each with its remedy',
  examples: [
    ['bench doctor', 'exit code 1 when a measured run is not possible here'],
    ['bench doctor --device cuda', 'does each op of the model have a GPU kernel? needs no GPU'],
  ],
  flags,
  async execute({ format, device }) {
    const { diagnose } = await import('../../backend/doctor.ts');
    const { formatDoctor } = await import('../../backend/format-doctor.ts');
    const report = await diagnose();
    const kernels = device === undefined ? undefined : await listKernels(device);
    const asJson = { ...report, kernels: kernels?.found };
    const asText = [formatDoctor(report), ...(kernels === undefined ? [] : ['', kernels.text])].join('\n');
    console.log(format === 'json' ? JSON.stringify(asJson, undefined, 2) : asText);
    return report.canMeasure && kernels?.isComplete !== false ? 0 : 1;
  },
};

/** Lists the kernels of the ops that the model runs; why that is impossible, and the remedy, is an answer too. */
async function listKernels(device: LibraryDevice) {
  const { currentHost } = await import('../../backend/host.ts');
  const { findOpKernels } = await import('../../backend/op-kernels.ts');
  const { formatKernels, opsWithout } = await import('../format-kernels.ts');
  const { modelOps } = await import('../../model/model-ops.ts');
  try {
    const found = await findOpKernels(currentHost(), device, modelOps);
    return { found, text: formatKernels(found), isComplete: opsWithout(found.kernels).length === 0 };
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error;
    const { message, remedy } = error;
    const found = { device, error: message, remedy };
    return { found, text: `${message}\n-> ${remedy}`, isComplete: false };
  }
}
