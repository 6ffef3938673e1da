import type { Argv } from 'yargs';
import type { Command, FlagsOf } from '../command.ts';

function flags(parser: Argv) {
  return parser
    .positional('name', { type: 'string', demandOption: true, describe: 'such as my-policy' })
    .option('template', {
      choices: ['memory', 'dispatcher', 'autoscaler'] as const,
      default: 'memory' as const,
      describe: 'what to start from: makes room, places requests, or starts and drains instances',
    })
    .option('dir', { type: 'string', requiresArg: true, default: '.', describe: 'folder to write to' });
}

export const newPolicy: Command<FlagsOf<typeof flags>> = {
  usage: 'new-policy <name>',
  summary: 'write a policy that works, with its test, to start from',
  examples: [
    ['bench new-policy my-policy', 'my-policy.ts and my-policy.test.ts in this folder'],
    ['bench new-policy my-router --template dispatcher', 'one that places requests'],
  ],
  flags,
  async execute({ name, template, dir }) {
    const { writePolicy } = await import('../write-policy.ts');
    const { policyFile, testFile } = await writePolicy(name, template, dir);
    console.log(`${policyFile}\n${testFile}\n`);
    console.log(`check it:  bench check-policy ${policyFile}`);
    console.log(`run it:    bench --config configs/burst.yaml --mode simulate --policy ${policyFile}`);
    return 0;
  },
};
