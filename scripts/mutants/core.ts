import type { Mutant } from './mutant.ts';

export const mutants: readonly Mutant[] = [
  {
    file: 'src/channel/stall-watch.ts',
    find: 'held < heldBefore',
    replace: 'held <= heldBefore',
    test: 'test/channel/stall-watch.test.ts',
    why: 'a peer that acknowledges nothing is stalled',
  },
  {
    file: 'src/channel/transport-channel.ts',
    find: 'if (this.turnListeners === undefined) this.handlerPipeline.destroy();',
    replace: 'this.handlerPipeline.destroy();',
    test: 'test/pipeline/kept-input.test.ts',
    why: 'a closed channel keeps its handlers until the last turn of what they deliver',
  },
  {
    file: 'src/pipeline/kept-input.ts',
    find: 'this.due = this.queue.size;',
    replace: '',
    test: 'test/pipeline/kept-input.test.ts',
    why: 'an error makes the messages before it due although reads are held',
  },
  {
    file: 'src/pipeline/kept-input.ts',
    find: 'const isTurnOver = this.isDue && channel.checkTurn();',
    replace: 'const isTurnOver = false;',
    test: 'test/pipeline/kept-input.test.ts',
    why: 'what is kept is delivered by turns also when the peer has gone',
  },
  {
    file: 'src/pipeline/kept-input.ts',
    find: 'return !this.closed || !this.isTooLate(ctx.channel);',
    replace: 'return true;',
    test: 'test/pipeline/kept-input.test.ts',
    why: 'no more than a bound of a peer that has gone is delivered',
  },
  {
    file: 'src/pipeline/kept-input.ts',
    find: "      this.queue.push(new KeptEvent('event', event));\n      return;\n",
    replace: '',
    test: 'test/pipeline/kept-input.test.ts',
    why: 'a user event does not overtake kept messages',
  },
  {
    file: 'src/pipeline/kept-input.ts',
    find: 'unpinAll(this.queue, this.unpinned);',
    replace: '',
    test: 'test/pipeline/kept-input.test.ts',
    why: 'a small kept message does not keep the memory of its read',
  },
  {
    file: 'src/pipeline/kept-input.ts',
    find: 'if (!this.isEmpty) this.holdDrain();',
    replace: '',
    test: 'test/pipeline/kept-input.test.ts',
    why: 'a drain waits for what was read',
  },
  {
    file: 'src/pipeline/kept-input.ts',
    find: 'if (!this.isWithin) this.passOnAll(ctx);',
    replace: 'this.passOnAll(ctx);',
    test: 'test/pipeline/kept-input.test.ts',
    why: 'a handler removed in the middle of a message passes the rest on after it',
  },
  {
    file: 'src/pipeline/kept-input.ts',
    find: '      if (dropsKeptMessages(channel)) this.drop();\n',
    replace: '',
    test: 'test/pipeline/kept-input.test.ts',
    why: 'nothing that was kept is delivered after our own end',
  },
];
