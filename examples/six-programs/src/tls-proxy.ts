// Ends TLS, and forwards each connection to a server that learns the client's address by the PROXY protocol.
// Written from docs/guides/behind-a-proxy.md, tls.md and files-and-relays.md.
import { ProxyProtocolEncoder, proxyHeaderOf } from '@headrace/codec';
import { Bootstrap, type Server, ServerBootstrap, type TlsServerOptions } from '@headrace/core';
import {
  ConnectionLimitHandler,
  ForwardHandler,
  IdleCloseHandler,
  IdleStateHandler,
} from '@headrace/handlers';

export interface TlsProxyOptions {
  readonly host?: string;
  readonly port: number;
  /** The certificate and its key, in PEM. `server.reloadTls` replaces them. */
  readonly tls: TlsServerOptions;
  readonly to: { readonly host: string; readonly port: number };
  /** Time without a byte in both directions after which a connection ends. */
  readonly idleMs?: number;
}

export function startTlsProxy(options: TlsProxyOptions): Promise<Server> {
  const { host = '127.0.0.1', port, tls, to, idleMs = 300_000 } = options;
  // The end of one half is passed on, and the other half goes on.
  const common = { allowHalfOpen: true };
  return new ServerBootstrap()
    .handler(({ pipeline }) =>
      pipeline.addLast(new ConnectionLimitHandler({ total: 10_000, perAddress: 100 })),
    )
    .childOptions(common)
    .childHandler((front) =>
      front.pipeline.addLast(
        new IdleStateHandler({ allIdleMs: idleMs }),
        new IdleCloseHandler(),
        new ForwardHandler({
          connect: ({ install, signal }) =>
            new Bootstrap()
              .options({ ...common, connectTimeoutMs: 5000 })
              .handler((back) => {
                back.pipeline.addLast(new ProxyProtocolEncoder(proxyHeaderOf(front)));
                install(back);
              })
              .connect(to, { signal }),
        }),
      ),
    )
    .bind({ host, port, tls });
}
