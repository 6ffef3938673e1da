import type { Argv } from 'yargs';
import type { Command, FlagsOf } from '../command.ts';

function flags(parser: Argv) {
  return parser.option('device', {
    choices: ['auto', 'cpu', 'cuda'] as const,
    default: 'auto' as const,
    describe: 'kind of library; auto takes CUDA where the driver shows a GPU',
  });
}

export const setup: Command<FlagsOf<typeof flags>> = {
  usage: 'setup',
  summary: 'get TensorFlow and build its binding (a measured run does it by itself)',
  examples: [['bench setup --device cuda', 'the library for NVIDIA GPUs, whatever this machine has']],
  flags,
  async execute({ device }) {
    const { ensureBackend } = await import('../../backend/provision.ts');
    const { SetupLine } = await import('../setup-line.ts');
    const line = new SetupLine(process.stderr);
    const installation = await ensureBackend({
      device,
      isChecked: true,
      onProgress: (progress) => line.show(progress),
    });
    line.end();
    const state = installation.isNew ? 'is ready' : 'was ready already';
    console.log(
      `TensorFlow ${installation.tensorflowVersion} (${installation.device}) ${state}: ${installation.bindingPath}`,
    );
    return 0;
  },
};
