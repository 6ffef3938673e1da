/**
 * The three types of instances. Any other role counts as mixed, which every instance is that nobody has given
 * another.
 */
export const roles = { interactive: 'interactive', mixed: 'mixed', batch: 'batch' } as const;

export type Role = keyof typeof roles;

export const allRoles: readonly Role[] = ['interactive', 'mixed', 'batch'];

export function isMixed(role: string): boolean {
  return role !== roles.batch && role !== roles.interactive;
}
