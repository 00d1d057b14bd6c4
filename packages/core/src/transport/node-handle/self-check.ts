import { connectAndCheck } from '../pair-check.ts';
import { HandleTransport } from './handle-transport.ts';
import type { StreamBinding } from './stream-binding.ts';
import type { HandleAddress, NodeInternals, StreamHandle, TcpInternals } from './stream-handle.ts';

const LOOPBACK = '127.0.0.1';

/**
 * Connects two TCP handles of this process and sends bytes through the handles in every way that connections use.
 * Resolves with the fault, or with `undefined`, after some milliseconds.
 */
export async function checkHandles(
  internals: NodeInternals,
  binding: StreamBinding,
  limitMs = 5000,
): Promise<string | undefined> {
  const wrong = await connectAndCheck(async (opened) => {
    const [near, far] = await connectPair(internals.tcp, opened);
    return [new HandleTransport(near, binding), new HandleTransport(far, binding)];
  }, limitMs);
  return wrong ?? binding.distrusted;
}

function connectPair(
  tcp: TcpInternals,
  opened: (close: () => void) => void,
): Promise<readonly [near: StreamHandle, far: StreamHandle]> {
  const { TCP, TCPConnectWrap, constants } = tcp;
  return new Promise((resolve, reject) => {
    const listening = new TCP(constants.SERVER);
    const client = new TCP(constants.SOCKET);
    const accepted: StreamHandle[] = [];
    for (const handle of [listening, client]) opened(() => closeNow(handle));
    const done = (): void => {
      const clientPort = portOf(client, client.getsockname);
      const far = accepted.find((handle) => portOf(handle, handle.getpeername) === clientPort);
      if (!isConnected || far === undefined) return;
      // Another program of this machine may have connected to the port, too.
      for (const handle of accepted) if (handle !== far) closeNow(handle);
      closeNow(listening);
      resolve([client, far]);
    };
    let isConnected = false;
    listening.onconnection = (status, handle) => {
      if (status !== 0 || handle === undefined) return;
      opened(() => closeNow(handle));
      accepted.push(handle);
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
