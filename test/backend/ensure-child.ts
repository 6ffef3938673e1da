/** Runs `ensureBackend` on the fake machine in the given folder, in a process that a test can kill. */
import { must } from '../../harness/base/assert.ts';
import { ensureBackend } from '../../harness/backend/provision.ts';
import { hostOf } from './fake-machine.ts';

await ensureBackend({ device: 'cpu' }, hostOf(must(process.argv[2], 'folder of the machine')));
