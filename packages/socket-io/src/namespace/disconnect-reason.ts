import { AttributeKey } from '@headrace/core';
import type { EngineEnd } from '../engine/engine-session.ts';

/** Why a client left a namespace, in the words of Socket.IO. */
export type DisconnectReason =
  | Exclude<EngineEnd, 'forced close'>
  | 'client namespace disconnect'
  | 'server namespace disconnect'
  | 'server shutting down'
  | 'forced server close';

/** Attribute of the channel of a namespace: why the client left. Set before the channel closes, except by this program. */
export const SOCKET_IO_DISCONNECT: AttributeKey<DisconnectReason> =
  new AttributeKey<DisconnectReason>('socketIoDisconnect');
