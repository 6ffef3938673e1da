// Entry of a worker process; plain JavaScript, because TypeScript cannot be read yet.
import { registerTypescript } from './register-typescript.js';

registerTypescript();
await import('./worker.ts');
