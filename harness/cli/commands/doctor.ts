import type { Argv } from 'yargs';
import type { Command, FlagsOf } from '../command.ts';

function flags(parser: Argv) {
  return parser.option('format', { choices: ['table', 'json'] as const, default: 'table' as const });
}

export const doctor: Command<FlagsOf<typeof flags>> = {
  usage: 'doctor',
  summary: 'check everything that measured runs need, each with its remedy',
  examples: [['bench doctor', 'exit code 1 when a measured run is not possible here']],
  flags,
  async execute({ format }) {
    const { diagnose } = await import('../../backend/doctor.ts');
    const { formatDoctor } = await import('../../backend/format-doctor.ts');
    const report = await diagnose();
    console.log(format === 'json' ? JSON.stringify(report, undefined, 2) : formatDoctor(report));
    return report.canMeasure ? 0 : 1;
  },
};
