/** The moments at which the core asks a policy, by the names of the methods of `Policy`. */
export const moments = [
  'initialInstances',
  'initialGroups',
  'dispatch',
  'order',
  'limits',
  'onSchedule',
  'formMicroBatches',
  'onMemoryPressure',
  'onTick',
  'onEvent',
  'onStage',
  'stats',
] as const;

export type Moment = (typeof moments)[number];

/** The moments that are answered with a list of decisions. */
export const actingMoments = [
  'onSchedule',
  'onMemoryPressure',
  'onTick',
  'onEvent',
] as const satisfies readonly Moment[];

export type ActingMoment = (typeof actingMoments)[number];

/** The moments that are answered with decisions. */
export const decidingMoments = ['dispatch', ...actingMoments] as const;

export type DecidingMoment = (typeof decidingMoments)[number];
