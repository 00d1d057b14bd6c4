import type { Mutant } from './mutant.ts';

export const mutants: readonly Mutant[] = [
  {
    file: 'src/client/headrace-client.ts',
    find: 'clock.schedule(late, timeoutMs)',
    replace: 'undefined',
    test: 'test/option/functions-that-fail.test.ts',
    why: 'a serializer that never settles ends the call in its time',
  },
  {
    file: 'src/wire/wire-options.ts',
    find: "checkedCodec(atOnce('codec', codec()))",
    replace: 'checkedCodec(codec())',
    test: 'test/wire/wire-options.test.ts',
    why: 'a codec that rejects ends no process',
  },
  {
    file: 'src/server/packet-server-handler.ts',
    find: 'if (incoming.isOpen || incoming.isRunning) return;',
    replace: 'if (incoming.isOpen) return;',
    test: 'test/attacks.test.ts',
    why: 'a cancelled request keeps its place until its function has settled',
  },
  {
    file: 'src/server/packet-server-handler.ts',
    find: 'if (this.requests.find(id) !== undefined) {',
    replace: 'if (false) {',
    test: 'test/attacks.test.ts',
    why: 'an id is in use until its last answer',
  },
  {
    file: 'src/client/headrace-client.ts',
    find: 'new CallTable(clock, { maxQueued,',
    replace: 'new CallTable(clock, { maxQueued: Number.POSITIVE_INFINITY,',
    test: 'test/e2e/connections.test.ts',
    why: 'no more than maxQueued requests wait for a connection',
  },
  {
    file: 'src/wire/in-order.ts',
    find: 'return this.last !== undefined || isPromiseLike(made);',
    replace: 'return isPromiseLike(made);',
    test: 'test/wire/in-order.test.ts',
    why: 'a packet never overtakes one whose deserializer takes longer',
  },
  {
    file: 'src/server/headrace-server.ts',
    find: 'callSafely(',
    replace: '((task: () => unknown, ..._rest: unknown[]) => void task())(',
    test: 'test/e2e/nest-features.test.ts',
    why: 'a hook for the end that fails does not end the process',
  },
  {
    file: 'src/server/packet-server-handler.ts',
    find: '.then((value) => this.send(incoming, value))\n        .catch(failed);',
    replace: '.then((value) => this.send(incoming, value), failed);',
    test: 'test/option/functions-that-fail.test.ts',
    why: 'a serializer that gives no message in time ends no process',
  },
];
