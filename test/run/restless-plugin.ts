/** As a plug-in: what a configuration can name. */
export { restless as default } from '../core/restless.ts';
