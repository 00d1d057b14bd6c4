import type { Clock, CloseInfo } from '@headrace/core';
import type { ResumeAction, ResumeMachineOptions } from '../protocol/resume-machine.ts';
import type { SessionState } from '../protocol/session-bytes.ts';
import type { ResumeLink } from './present-link.ts';

/** The owner of a lasting transport: a table on a server, a bootstrap on a client. */
export interface ResumeOwner {
  /** Called when the channel has opened its transport. A client then connects a link. */
  begin(): void;
  /** Called when the channel continues over another link. */
  attached(): void;
  /** Called when this link is lost and the channel waits for another. */
  detached(link: ResumeLink): void;
  /** Called when a message was added without a link. */
  grew(): void;
  /** Called when the peer reports that the channel cannot continue or begin. */
  gone(gone: Extract<ResumeAction, { readonly do: 'gone' }>): void;
  /** Called when the server asks the client to move. */
  moved(move: Extract<ResumeAction, { readonly do: 'move' }>): void;
  /** Whether a closed channel without a link waits for another link, because the channel's output may not have arrived. */
  readonly outlivesChannel: boolean;
  /** Called once when the channel has ended. */
  finished(info: CloseInfo | undefined): void;
}

/** Options of a lasting transport. */
export interface ResumeTransportOptions extends ResumeMachineOptions {
  readonly clock: Clock;
  readonly owner: ResumeOwner;
}

/** The part of a session's state that its transport knows. */
export type TransportState = Omit<SessionState, 'isKnown' | 'principal' | 'saved'>;
