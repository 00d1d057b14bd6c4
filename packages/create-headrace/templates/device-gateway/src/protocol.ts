// JSON-RPC 2.0, one message a line. A device logs in first:
//
//   → {"jsonrpc":"2.0","method":"login","params":{"device":"pump-7","token":"secret"}}
//   ← {"jsonrpc":"2.0","method":"welcome","params":{"device":"pump-7"}}
//   → {"jsonrpc":"2.0","method":"telemetry","params":{"celsius":21.5}}
//   ← {"jsonrpc":"2.0","id":1,"method":"open","params":{"valve":2}}
//   → {"jsonrpc":"2.0","id":1,"result":"opened"}

/** The longest message of a device. */
export const MAX_MESSAGE_BYTES = 16_384;

/** What a device logs in with. */
export interface Login {
  readonly device: string;
  readonly token: string;
}

export function loginMessage({ device, token }: Login): object {
  return { jsonrpc: '2.0', method: 'login', params: { device, token } };
}

/** The login in a message from a stranger, who may send anything; `undefined` if it is none. */
export function readLogin(message: unknown): Login | undefined {
  const { method, params } = (message ?? {}) as { method?: unknown; params?: unknown };
  const { device, token } = (params ?? {}) as { device?: unknown; token?: unknown };
  return method === 'login' ? checkedLogin(device, token) : undefined;
}

/** A login of these parts; `undefined` if they are of other types, or the name has other characters. */
export function checkedLogin(device: unknown, token: unknown): Login | undefined {
  if (typeof device !== 'string' || typeof token !== 'string') return undefined;
  return /^[\w.-]{1,64}$/.test(device) ? { device, token } : undefined;
}

/** A message without an answer. */
export function notice(method: string, params: object): object {
  return { jsonrpc: '2.0', method, params };
}
