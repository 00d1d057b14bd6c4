/**
 * The command `headrace`. A program of your own can start it with its arguments.
 *
 * @module
 */

export { main } from './main.ts';
