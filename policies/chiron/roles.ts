/**
 * The three types of instances. Any other role, including the default of an instance that no policy has
 * labelled, counts as mixed.
 */
export const roles = { interactive: 'interactive', mixed: 'mixed', batch: 'batch' } as const;

export type Role = keyof typeof roles;

export const allRoles: readonly Role[] = ['interactive', 'mixed', 'batch'];

export function isMixed(role: string): boolean {
  return role !== roles.batch && role !== roles.interactive;
}
