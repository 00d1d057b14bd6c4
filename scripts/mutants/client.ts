import type { Mutant } from './mutant.ts';

export const mutants: readonly Mutant[] = [
  {
    file: 'src/retry/fixed.ts',
    find: 'if (attempt > attempts) return undefined;',
    replace: '',
    test: 'test/retry/fixed.test.ts',
    why: 'attempts are counted',
  },
  {
    file: 'src/retry/spread.ts',
    find: 'if (missedMs > 0) beginMs += Math.ceil(missedMs / lengthMs) * lengthMs;',
    replace: '',
    test: 'test/retry/spread.test.ts',
    why: 'a missed slot is not made up for at once, with all the others',
  },
  {
    file: 'src/pool/channel-pool.ts',
    find: 'if (this.mustRefuseWaiter())',
    replace: 'if (false)',
    test: 'test/pool/channel-pool.test.ts',
    why: 'callers that wait for a connection are counted',
  },
  {
    file: 'src/pool/channel-pool.ts',
    find: "else if (entry.uses >= maxUses) this.drop(entry, 'worn');",
    replace: '',
    test: 'test/pool/channel-pool.test.ts',
    why: 'a connection is replaced after its uses',
  },
  {
    file: 'src/pool/lease.ts',
    find: 'if (!this.isOver) this.release();',
    replace: 'this.release();',
    test: 'test/pool/channel-pool.test.ts',
    why: 'a lease is given back once',
  },
  {
    file: 'src/address/http-addresses.ts',
    find: 'if (bytes > this.#maxBytes) {',
    replace: 'if (false) {',
    test: 'test/address/http-addresses.test.ts',
    why: 'a list of addresses has a limit',
  },
  {
    file: 'src/address/http-addresses.ts',
    find: 'this.#known !== undefined && this.#clock.now() < this.#known.untilMs',
    replace: 'this.#known !== undefined',
    test: 'test/address/http-addresses.test.ts',
    why: 'a list of addresses is asked for again',
  },
  {
    file: 'src/reconnect/reconnect-machine.ts',
    find: "current.name === 'online' && now - this.onlineAt >= this.rules.stableMs",
    replace: "current.name === 'online'",
    test: 'test/reconnect/reconnecting-client.test.ts',
    why: 'only a connection that was stable begins the delays anew',
  },
  {
    file: 'src/reconnect/offline-queue.ts',
    find: 'if (bytes > this.maxBytes) {',
    replace: 'if (false) {',
    test: 'test/reconnect/reconnecting-client.test.ts',
    why: 'what is kept while offline is bounded',
  },
];
