import { z } from 'zod';
import { msToUs, secondsToUs } from '../base/units.ts';
import type { ComputeProfile, Hardware, StartProfile } from '../domain/hardware.ts';
import { bytesPerSecondSchema, bytesSchema, flopsPerSecondSchema } from './quantity.ts';

const durationUs = z.number().nonnegative();
const efficiency = z.number().positive().max(1);

const linkSchema = z.strictObject({
  /** Each direction on its own. */
  bandwidth: bytesPerSecondSchema,
  latencyUs: durationUs,
});

/** Cold start of an instance. Back-off as Kubernetes restarts a container: 10 s, twice as long each time, 300 s at most. */
const startSchema = z
  .strictObject({
    /** From asking for an instance until it begins to load weights; log-normal where a coefficient of variation is given. */
    provisioningS: z.union([
      z.number().nonnegative(),
      z.strictObject({ mean: z.number().nonnegative(), cv: z.number().nonnegative().max(100) }),
    ]),
    /** Where a new instance reads its weights: its disk, its host's memory, or instances that hold them. */
    weightsFrom: z.enum(['disk', 'host', 'peer']).default('disk'),
    /** From the last weight until it serves. */
    warmUpS: z.number().nonnegative().default(0),
    /** Share of the starts that fail and are tried again. */
    failureRatio: z.number().min(0).lt(1).default(0),
    backoffS: z.number().positive().default(10),
    maxBackoffS: z.number().positive().default(300),
  })
  .refine(({ backoffS, maxBackoffS }) => backoffS <= maxBackoffS, {
    path: ['backoffS'],
    error: 'must be less than or equal to maxBackoffS, which is 300 where it is not given',
  });

/** What a step takes (`harness/executors/step-cost.ts`): peaks of one device, and what is reached of them. */
const computeSchema = z.strictObject({
  peak: flopsPerSecondSchema,
  /** Share of the peak that large matrix products reach. */
  peakEfficiency: efficiency.default(1),
  memoryBandwidth: bytesPerSecondSchema,
  memoryEfficiency: efficiency.default(1),
  /** Attention's own shares of the same peaks; those of the products where they are not given. */
  attention: z
    .strictObject({
      peakEfficiency: efficiency.optional(),
      memoryEfficiency: efficiency.optional(),
      /** Rows that a decoding query is computed as beside a prefill; 1 where decoding has a kernel of its own. */
      mixedDecodeRows: z.int().positive().default(1),
    })
    .prefault({}),
  layerOverheadUs: durationUs,
  stepOverheadUs: durationUs,
  /** The engine's processor time: of a step, and of each sequence in it. */
  engineCpu: z
    .strictObject({
      stepUs: durationUs.default(0),
      sequenceUs: durationUs.default(0),
      /** Whether the next step is prepared while the device computes this one. */
      overlapsDevice: z.boolean().default(false),
    })
    .prefault({}),
});

/**
 * Several devices that share every layer. `memory`, `reserve`, `compute`, `hostLink` and `hostMemory` are then those of one of
 * them; network and disk are the instance's.
 */
const tensorParallelSchema = z.strictObject({
  devices: z.int().min(2),
  /** Between two devices; the latency is that of an all-reduce of few bytes. */
  link: linkSchema,
});

/** A device as `configs/hardware/*.yaml` or a configuration writes it: data-sheet figures and what is reached of them. */
export const hardwareSchema = z
  .strictObject({
    name: z.string().min(1).optional(),
    memory: bytesSchema,
    /** Kept free for activations and fragmentation. */
    reserve: bytesSchema,
    compute: computeSchema,
    tensorParallel: tensorParallelSchema.optional(),
    hostLink: linkSchema,
    hostMemory: bytesSchema,
    network: linkSchema,
    diskBandwidth: bytesPerSecondSchema,
    /** Whether a copy of the weights stays in host memory, beside `hostMemory`; layers are then read from there, not from disk. */
    weightsInHostMemory: z.boolean().default(false),
    start: startSchema,
    /** Changing what device memory is mapped to. */
    remapMs: z.number().nonnegative(),
    /** What the engines spend agreeing on each stage of a migration before its KV travels. */
    migrationHandshakeMs: z.number().nonnegative().default(0),
  })
  .refine((hardware) => hardware.reserve < hardware.memory, {
    path: ['reserve'],
    error: 'must be less than memory',
  })
  .refine(({ start, weightsInHostMemory }) => start.weightsFrom !== 'host' || weightsInHostMemory, {
    path: ['start', 'weightsFrom'],
    error: '"host" needs weightsInHostMemory: true; expected "disk" or "peer" without it',
  });

type HardwareInput = z.output<typeof hardwareSchema>;

export function toHardware(input: HardwareInput, name: string): Hardware {
  const { tensorParallel } = input;
  const devices = tensorParallel?.devices ?? 1;
  const hostLink = toLink(input.hostLink);
  return {
    name: input.name ?? name,
    memoryBytes: input.memory * devices,
    reserveBytes: input.reserve * devices,
    compute: toCompute(input.compute),
    ...(tensorParallel === undefined
      ? {}
      : { tensorParallel: { devices, link: toLink(tensorParallel.link) } }),
    hostLink: { ...hostLink, bytesPerSecond: hostLink.bytesPerSecond * devices },
    hostMemoryBytes: input.hostMemory * devices,
    network: toLink(input.network),
    diskBytesPerSecond: input.diskBandwidth,
    weightsInHostMemory: input.weightsInHostMemory,
    start: toStart(input.start),
    remapUs: msToUs(input.remapMs),
    migrationHandshakeUs: msToUs(input.migrationHandshakeMs),
  };
}

function toCompute(input: HardwareInput['compute']): ComputeProfile {
  const { peak, memoryBandwidth, attention, layerOverheadUs, stepOverheadUs, engineCpu } = input;
  return {
    flopsPerSecond: peak * input.peakEfficiency,
    memoryBytesPerSecond: memoryBandwidth * input.memoryEfficiency,
    attention: {
      flopsPerSecond: peak * (attention.peakEfficiency ?? input.peakEfficiency),
      memoryBytesPerSecond: memoryBandwidth * (attention.memoryEfficiency ?? input.memoryEfficiency),
      mixedDecodeRows: attention.mixedDecodeRows,
    },
    layerOverheadUs,
    stepOverheadUs,
    engineCpu,
  };
}

function toStart(input: z.output<typeof startSchema>): StartProfile {
  const { provisioningS } = input;
  const { mean, cv } = typeof provisioningS === 'number' ? { mean: provisioningS, cv: 0 } : provisioningS;
  return {
    provisioning: { meanUs: secondsToUs(mean), cv },
    weightsFrom: input.weightsFrom,
    warmUpUs: secondsToUs(input.warmUpS),
    failureRatio: input.failureRatio,
    backoffUs: secondsToUs(input.backoffS),
    maxBackoffUs: secondsToUs(input.maxBackoffS),
  };
}

function toLink({ bandwidth, latencyUs }: z.output<typeof linkSchema>) {
  return { bytesPerSecond: bandwidth, latencyUs };
}
