/**
 * Many channels over one connection, by the yamux protocol: `@headrace/handlers/yamux`.
 *
 * @module
 */

export { GoAwayEvent } from './go-away-event.ts';
export {
  type SubstreamOptions,
  type SubstreamPipeline,
  YamuxHandler,
  type YamuxOptions,
} from './yamux-handler.ts';
