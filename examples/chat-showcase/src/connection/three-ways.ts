// One port, three ways in: the first bytes tell which.
import { type Channel, DrainEvent, type Handler, type OutboundBytes } from '@headrace/core';
import { ProtocolDetector } from '@headrace/handlers';
import { ChannelScope, inject, injectable } from '@headrace/inject';
import { ChatEntry } from '../http/chat-entry.ts';
import { SETTINGS, type Settings } from '../settings/settings.ts';
import { addFrames, addLines } from './framings.ts';
import { GreetingHandler } from './greeting-handler.ts';
import { AUTH_DEADLINE, addMember } from './member-pipeline.ts';
import { isFrame, isHttp } from './ways.ts';

/** Looks at the first bytes of a connection and adds the handlers for its way in. */
@injectable()
export class ThreeWays extends ProtocolDetector {
  constructor(@inject(SETTINGS) { authSeconds }: Settings, @inject(ChatEntry) entry: ChatEntry) {
    super({
      protocols: [
        {
          name: 'frames',
          matches: isFrame,
          install: (channel) => addMember(scopeOf(channel), addFrames(channel), 'frames'),
        },
        {
          name: 'http',
          matches: isHttp,
          install: (channel) => entry.serve(channel, scopeOf(channel).resolve(AUTH_DEADLINE)),
        },
      ],
      otherwise: (channel) => addMember(scopeOf(channel), addLines(channel), 'lines'),
      timeoutMs: authSeconds * 1000,
      // A silent connection gets its error in a line: the authentication deadline is over, too.
      handleTimeout: () => 'otherwise',
    });
  }
}

/** Writes BYE to a connection that has sent nothing yet; stands before the detector, which ends without a word. */
export const earlyFarewell: Handler = {
  sharable: true,
  userEventTriggered(ctx, event) {
    const isUndecided = !ctx.channel.attributes.has(ProtocolDetector.PROTOCOL);
    if (event instanceof DrainEvent && isUndecided) {
      event.lastWord(() => ctx.write(Buffer.from('BYE\n')));
    }
    ctx.fireUserEventTriggered(event);
  },
};

/** Starts a connection: its deadline for the sign-in, and the handlers that read its first bytes. */
export function addThreeWays(scope: ChannelScope, channel: Channel<Buffer, OutboundBytes>): void {
  const { authSeconds } = scope.resolve(SETTINGS);
  scope.provide(AUTH_DEADLINE, channel.clock.now() + authSeconds * 1000);
  channel.pipeline.addLast('farewell', earlyFarewell);
  channel.pipeline.addLast(new GreetingHandler(), scope.resolve(ThreeWays));
}

function scopeOf(channel: Channel<Buffer, OutboundBytes>): ChannelScope {
  return ChannelScope.of(channel as Channel)!;
}
