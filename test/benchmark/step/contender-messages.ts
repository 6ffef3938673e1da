/** The sides, each in a process of its own, so that they share no threads, allocator or garbage collector. */
export const contenderNames = ['servebench', 'llama.cpp', 'llama.cpp f16'] as const;
export type ContenderName = (typeof contenderNames)[number];

/** What the parent asks one side to do; it waits for the reply before it asks any side again. */
export type Request =
  | { readonly kind: 'describe' }
  | { readonly kind: 'prepare'; readonly caseName: string }
  | { readonly kind: 'time'; readonly numSteps: number };

export type Reply =
  | { readonly kind: 'described'; readonly description: string }
  | { readonly kind: 'prepared'; readonly settings: string; readonly tokens: readonly number[] }
  | { readonly kind: 'timed'; readonly stepUs: readonly number[] }
  | { readonly kind: 'failed'; readonly message: string };
