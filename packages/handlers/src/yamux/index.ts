/**
 * Many channels in one connection, by the yamux protocol: `@headrace/handlers/yamux`.
 *
 * @module
 */

export { GoAwayEvent } from './go-away-event.ts';
export { type SubstreamOptions, YamuxHandler, type YamuxOptions } from './yamux-handler.ts';
