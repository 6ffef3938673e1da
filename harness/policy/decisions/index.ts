/** Every kind of decision that there is, one declaration a file. */
export { cancelDrain } from './cancel-drain.ts';
export { cancelRestore } from './cancel-restore.ts';
export { dispatch } from './dispatch.ts';
export { drain } from './drain.ts';
export { drop } from './drop.ts';
export { hold } from './hold.ts';
export { migrate } from './migrate.ts';
export { preempt } from './preempt.ts';
export { reject } from './reject.ts';
export { restore } from './restore.ts';
export { scaleUp } from './scale-up.ts';
export { setLimits } from './set-limits.ts';
export { setRole } from './set-role.ts';
export { swapIn } from './swap-in.ts';
export { wait } from './wait.ts';
