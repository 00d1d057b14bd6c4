// Node's handles. They are the TCP and pipe objects below `net.Socket`, not public API of Node. A connection
// directly on a handle needs two thirds of the memory and less CPU per message (docs/performance.md).
//
// Memory of one connection is never sent to another connection. Three kinds of memory serve many connections. Each
// kind is kept separate by an invariant, and each invariant rests on more than one statement of Node:
//
// 1. The buffer into which all handles read (read-memory.ts). Its bytes belong only to the connection whose
// callback runs. They are copied before any other function is called. Their number is accepted only if the count of
// the read fits the buffer and the handle's own total has grown by the same number.
// 2. The memory in which small messages are gathered (socket-memory.ts). It is in use from the first copied byte
// until the write has returned, so that a callback within the write cannot overwrite it. It serves again only if
// Node's flag says that the write ended in its call, Node counted all its bytes, and libuv's queue of this
// connection is empty. A write that has not ended keeps its memory permanently.
// 3. Requests of writes (stream-binding.ts). A request is taken out before the write and comes back only after a
// write that ended. A completion must belong to the single write under way on its connection.
//
// If Node breaks a rule, that connection ends with an error before any of its memory is delivered or reused. All
// sharing then stops in this process, and later connections use Node's public API
// (docs/decisions/0033-handles-of-node-are-chosen-at-bind.md).
import type { NativeListen, NativeSockets } from '../native-sockets.ts';
import { listenOnSocket } from '../socket-source.ts';
import { HandleAcceptor } from './handle-acceptor.ts';
import { internalsOf, isNode, obstacleOf, type Platform } from './handle-obstacle.ts';
import { checkHandles } from './self-check.ts';
import { StreamBinding } from './stream-binding.ts';

const platform = process as unknown as Platform;

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
  // A dynamic import, so that a process that does not listen does not load `node:cluster`.
  const { default: processes } = await import('node:cluster');
  const acceptor = new HandleAcceptor(internals, binding, processes.isWorker);
  return (target, options, why, isRequired) =>
    listenOnSocket(target, options, { kind: 'handle', why }, { acceptor, options, isRequired });
}
