import { ChatLink } from './chat-link.ts';
import { parseCommand } from './command.ts';
import { phraseOf, phraseOfState } from './phrases.ts';
import { Terminal, type TerminalStreams } from './terminal.ts';
import { WhoList } from './who-list.ts';

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
    const who = new WhoList();
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
    const ask = (text: string): void => {
      unanswered += 1;
      link.send(text);
    };
    const answered = (): void => {
      unanswered = Math.max(0, unanswered - 1);
      quitWhenAnswered();
    };
    const typed = (line: string): void => {
      const command = parseCommand(line);
      if (command.kind === 'say') ask(command.text);
      else if (command.kind === 'who') ask('WHO');
      else if (command.kind === 'show') {
        for (const text of command.lines) terminal.show({ tone: 'quiet', text });
      } else if (command.kind === 'quit') {
        // Sent texts are answered first, unless there is no connection.
        if (link.state.name === 'waiting') quit();
        else terminal.close();
      }
    };
    const terminal = new Terminal({ input, output }, typed, () => {
      hasEnded = true;
      quitWhenAnswered();
      // Not answered in time: a script that pipes into us must not wait for ever.
      setTimeout(giveUp, LAST_ECHO_MS).unref();
    });
    const link = new ChatLink({
      ...where,
      onMessage: (message) => {
        const list = who.add(message);
        const phrase = list ?? phraseOf(message);
        if (phrase !== undefined) terminal.show(phrase);
        if (list !== undefined || message.kind === 'echo' || message.kind === 'error') answered();
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
