import type { LinkState } from './chat-link.ts';
import type { ServerMessage } from './server-message.ts';

/** How a line looks: `own` and `other` messages, `quiet` remarks, `bad` news. */
export type Tone = 'own' | 'other' | 'quiet' | 'bad';

export interface Phrase {
  readonly tone: Tone;
  readonly who?: string;
  readonly text: string;
}

/** The look of a server's message in the terminal; `undefined` for messages that need no line. */
export function phraseOf(message: ServerMessage): Phrase | undefined {
  switch (message.kind) {
    case 'message':
      return { tone: 'other', who: message.id, text: message.text };
    case 'echo':
      return { tone: 'own', who: 'you', text: message.text };
    case 'joined':
      return { tone: 'quiet', text: `→ ${message.id} joined` };
    case 'left':
      return { tone: 'quiet', text: `← ${message.id} left` };
    case 'members':
    case 'member':
      // Shown together, see WhoList.
      return undefined;
    case 'bye':
      return { tone: 'quiet', text: 'the server says good-bye' };
    case 'error':
      return { tone: 'bad', text: errorText(message.code) };
    case 'unknown':
      return { tone: 'quiet', text: message.text };
    default:
      return undefined;
  }
}

export function phraseOfState(state: LinkState, place: string): Phrase | undefined {
  switch (state.name) {
    case 'online':
      return { tone: 'quiet', text: `connected to ${place}; /quit leaves` };
    case 'waiting': {
      const seconds = (state.delayMs / 1000).toFixed(1);
      return { tone: 'bad', text: `${state.because}; trying again in ${seconds} s` };
    }
    case 'over':
      return { tone: state.failed ? 'bad' : 'quiet', text: state.because };
    default:
      return undefined;
  }
}

const ERRORS: Readonly<Record<string, string>> = {
  ALREADY_AUTH: 'a message cannot start with AUTH:, the server takes that for a sign-in',
  TOO_LONG: 'the message was too long',
  IDLE_TIMEOUT: 'the server heard nothing for too long',
  TOO_MANY: 'the server is full',
  // Of our own link, not of the server.
  NOT_SENT: 'a line was not sent',
};

function errorText(code: string): string {
  return ERRORS[code] ?? `the server says ${code}`;
}

/** Control characters of others could move the cursor, or worse. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, ' ');
}
