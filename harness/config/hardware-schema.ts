import { z } from 'zod';
import { maxSeconds } from '../base/bounds.ts';
import { msToUs, secondsToUs } from '../base/units.ts';
import type { ComputeProfile, Hardware, StartProfile } from '../domain/hardware.ts';
import { bytesPerSecondSchema, bytesSchema, flopsPerSecondSchema } from './quantity.ts';

const durationUs = z
  .number()
  .nonnegative()
  .max(maxSeconds * 1_000_000);
const durationS = z.number().nonnegative().max(maxSeconds);
const durationMs = z
  .number()
  .nonnegative()
  .max(maxSeconds * 1000);
const efficiency = z.number().min(0.000_001).max(1);

const linkSchema = z.strictObject({
  /** Bandwidth of each direction; the directions do not share it. */
  bandwidth: bytesPerSecondSchema,
  latencyUs: durationUs,
});

/**
 * Cold start of an instance. The default back-off is that of Kubernetes when it restarts a container: 10 s,
 * doubled after each failure, at most 300 s.
 */
const startSchema = z
  .strictObject({
    /**
     * Seconds from requesting an instance until it begins to load weights; log-normal if a coefficient of
     * variation is given.
     */
    provisioningS: z.union([
      durationS,
      z.strictObject({ mean: durationS, cv: z.number().nonnegative().max(100) }),
    ]),
    /** Source of a new instance's weights: its disk, its host's memory, or instances that hold them. */
    weightsFrom: z.enum(['disk', 'host', 'peer']).default('disk'),
    /** Seconds from the last weight until the instance serves. */
    warmUpS: durationS.default(0),
    /** Share of the starts that fail and are tried again. */
    failureRatio: z.number().min(0).lt(1).default(0),
    backoffS: durationS.min(0.001).default(10),
    maxBackoffS: durationS.positive().default(300),
  })
  .refine(({ backoffS, maxBackoffS }) => backoffS <= maxBackoffS, {
    path: ['backoffS'],
    error: 'must be less than or equal to maxBackoffS, which is 300 where it is not given',
  });

/**
 * Rates of a step's cost (`harness/executors/roofline-cost.ts`): the peaks of one device, and the shares of them
 * that are reached.
 */
const computeSchema = z.strictObject({
  peak: flopsPerSecondSchema,
  /** Share of the peak that large matrix products reach. */
  peakEfficiency: efficiency.default(1),
  memoryBandwidth: bytesPerSecondSchema,
  memoryEfficiency: efficiency.default(1),
  /** Shares of the same peaks that attention reaches; by default those of the products. */
  attention: z
    .strictObject({
      peakEfficiency: efficiency.optional(),
      memoryEfficiency: efficiency.optional(),
      /**
       * Rows that the kernel computes for a decoding query when it runs beside a prefill; 1 if decoding has a
       * kernel of its own.
       */
      mixedDecodeRows: z.int().positive().max(1_000_000).default(1),
    })
    .prefault({}),
  layerOverheadUs: durationUs,
  stepOverheadUs: durationUs,
  /** Processor time of the engine, in microseconds per step and per sequence in it. */
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
 * Several devices that share every layer. `memory`, `reserve`, `compute`, `hostLink` and `hostMemory` are
 * then those of one device; network and disk are the instance's.
 */
const tensorParallelSchema = z.strictObject({
  devices: z.int().min(2).max(1024),
  /** Link between two devices; its latency is that of an all-reduce of a few bytes. */
  link: linkSchema,
});

/**
 * A device as written in `configs/hardware/*.yaml` or a configuration: data-sheet figures, and the shares of
 * them that are reached.
 */
export const hardwareSchema = z
  .strictObject({
    name: z.string().min(1).optional(),
    memory: bytesSchema,
    /** Memory kept free for activations and fragmentation. */
    reserve: bytesSchema,
    compute: computeSchema,
    /**
     * What stages of a model take there, as `bench calibrate` wrote it: a name in `configs/profiles`, or a path. It
     * counts in place of `compute` for the model that it was made with.
     */
    profile: z.string().min(1).optional(),
    tensorParallel: tensorParallelSchema.optional(),
    hostLink: linkSchema,
    hostMemory: bytesSchema,
    network: linkSchema,
    diskBandwidth: bytesPerSecondSchema,
    /**
     * Whether a copy of the weights is kept in host memory, in addition to `hostMemory`; layers are then read
     * from it and not from disk.
     */
    weightsInHostMemory: z.boolean().default(false),
    start: startSchema,
    /** Duration of a change of the mapping of device memory, in milliseconds. */
    remapMs: durationMs,
    /**
     * Time that the engines need to agree on each stage of a migration before its KV is sent, in
     * milliseconds.
     */
    migrationHandshakeMs: durationMs.default(0),
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
