import type { Mutant } from './mutant.ts';

export const mutants: readonly Mutant[] = [
  {
    file: 'src/cluster/cluster.ts',
    find: 'if (isPromiseLike(value)) value.then(undefined, () => {});',
    replace: '',
    test: 'test/cluster/cluster.test.ts',
    why: 'a figure of the application that rejects ends no process',
  },
  {
    file: 'src/envelope/number-line.ts',
    find: 'last !== undefined && number <= last',
    replace: 'last !== undefined && number < last',
    test: 'test/envelope/number-line.test.ts',
    why: 'an envelope that comes twice is delivered once',
  },
  {
    file: 'src/bus/unheard.ts',
    find: 'if (unheardBytes > MAX_UNHEARD_BYTES) return false;',
    replace: '',
    test: 'test/bus/memory-bus.test.ts',
    why: 'an engine that takes nothing is not given more than 16 MiB',
  },
  {
    file: 'src/bus/bus-link-keeper.ts',
    find: 'if (now - this.heardAt >= patienceMs) {',
    replace: 'if (now < 0) {',
    test: 'test/bus/memory-bus.test.ts',
    why: 'a bus that does not hear itself is down',
  },
  {
    file: 'src/bus/bus-link-keeper.ts',
    find: 'this.heardAt += stoodStillMs(now, this.lookAt, heartbeatMs);',
    replace: '',
    test: 'test/bus/engine-bus.test.ts',
    why: 'the time in which this process stood still is not the silence of the bus',
  },
  {
    file: 'src/node/directory.ts',
    find: 'if (stoodMs > 0) this.machine.stoodStill(stoodMs, now);',
    replace: '',
    test: 'test/cluster/cluster.test.ts',
    why: 'the time in which this process stood still is not the silence of other nodes',
  },
  {
    file: 'src/node/directory.ts',
    find: 'if (this.deafSince !== undefined) this.machine.stoodStill(now - this.deafSince, now);',
    replace: '',
    test: 'test/cluster/cluster.test.ts',
    why: 'the time without a bus is not the silence of other nodes',
  },
  {
    file: 'src/bus/kept-messages.ts',
    find: 'if (sizeOf(message) > maxBytes) return false;',
    replace: '',
    test: 'test/bus/kept-messages.test.ts',
    why: 'a message larger than all that may be kept drops no others',
  },
  {
    file: 'src/room/room-messages.ts',
    find: "typeof id === 'string' && id !== '' && id.length <= MAX_ID_LENGTH",
    replace: "typeof id === 'string'",
    test: 'test/room/durable-group.test.ts',
    why: 'an id is a text of 1 to 128 characters',
  },
  {
    file: 'src/log/memory-stream.ts',
    find: 'if (seen !== undefined) return { epoch: this.epoch, offset: seen.offset };',
    replace: '',
    test: 'test/bus/memory-bus.test.ts',
    why: 'a message that is written again with its id is stored once',
  },
];
