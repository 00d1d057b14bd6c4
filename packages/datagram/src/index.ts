// A channel of datagrams
export {
  type DatagramBindPlace,
  DatagramBootstrap,
  type DatagramChannelOptions,
  type DatagramConnectPlace,
  type DatagramInitializer,
  type DatagramOptions,
} from './bootstrap/datagram-bootstrap.ts';
export { datagramCounters, joinGroup, leaveGroup } from './bootstrap/datagram-channel.ts';
export { Datagram, type OutboundDatagram, type Recipient, type SenderAddress } from './datagram.ts';
// Errors
export { DATAGRAM_ERRORS } from './datagram-errors.ts';
// A channel for each peer
export type { PeerListener } from './peer/peer-listener.ts';
export {
  type PerPeerOptions,
  perPeer,
  provePeer,
  type ToPeerOptions,
  toPeer,
} from './peer/per-peer.ts';
export type { DatagramSocketOptions } from './socket/datagram-socket-options.ts';
export type { DatagramCounters } from './transport/datagram-counters.ts';
export type { KeptDatagrams } from './transport/datagram-intake.ts';
