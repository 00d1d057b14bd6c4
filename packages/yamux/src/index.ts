// Many channels over one connection, by the yamux protocol

export { GoAwayEvent } from './go-away-event.ts';
export {
  type SubstreamOptions,
  type SubstreamPipeline,
  YamuxHandler,
  type YamuxOptions,
} from './yamux-handler.ts';
