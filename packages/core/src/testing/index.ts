// Test kit: a channel without a socket, virtual time, recorders.
export { EmbeddedChannel, type EmbeddedChannelOptions, type LeftOver } from './embedded-channel.ts';
export { VirtualClock } from './virtual-clock.ts';
