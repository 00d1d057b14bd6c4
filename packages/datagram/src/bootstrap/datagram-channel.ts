import { type Channel, type MulticastGroup, PipelineError } from '@headrace/core';
import { transportOf } from '@headrace/core/authoring';
import type { DatagramCounters } from '../transport/datagram-counters.ts';
import { DatagramTransport } from '../transport/datagram-transport.ts';

/** The counts of the socket of a channel of datagrams. Throws a `PipelineError` for another channel. */
export function datagramCounters(channel: Channel): Readonly<DatagramCounters> {
  return datagramTransportOf(channel).counters;
}

/**
 * Joins a multicast group from now on; throws the system's error if it cannot.
 *
 * @throws PipelineError `PIPELINE_STATE` before the channel is active, and after its end
 * @see `groups` of `bind`
 */
export function joinGroup(channel: Channel, group: MulticastGroup): void {
  boundTransportOf(channel).join(group);
}

/** Leaves a multicast group; throws as {@link joinGroup}. */
export function leaveGroup(channel: Channel, group: MulticastGroup): void {
  boundTransportOf(channel).leave(group);
}

function boundTransportOf(channel: Channel): DatagramTransport {
  const transport = datagramTransportOf(channel);
  if (transport.isActive) return transport;
  throw new PipelineError(
    'PIPELINE_STATE',
    `${channel} has no socket that is bound: groups of bind are joined with it`,
  );
}

function datagramTransportOf(channel: Channel): DatagramTransport {
  const transport = transportOf(channel);
  if (transport instanceof DatagramTransport) return transport;
  throw new PipelineError('PIPELINE_STATE', `${channel} is no channel of datagrams`);
}
