import { ChatLink } from './chat-link.ts';
import { parseCommand } from './command.ts';
import { Outbox } from './outbox.ts';
import type { Phase } from './phase.ts';
import { type Phrase, phraseOf, phraseOfPhase } from './phrases.ts';
import type { ServerMessage } from './server-message.ts';
import { tcpDoor } from './tcp-door.ts';
import { Terminal, type TerminalStreams } from './terminal.ts';
import { WhoList } from './who-list.ts';

export interface ClientOptions extends TerminalStreams {
  readonly host: string;
  readonly port: number;
  readonly id: string;
  readonly token?: string | undefined;
}

const WHO = 'WHO';
/** As many as one types, or pipes, in a while. */
const MAX_WAITING_LINES = 100_000;
/** When the input has ended, the last echoes may take so long. */
const LAST_ECHO_MS = 5000;

/** Runs until `/quit`, the end of the input or a final refusal; resolves with the exit code. */
export function runClient({
  input,
  output,
  host,
  port,
  id,
  token,
}: ClientOptions): Promise<number> {
  return new Promise((resolve) => {
    const place = `${host}:${port}`;
    const who = new WhoList();
    const outbox = new Outbox({ maxMessages: MAX_WAITING_LINES });
    let hasEnded = false;
    let isGivenUp = false;
    let isOver = false;

    const show = (phrase: Phrase): void => terminal.show(phrase);
    const quit = (): void => {
      if (!isOver) void link.close();
    };
    const giveUp = (): void => {
      if (isOver) return;
      isGivenUp = true;
      show({ tone: 'bad', text: 'no answer to what was sent' });
      quit();
    };
    const quitWhenAnswered = (): void => {
      if (hasEnded && outbox.messages.length === 0) quit();
    };
    const deliver = (): void => outbox.flush((text) => link.send(text));
    const ask = (text: string): void => {
      if (outbox.isFull) show({ tone: 'bad', text: 'too many lines wait; this one was not sent' });
      else outbox.add(text);
      deliver();
    };
    /** Nobody is there to decide about each: what may not have arrived is shown, and not sent again. */
    const lost = (): void => {
      outbox.linkLost();
      for (const { key, text, state } of [...outbox.messages]) {
        if (state === 'queued') continue;
        const why = state === 'refused' ? 'was refused' : 'may not have arrived';
        if (text !== WHO) show({ tone: 'bad', text: `a line ${why}: ${text}` });
        outbox.discard(key);
      }
      quitWhenAnswered();
    };
    const heard = (message: ServerMessage): void => {
      const list = who.add(message);
      const phrase = list ?? phraseOf(message);
      if (phrase !== undefined) show(phrase);
      if (list !== undefined) outbox.confirm(WHO);
      if (message.kind === 'echo') outbox.confirm(message.text);
      if (message.kind === 'error') {
        outbox.refuseOldest();
        for (const { key, state } of [...outbox.messages]) {
          if (state === 'refused') outbox.discard(key);
        }
      }
      quitWhenAnswered();
    };
    const typed = (line: string): void => {
      const command = parseCommand(line);
      if (command.kind === 'say') ask(command.text);
      else if (command.kind === 'who') ask(WHO);
      else if (command.kind === 'show') {
        for (const text of command.lines) show({ tone: 'quiet', text });
      } else if (command.kind === 'quit') {
        // Sent texts are answered first, unless there is no connection.
        if (link.phase.name === 'waiting') quit();
        else terminal.close();
      }
    };
    const followed = (phase: Phase): void => {
      if (isOver) return;
      isOver = ['offline', 'kicked', 'refused'].includes(phase.name);
      if (isOver) terminal.close();
      const phrase = phraseOfPhase(phase, place);
      if (phrase !== undefined && !isGivenUp) show(phrase);
      if (phase.name === 'online') deliver();
      if (phase.name === 'waiting') lost();
      if (isOver) resolve(phase.name === 'offline' && !isGivenUp ? 0 : 1);
    };
    const terminal = new Terminal({ input, output }, typed, () => {
      hasEnded = true;
      quitWhenAnswered();
      // Not answered in time: a script that pipes into us must not wait for ever.
      setTimeout(giveUp, LAST_ECHO_MS).unref();
    });
    const link = new ChatLink({
      door: tcpDoor({ host, port }),
      onMessage: heard,
      onPhase: followed,
    });
    link.open({ id, token: token ?? '' });
  });
}
