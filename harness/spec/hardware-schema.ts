import { z } from 'zod';
import { msToUs, secondsToUs } from '../base/units.ts';
import type { Hardware } from '../core/hardware.ts';
import { bytesPerSecondSchema, bytesSchema, flopsPerSecondSchema } from './quantity.ts';

const durationUs = z.number().nonnegative();
const efficiency = z.number().positive().max(1).default(1);

const linkSchema = z.strictObject({
  /** Each direction on its own. */
  bandwidth: bytesPerSecondSchema,
  latencyUs: durationUs,
});

/** A device as `configs/hardware/*.yaml` or a configuration writes it: data-sheet figures and what is reached of them. */
export const hardwareSchema = z
  .strictObject({
    name: z.string().min(1).optional(),
    memory: bytesSchema,
    /** Kept free for activations and fragmentation. */
    reserve: bytesSchema,
    compute: z.strictObject({
      peak: flopsPerSecondSchema,
      /** Share of the peak that large matrix products reach. */
      peakEfficiency: efficiency,
      memoryBandwidth: bytesPerSecondSchema,
      memoryEfficiency: efficiency,
      layerOverheadUs: durationUs,
      stepOverheadUs: durationUs,
    }),
    hostLink: linkSchema,
    hostMemory: bytesSchema,
    network: linkSchema,
    diskBandwidth: bytesPerSecondSchema,
    /** Whether a copy of the weights stays in host memory, beside `hostMemory`; layers are then read from there, not from disk. */
    weightsInHostMemory: z.boolean().default(false),
    /** From asking for an instance until it starts to load weights. */
    provisioningS: z.number().nonnegative(),
    /** Changing what device memory is mapped to. */
    remapMs: z.number().nonnegative(),
  })
  .refine((hardware) => hardware.reserve < hardware.memory, {
    path: ['reserve'],
    error: 'must be less than memory',
  });

type HardwareInput = z.output<typeof hardwareSchema>;

export function toHardware(input: HardwareInput, name: string): Hardware {
  const { compute } = input;
  return {
    name: input.name ?? name,
    memoryBytes: input.memory,
    reserveBytes: input.reserve,
    compute: {
      flopsPerSecond: compute.peak * compute.peakEfficiency,
      memoryBytesPerSecond: compute.memoryBandwidth * compute.memoryEfficiency,
      layerOverheadUs: compute.layerOverheadUs,
      stepOverheadUs: compute.stepOverheadUs,
    },
    hostLink: toLink(input.hostLink),
    hostMemoryBytes: input.hostMemory,
    network: toLink(input.network),
    diskBytesPerSecond: input.diskBandwidth,
    weightsInHostMemory: input.weightsInHostMemory,
    provisioningUs: secondsToUs(input.provisioningS),
    remapUs: msToUs(input.remapMs),
  };
}

function toLink({ bandwidth, latencyUs }: z.output<typeof linkSchema>) {
  return { bytesPerSecond: bandwidth, latencyUs };
}
