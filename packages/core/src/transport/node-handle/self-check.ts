import { checkPair, failedBy, within } from '../pair-check.ts';
import { HandleTransport } from './handle-transport.ts';
import type { StreamBinding } from './stream-binding.ts';
import type { HandleAddress, NodeInternals, StreamHandle, TcpInternals } from './stream-handle.ts';

const LOOPBACK = '127.0.0.1';

/**
 * Connects two TCP handles of this process and sends bytes through them in every way that connections do.
 * Resolves with what is wrong, or with `undefined`; takes some milliseconds.
 */
export async function checkHandles(
  internals: NodeInternals,
  binding: StreamBinding,
  limitMs = 5000,
): Promise<string | undefined> {
  const closers: (() => void)[] = [];
  try {
    const [near, far] = (await within(limitMs, connectPair(internals.tcp, closers))) as [
      StreamHandle,
      StreamHandle,
    ];
    const pair = [new HandleTransport(near, binding), new HandleTransport(far, binding)] as const;
    closers.shift()?.();
    closers.length = 0;
    return (await checkPair(pair, limitMs)) ?? binding.distrusted;
  } catch (thrown) {
    return failedBy(thrown);
  } finally {
    for (const close of closers) close();
  }
}

/** A connected pair, and in `closers` first what closes the listening handle. */
function connectPair(tcp: TcpInternals, closers: (() => void)[]): Promise<StreamHandle[]> {
  const { TCP, TCPConnectWrap, constants } = tcp;
  return new Promise((resolve, reject) => {
    const listening = new TCP(constants.SERVER);
    const client = new TCP(constants.SOCKET);
    const made: StreamHandle[] = [client];
    closers.push(
      () => closeNow(listening),
      () => made.forEach(closeNow),
    );
    const done = (): void => {
      const clientPort = portOf(client, client.getsockname);
      const accepted = made.find((handle) => portOf(handle, handle.getpeername) === clientPort);
      if (!isConnected || accepted === undefined) return;
      // Somebody else of this machine may have found the port, too.
      for (const handle of made) if (handle !== client && handle !== accepted) closeNow(handle);
      resolve([client, accepted]);
    };
    let isConnected = false;
    listening.onconnection = (status, handle) => {
      if (status !== 0 || handle === undefined) return;
      made.push(handle);
      done();
    };
    const request = new TCPConnectWrap();
    request.oncomplete = (status) => {
      if (status !== 0) reject(new Error(`cannot connect on ${LOOPBACK} (${status})`));
      isConnected = true;
      done();
    };
    for (const status of [
      listening.bind(LOOPBACK, 0, 0),
      listening.listen(8),
      client.connect(request, LOOPBACK, portOf(listening, listening.getsockname) ?? 0),
    ]) {
      if (status === 0) continue;
      closeNow(client);
      reject(new Error(`cannot listen on ${LOOPBACK} (${status})`));
      return;
    }
  });
}

function closeNow(handle: StreamHandle): void {
  handle.close(() => {});
}

function portOf(handle: StreamHandle, ask: StreamHandle['getsockname']): number | undefined {
  const answer: Partial<HandleAddress> = {};
  return ask?.call(handle, answer) === 0 ? answer.port : undefined;
}
