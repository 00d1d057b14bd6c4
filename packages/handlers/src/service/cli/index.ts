/**
 * The program `headrace`: `@headrace/handlers/service/cli`, for the script that starts it. Node only.
 *
 * @module
 */
export { main } from './main.ts';
