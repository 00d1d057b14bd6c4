/**
 * The program `headrace`: `@headrace/handlers/service/cli`, for what starts it. Node only.
 *
 * @module
 */
export { main } from './main.ts';
