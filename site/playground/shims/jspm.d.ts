// Node's modules for the browser, which bring no types: what we use of them is as Node's own.
declare module '@jspm/core/nodelibs/assert' {
  export { deepStrictEqual } from 'node:assert';
}
declare module '@jspm/core/nodelibs/events' {
  export { EventEmitter } from 'node:events';
}
declare module '@jspm/core/nodelibs/stream' {
  export { Duplex } from 'node:stream';
}
declare module '@jspm/core/nodelibs/util' {
  import util from 'node:util';

  export * from 'node:util';
  export default util;
}
declare module '@jspm/core/nodelibs/url' {
  import url from 'node:url';

  export * from 'node:url';
  export default url;
}
