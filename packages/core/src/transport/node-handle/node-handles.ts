// Node's handles. They are the TCP and pipe objects below `net.Socket`, not public API of Node:
// a connection directly on them takes two thirds of the memory and less CPU per message (docs/performance.md).
//
// Memory of one connection is never sent to another. Three kinds of memory serve many connections; each is kept
// apart by an invariant, and each invariant rests on more than one statement of Node:
//
// 1. The buffer that all handles read into (read-memory.ts). Its bytes belong to the connection whose callback
//    runs, and to no other: they are copied out before anything else is called. How many there are is taken for true
//    only if the count that comes with the read fits the buffer and the handle's own total has grown by as much.
// 2. The memory that small messages are gathered in (socket-memory.ts). It is in use from the first byte copied until
//    the write has returned, so that a callback within the write cannot write over it. It serves again only if the
//    write was over in its call by Node's flag, if Node counted all its bytes, and if libuv's queue of this
//    connection is empty. A write that is not over keeps its memory for good.
// 3. Requests of writes (stream-binding.ts). One is taken out before the write and comes back only after a write
//    that was over; a completion must be that of the one write under way on its connection.
//
// Where Node does otherwise, that connection ends with an error before anything of it is delivered or reused, all
// sharing stops in this process, and the connections that come go Node's public way (docs/decisions/0033-handles-of-node-are-chosen-at-bind.md).
import type { NativeListen, NativeSockets } from '../native-sockets.ts';
import { listenOnSocket } from '../socket-source.ts';
import { HandleAcceptor } from './handle-acceptor.ts';
import { internalsOf, isNode, obstacleOf, type Platform } from './handle-obstacle.ts';
import { checkHandles } from './self-check.ts';
import { StreamBinding } from './stream-binding.ts';

const platform = process as unknown as Platform;

/** Node's handles. */
export const NODE_HANDLES: NativeSockets = {
  kind: 'handle',
  runtime: `Node ${platform.version}`,
  isHere: () => isNode(platform),
  obstacle: () => obstacleOf(platform),
  check,
};

async function check(): Promise<NativeListen | string> {
  const internals = internalsOf(platform);
  if (typeof internals === 'string') return internals;
  const binding = new StreamBinding(internals.stream);
  const wrong = await checkHandles(internals, binding);
  if (wrong !== undefined) return wrong;
  // No static import: a process that does not listen loads nothing of `node:cluster`.
  const { default: cluster } = await import('node:cluster');
  const acceptor = new HandleAcceptor(internals, binding, cluster.isWorker);
  return (target, options, why, isRequired) =>
    listenOnSocket(target, options, { kind: 'handle', why }, { acceptor, options, isRequired });
}
