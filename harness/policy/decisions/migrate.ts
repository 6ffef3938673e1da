import { z } from 'zod';
import { count, groupId, record, requestId, variants } from '../fields.ts';
import { actingMoments } from '../moments.ts';
import { declareDecision } from './declare.ts';

const live = record({
  kind: z.literal('live'),
  maxStages: count.describe('Stages at most, the last included.'),
  lastStageBlocks: count.describe('No more blocks than these are left: the stage is the last.'),
});

const blocking = record({ kind: z.literal('blocking') });

const recompute = record({ kind: z.literal('recompute') });

const protocol = variants([live, blocking, recompute], ['live', 'blocking', 'recompute']);

/**
 * `live` (Llumnix, section 4.2): full blocks are copied while the request decodes, then those that it has filled meanwhile, and
 * so on; it stops for the last stage only. Refused where the target has no room for the blocks that the request has now. The target's blocks are taken before each stage; where they cannot be, or the
 * request ends or is given up, the migration is aborted and the request goes on at its source. Refused during its prefill.
 * `blocking` stops it for the whole copy; `recompute` gives its KV up and computes it again at the target.
 */
export type MigrationProtocol =
  | Readonly<z.output<typeof live>>
  | Readonly<z.output<typeof blocking>>
  | Readonly<z.output<typeof recompute>>;

/** Three stages, the last of up to four blocks: the public code of Llumnix in the year of its paper. */
export const defaultMigration: MigrationProtocol = { kind: 'live', maxStages: 3, lastStageBlocks: 4 };

export const migrate = declareDecision({
  kind: 'migrate',
  subject: 'requests',
  summary:
    'Moves a request to another group in phase `serving`. A running one takes its KV along, as `protocol` says; one whose KV is in host memory comes back from there, over the network, when it is swapped in; one without KV just changes queues.',
  fields: {
    requestId: requestId.describe('Which one.'),
    groupId: groupId.describe('Where to.'),
    protocol: protocol
      .optional()
      .describe(
        'How the KV of a running request travels: `live` copies it while the request decodes and stops it for the last stage only, `blocking` stops it for the whole copy, `recompute` computes it again at the target. `defaultMigration` where not given.',
      ),
  },
  capability: 'migrates',
  moments: actingMoments,
  refusals: [
    'there is no live request {requestId} in a group',
    'there is no group {groupId}',
    'the request is in group {groupId} already',
    'group {groupId} is {phase}',
    'request {requestId} needs {blocks} KV blocks, group {groupId} has {blocks}',
    'request {requestId} is {status}',
    'request {requestId} migrates already',
    'request {requestId} has no KV to copy beside its steps: it is in its prefill',
    'group {groupId} runs or expects as many requests as it may: {maxRunning}',
    'group {groupId} has no room for {blocks} blocks',
  ],
});
