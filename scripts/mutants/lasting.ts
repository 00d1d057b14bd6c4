import type { Mutant } from './mutant.ts';

export const mutants: readonly Mutant[] = [
  {
    file: 'src/server/resume-session.ts',
    find: 'awaitsSignIn && !this.isSignedIn ? 0',
    replace: 'awaitsSignIn && !this.isSignedIn ? this.transport.windowMs',
    test: 'test/server/resume-handler.test.ts',
    why: 'the window of a channel begins with its sign-in',
  },
  {
    file: 'src/server/absent-sessions.ts',
    find: 'if (stranger !== undefined) return stranger;',
    replace: '',
    test: 'test/server/resume-handler.test.ts',
    why: 'strangers are given up before clients that have signed in',
  },
  {
    file: 'src/server/resume-table.ts',
    find: 'clock.execute(() => this.absent.excessOf(session, most)?.evict());',
    replace: '',
    test: 'test/server/resume-handler.test.ts',
    why: 'strangers of one address do not fill the table',
  },
  {
    file: 'src/server/resume-table.ts',
    find: 'if (session === undefined || !isRight) return',
    replace: 'if (session === undefined) return',
    test: 'test/server/resume-handler.test.ts',
    why: 'an id alone resumes nothing',
  },
  {
    file: 'src/channel/lasting-input.ts',
    find: 'if (this.arrivals > 0) this.keepArrivals();',
    replace: '',
    test: 'test/server/resume-handler.test.ts',
    why: 'a short message that waits does not keep its read',
  },
  {
    file: 'src/protocol/resume-machine.ts',
    find: 'if (this.links !== links || this.isReset) return undefined;',
    replace: '',
    test: 'test/protocol/resume-machine.test.ts',
    why: 'the messages of a frame after the end of its link come again over the next one',
  },
  {
    file: 'src/protocol/resume-machine.ts',
    find: 'if (frame.length > MANY_BYTES) {',
    replace: 'if (frame.length < 0) {',
    test: 'test/protocol/resume-machine.test.ts',
    why: 'one frame does not fill a turn of the event loop with empty messages',
  },
  {
    file: 'src/protocol/resume-machine.ts',
    find: 'if (this.incoming.arrived(payloadBytes)) return undefined;',
    replace: 'if (this.incoming.arrived(payloadBytes) || true) return undefined;',
    test: 'test/server/resume-handler.test.ts',
    why: 'what waits before the pipeline is bounded by the credit',
  },
  {
    file: 'src/protocol/outgoing-messages.ts',
    find: 'if (run.isLent) run.isShared = true;',
    replace: '',
    test: 'test/protocol/outgoing-messages.test.ts',
    why: 'memory that a lost link may still read serves no other channel',
  },
  {
    file: 'src/protocol/resume-machine.ts',
    find: 'this.oldSecret = secret;',
    replace: '',
    test: 'test/protocol/resume-machine.test.ts',
    why: 'a client whose RESUMED was lost comes back with the secret before',
  },
];
