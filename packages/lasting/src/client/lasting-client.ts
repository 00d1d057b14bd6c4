import { ReconnectingClient, type ReconnectingClientOptions } from '@headrace/client';
import { type Channel, ChannelError, type Clock, systemClock, type Timer } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import { absentError, goneError } from '../channel/lasting-channel.ts';
import type { ResumeOwner } from '../channel/resume-owner.ts';
import { ResumeTransport } from '../channel/resume-transport.ts';
import type { ResumeAction, ResumeMachineOptions } from '../protocol/resume-machine.ts';
import { LastingLink } from './lasting-link.ts';

/** Number of answers in a row after which a client that must come again waits no longer than before. */
const MAX_DOUBLINGS = 3;

/** The client's end of a lasting channel, which connects links with a reconnecting client and passes them to the transport. */
export class LastingClient<P, C extends Channel> implements ResumeOwner {
  /** Always false, because a client that has closed its channel does not reconnect for it. */
  readonly outlivesChannel = false;
  readonly transport: ResumeTransport;
  readonly links: ReconnectingClient<P, C>;
  private readonly clock: Clock;
  private readonly random: () => number;
  private timer: Timer | undefined = undefined;
  private moveTimer: Timer | undefined = undefined;
  private link: Channel | undefined = undefined;
  private retryAfterMs = 0;
  /** Whether the server has asked the client to come again, and the loss of this link was not seen yet. */
  private isAskedAgain = false;
  /** Number of answers in a row by which the server asked the client to come again. */
  private refusals = 0;
  private isFinished = false;

  constructor(lasting: ResumeMachineOptions, links: ReconnectingClientOptions<P, C>) {
    const { clock = systemClock, random = Math.random } = links;
    this.clock = clock;
    this.random = random;
    this.transport = new ResumeTransport({ ...lasting, clock, owner: this });
    const { ready, shouldRetry = () => true } = links;
    this.links = new ReconnectingClient<P, C>({
      ...links,
      ready: (channel) => this.sendHello(channel, ready),
      shouldRetry: (loss) => {
        const afterMs = this.retryAfterMs;
        // A place that is down in between changes nothing. After two such places, the retry policy decides.
        if (!this.isAskedAgain) this.retryAfterMs = 0;
        this.isAskedAgain = false;
        const decision = shouldRetry(loss);
        return decision === true && afterMs > 0 ? { afterMs } : decision;
      },
    });
    // When the user leaves the page for good, the channel closes, so that the server is notified.
    this.links.on('leave', (isKept) => {
      if (!isKept) this.transport.channel?.close();
    });
    this.links.on('state', (state) => {
      if (state.name !== 'closed' || this.isFinished) return;
      const text = 'the client of a lasting channel was closed';
      this.transport.fail(state.error ?? new ChannelError('CHANNEL_CLOSED', text));
    });
  }

  private async sendHello(channel: C, ready: ((channel: C) => unknown) | undefined): Promise<void> {
    await ready?.(channel);
    this.link = channel;
    await new Promise<void>((resolve) => {
      const link: unknown = new LastingLink(this.transport, resolve);
      channel.pipeline.addLast(link as never);
    });
    this.refusals = this.retryAfterMs = 0;
  }

  // --- events of the transport ---

  begin(): void {
    // The state reports the error.
    this.links.start().catch(() => {});
  }

  attached(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }

  detached(): void {
    const { windowMs } = this.transport;
    this.timer = this.clock.schedule(() => {
      const { length } = this.transport.unacknowledged();
      this.transport.fail(absentError(windowMs, length));
    }, windowMs);
  }

  grew(): void {}

  gone({ code, text, retryAfterMs }: Extract<ResumeAction, { readonly do: 'gone' }>): void {
    if (retryAfterMs > 0) {
      // The channel is on its way. The client asks again, here or elsewhere, less often each time. Clients
      // that came together ask at different times.
      const most = retryAfterMs * 2 ** Math.min(this.refusals, MAX_DOUBLINGS);
      this.retryAfterMs = most * (1 - this.random() / 2);
      this.refusals += 1;
      this.isAskedAgain = true;
      this.link?.close('refused');
      return;
    }
    this.transport.fail(goneError(code, text, this.transport.unacknowledged().length));
  }

  moved({ spreadMs, places }: Extract<ResumeAction, { readonly do: 'move' }>): void {
    this.moveTimer?.cancel();
    const { link } = this;
    try {
      this.links.preferOnce((places ?? []) as unknown as readonly P[]);
    } catch (error) {
      link?.pipeline.fireExceptionCaught(toError(error));
      link?.end({ reason: 'bad-input' });
      return;
    }
    const leave = (): void => void link?.close('moved');
    if (spreadMs === 0) leave();
    else this.moveTimer = this.clock.schedule(leave, this.random() * spreadMs);
  }

  finished(): void {
    this.isFinished = true;
    this.timer?.cancel();
    this.moveTimer?.cancel();
    void this.links.close();
  }
}
