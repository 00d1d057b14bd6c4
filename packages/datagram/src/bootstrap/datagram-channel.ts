import { type Channel, type MulticastGroup, PipelineError } from '@headrace/core';
import { transportOf } from '@headrace/core/authoring';
import { DatagramCounters } from '../transport/datagram-counters.ts';
import { DatagramTransport } from '../transport/datagram-transport.ts';

/**
 * Returns the counters of the socket of a datagram channel. For a channel of `perPeer`, returns the counters of the socket
 * that all peers share.
 *
 * @throws PipelineError `PIPELINE_STATE` for another channel
 */
export function datagramCounters(channel: Channel): Readonly<DatagramCounters> {
  const transport = transportOf(channel) as { readonly counters?: unknown } | undefined;
  const counters = transport?.counters;
  if (counters instanceof DatagramCounters) return counters;
  const text = `${channel} is not a channel of datagrams: for all peers of perPeer ask the counters of the listener that it returned`;
  throw new PipelineError('PIPELINE_STATE', text);
}

/**
 * Joins a multicast group. Throws the system's error if the system refuses.
 *
 * @throws PipelineError `PIPELINE_STATE` before the channel is active, and after its end; for a channel of `perPeer`, whose
 *   groups are set only by its option
 * @see `groups` of `bind`
 */
export function joinGroup(channel: Channel, group: MulticastGroup): void {
  boundTransportOf(channel).join(group);
}

/**
 * Leaves a multicast group. Throws the system's error if the system refuses.
 *
 * @throws PipelineError `PIPELINE_STATE` as {@link joinGroup}
 */
export function leaveGroup(channel: Channel, group: MulticastGroup): void {
  boundTransportOf(channel).leave(group);
}

function boundTransportOf(channel: Channel): DatagramTransport {
  const transport = transportOf(channel);
  if (!(transport instanceof DatagramTransport)) {
    const text = `${channel} has no socket for datagrams of its own: perPeer({ groups }) joins groups with the bind, and they do not change later`;
    throw new PipelineError('PIPELINE_STATE', text);
  }
  if (transport.isActive) return transport;
  throw new PipelineError(
    'PIPELINE_STATE',
    `${channel} has no socket that is bound: groups of bind are joined with it`,
  );
}
