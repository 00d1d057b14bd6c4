// Test kit: a channel without a socket, virtual time, recorders.
export { EmbeddedChannel, type EmbeddedChannelOptions, type LeftOver } from './embedded-channel.ts';
export {
  EventRecorder,
  eventText,
  type RecordEventsOptions,
  recordEvents,
} from './record-events.ts';
export { VirtualClock } from './virtual-clock.ts';
