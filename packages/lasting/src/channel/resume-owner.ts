import type { Clock, CloseInfo } from '@headrace/core';
import type { ResumeAction, ResumeMachineOptions } from '../protocol/resume-machine.ts';
import type { SessionState } from '../protocol/session-bytes.ts';
import type { ResumeLink } from './present-link.ts';

/** The end that made a lasting transport: a table on a server, a bootstrap on a client. */
export interface ResumeOwner {
  /** The channel has opened its transport: a client looks for a link now. */
  begin(): void;
  /** The channel goes on over another link. */
  attached(): void;
  /** This link is gone, and the channel waits for another. */
  detached(link: ResumeLink): void;
  /** A message was added while there is no link. */
  grew(): void;
  /** The peer says that the channel cannot go on, or cannot begin. */
  gone(gone: Extract<ResumeAction, { readonly do: 'gone' }>): void;
  /** The server wishes that the client moves. */
  moved(move: Extract<ResumeAction, { readonly do: 'move' }>): void;
  /**
   * The channel has closed and what it sent may not have arrived yet: true to wait for another link,
   * as far as there is none.
   */
  readonly outlivesChannel: boolean;
  /** It is over; comes once. */
  finished(info: CloseInfo | undefined): void;
}

/** Options of a lasting transport. */
export interface ResumeTransportOptions extends ResumeMachineOptions {
  readonly clock: Clock;
  readonly owner: ResumeOwner;
}

/** The part of a session's state that its transport knows. */
export type TransportState = Omit<SessionState, 'isKnown' | 'principal' | 'saved'>;
