import type { Mutant } from './mutant.ts';

export const mutants: readonly Mutant[] = [
  {
    file: 'src/server/web-socket-upgrader.ts',
    find: 'webSocket === undefined || !this.paths.has(pathOf(request))',
    replace: 'webSocket === undefined',
    test: 'test/server/web-socket-upgrader.net.test.ts',
    why: 'an upgrade on another path is refused',
  },
  {
    file: 'src/server/web-socket-upgrader.ts',
    find: 'if (this.isAllowed(request, source, handler.connection)) return source;',
    replace: 'return source;',
    test: 'test/server/http-endpoint.net.test.ts',
    why: 'a page of another site opens no WebSocket',
  },
  {
    file: 'src/server/web-socket-upgrader.ts',
    find: "atOnce('allowOrigin', this.allowOrigin?.(origin, request)) === true",
    replace: 'this.allowOrigin?.(origin, request)',
    test: 'test/server/http-endpoint.net.test.ts',
    why: 'a promise of allowOrigin, which nobody waits for, allows nothing',
  },
  {
    file: 'src/server/own-origin.ts',
    find: 'if (page.host !== new URL(asked).host) return false;',
    replace: '',
    test: 'test/server/own-origin.test.ts',
    why: 'host and port of the page are those of the request',
  },
  {
    file: 'src/server/own-origin.ts',
    find: "return page.hostname === 'localhost' || isLoopback(page.hostname);",
    replace: 'return true;',
    test: 'test/server/own-origin.test.ts',
    why: 'a name that another site points at this machine is refused',
  },
  {
    file: 'src/server/own-origin.ts',
    find: 'if (!URL.canParse(origin)) return false;',
    replace: '',
    test: 'test/server/own-origin.test.ts',
    why: 'an origin that is no URL is refused',
  },
  {
    file: 'src/server/forwarding-proxies.ts',
    find: 'if (this.isTrusted(peer) !== true) return own;',
    replace: '',
    test: 'test/server/forwarding-proxies.test.ts',
    why: 'a stranger who says that it is a proxy is not believed',
  },
  {
    file: 'src/server/forwarding-proxies.ts',
    find: 'if (this.trustsAny || this.isTrusted(address) !== true) break;',
    replace: '',
    test: 'test/server/forwarding-proxies.test.ts',
    why: 'what a client sent to the proxy is not believed',
  },
  {
    file: 'src/server/forwarding-proxies.ts',
    find: "client !== undefined && 'host' in client && !isLoopback(client.host)",
    replace: 'true',
    test: 'test/server/forwarding-proxies.test.ts',
    why: 'a browser on the machine of the proxy is not the proxy',
  },
];
