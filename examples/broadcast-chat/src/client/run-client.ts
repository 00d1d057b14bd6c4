import { ChatLink } from './chat-link.ts';
import { phraseOf, phraseOfState } from './phrases.ts';
import { Terminal, type TerminalStreams } from './terminal.ts';

export interface ClientOptions extends TerminalStreams {
  readonly host: string;
  readonly port: number;
  readonly id: string;
  readonly token?: string | undefined;
}

/** When the input has ended, the last echoes may take so long. */
const LAST_ECHO_MS = 5000;

/** Runs until `/quit`, the end of the input or a final refusal; resolves with the exit code. */
export function runClient({ input, output, ...where }: ClientOptions): Promise<number> {
  return new Promise((resolve) => {
    const place = `${where.host}:${where.port}`;
    /** Sent and not echoed yet. */
    let unanswered = 0;
    let hasEnded = false;

    const quit = (): void => {
      void link.close();
    };
    const giveUp = (): void => {
      void link.close('no answer to what was sent', true);
    };
    const quitWhenAnswered = (): void => {
      if (hasEnded && unanswered === 0) quit();
    };
    const terminal = new Terminal(
      { input, output },
      (text) => {
        if (text === '/quit') {
          // What was sent is answered first, unless nobody is there to answer.
          if (link.state.name === 'waiting') quit();
          else terminal.close();
        } else if (text.toUpperCase() === 'PING') {
          terminal.show({ tone: 'quiet', text: 'PING alone is a heartbeat and reaches nobody' });
        } else if (text !== '') {
          unanswered += 1;
          link.send(text);
        }
      },
      () => {
        hasEnded = true;
        quitWhenAnswered();
        // Not answered in time: whoever pipes into us does not want to wait for ever.
        setTimeout(giveUp, LAST_ECHO_MS).unref();
      },
    );
    const link = new ChatLink({
      ...where,
      onMessage: (message) => {
        const phrase = phraseOf(message);
        if (phrase !== undefined) terminal.show(phrase);
        if (message.kind !== 'echo' && message.kind !== 'error') return;
        unanswered = Math.max(0, unanswered - 1);
        quitWhenAnswered();
      },
      onState: (state) => {
        if (state.name === 'over') terminal.close();
        const phrase = phraseOfState(state, place);
        if (phrase !== undefined) terminal.show(phrase);
        if (state.name === 'over') resolve(state.failed ? 1 : 0);
      },
    });
    link.open();
  });
}
