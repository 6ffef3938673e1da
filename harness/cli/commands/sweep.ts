import type { Command, FlagsOf } from '../command.ts';
import { sweepFlags } from '../sweep-flags.ts';

export const sweep: Command<FlagsOf<typeof sweepFlags>> = {
  usage: 'sweep',
  summary:
    'a configuration with a setting at many values: figures over them, and whether the best is surely better',
  examples: [
    [
      'bench sweep --config configs/burst.yaml --mode simulate --repeats 5 --over policies.hpa.hpa.params.syncS=0.05..0.4:log7',
      'a parameter of the policy hpa in the stack hpa',
    ],
    [
      'bench sweep --config my.yaml --mode simulate --over cluster.instances=2,4,8 --over engine.maxBatchTokens=256,512',
      'two settings, all combinations, all stacks',
    ],
  ],
  flags: sweepFlags,
  async execute(given) {
    const { runSweep } = await import('../run-sweep.ts');
    return runSweep(given);
  },
};
