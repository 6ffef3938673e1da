import type { Argv } from 'yargs';
import type { Command, FlagsOf } from '../command.ts';

function flags(parser: Argv) {
  return parser
    .option('config', {
      type: 'string',
      requiresArg: true,
      demandOption: true,
      describe: 'configuration whose model, block size and threads are calibrated',
    })
    .option('write', { type: 'string', requiresArg: true, describe: 'file for the profile (YAML)' })
    .option('device', {
      choices: ['auto', 'cpu', 'cuda'] as const,
      default: 'auto' as const,
      describe: 'where TensorFlow computes',
    })
    .option('format', { choices: ['table', 'json'] as const, default: 'table' as const });
}

export const calibrate: Command<FlagsOf<typeof flags>> = {
  usage: 'calibrate',
  summary: "measure what a model's steps take on this device (a measured run does it once by itself)",
  examples: [
    ['bench calibrate --config configs/burst.yaml', 'measures again, and shows the fit with its error'],
    [
      'bench calibrate --config my.yaml --write my-profile.yaml',
      'a profile for `profile:` of a hardware file: `simulate` then uses it',
    ],
  ],
  flags,
  async execute(given) {
    const { runCalibration } = await import('../run-calibration.ts');
    return runCalibration(given);
  },
};
