import type { Phase } from './phase.ts';
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

/** The line about a change of the link; of some there is none. */
export function phraseOfPhase(phase: Phase, place: string): Phrase | undefined {
  switch (phase.name) {
    case 'online':
      return { tone: 'quiet', text: `connected to ${place}; /quit leaves` };
    case 'waiting': {
      const seconds = (phase.delayMs / 1000).toFixed(1);
      return { tone: 'bad', text: `${causeText(phase.because)}; trying again in ${seconds} s` };
    }
    case 'offline':
      return { tone: 'quiet', text: 'good bye' };
    case 'kicked':
      return { tone: 'bad', text: 'somebody signed in under this name elsewhere' };
    case 'refused':
      return { tone: 'bad', text: causeText(phase.because) };
    default:
      return undefined;
  }
}

const CAUSES: Readonly<Record<string, string>> = {
  lost: 'the connection was lost',
  silent: 'the server does not answer',
  unreachable: 'the server cannot be reached',
  restarting: 'the server shut down',
  slow: 'the server closed the connection: it was not read',
  AUTH_FAILED: 'the server does not let this name in with this token',
  EMPTY_CLIENT_ID: 'the name is empty',
  BAD_CLIENT_ID:
    'the server does not take this name: at most 64 characters, all of them visible, single spaces',
};

/** Codes of the server are shown as they are. */
function causeText(cause: string): string {
  const isCode = /^[A-Z_]+$/.test(cause);
  return CAUSES[cause] ?? (isCode ? `the server said ${cause}` : cause);
}

const ERRORS: Readonly<Record<string, string>> = {
  ALREADY_AUTH: 'a message cannot start with AUTH:, the server takes that for a sign-in',
  TOO_LONG: 'the message was too long',
  IDLE_TIMEOUT: 'the server heard nothing for too long',
  TOO_MANY: 'the server is full',
};

function errorText(code: string): string {
  return ERRORS[code] ?? `the server says ${code}`;
}

/** Control characters of others could move the cursor, or worse. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, ' ');
}
